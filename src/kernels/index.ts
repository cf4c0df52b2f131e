/** The kernels' API: specs as data. */
export * from "./argmax.ts";
export * from "./batch-norm.ts";
export * from "./channels.ts";
export * from "./conv2d.ts";
export * from "./gather.ts";
export * from "./interpolate.ts";
export * from "./lanes.ts";
export * from "./matmul.ts";
export * from "./optim.ts";
export * from "./order.ts";
export * from "./permute.ts";
export * from "./pointwise.ts";
export * from "./pool2d.ts";
export * from "./random.ts";
export * from "./reduce.ts";
export * from "./sort.ts";
export * from "./spec.ts";
export { wgsl } from "./wgsl.ts";
