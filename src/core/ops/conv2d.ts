/** Convolution, channels last, with the gradients of input, weight and bias. */
import { LoupeError } from "../../error.ts";
import {
  type ConvShape,
  conv2dInputGradKernel,
  conv2dKernel,
  conv2dWeightGradKernel,
  weightGradChunks,
} from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { foldMiddle } from "./fold.ts";

/** One number for both axes, or `[vertical, horizontal]`. */
export type Pair = number | readonly [number, number];

export interface Conv2dOptions {
  readonly stride?: Pair;
  /** Zeros around the image: one number, `[vertical, horizontal]`, or `[top, bottom, left, right]`. */
  readonly padding?: Pair | readonly [number, number, number, number];
  readonly dilation?: Pair;
  readonly groups?: number;
}

/**
 * 2-D convolution (cross-correlation, as PyTorch's).
 * @param x `[N, H, W, C]`
 * @param weight `[kh, kw, C / groups, K]`
 * @param bias `[K]`
 * @returns `[N, OH, OW, K]`
 */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: Conv2dOptions = {},
): Tensor {
  const tensors = bias ? [x, weight, bias] : [x, weight];
  deviceOf("conv2d", tensors);
  requireDType("conv2d", "f32", ...tensors);
  const s = convShape(x, weight, bias, options);
  const y = x.device.empty([s.n, s.oh, s.ow, s.k]);
  if (y.size) launch(conv2dKernel(s, bias !== undefined, x.device.subgroups), tensors, [y]);
  return track("conv2d", y, tensors, (dy) => [
    carriesGrad(x) ? inputGrad(x, weight, dy, s) : undefined,
    carriesGrad(weight) ? weightGrad(x, weight, dy, s) : undefined,
    bias && carriesGrad(bias)
      ? foldMiddle(dy, 1, s.n * s.oh * s.ow, s.k, {
          name: "conv2d bias gradient",
          fold: "sum",
        }).view(bias.shape)
      : undefined,
  ]);
}

function inputGrad(x: Tensor, weight: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const dx = x.device.empty(x.shape);
  launch(conv2dInputGradKernel(s, x.device.subgroups), [dy, weight], [dx]);
  return dx;
}

function weightGrad(x: Tensor, weight: Tensor, dy: Tensor, s: ConvShape): Tensor {
  if (dy.size === 0 || weight.size === 0) return x.device.zeros(weight.shape);
  const chunks = weightGradChunks(s);
  const parts = x.device.empty([chunks, ...weight.shape]);
  launch(conv2dWeightGradKernel(s, chunks, x.device.subgroups), [x, dy], [parts]);
  if (chunks === 1) return parts.view(weight.shape);
  const name = "conv2d weight gradient";
  const dw = foldMiddle(parts, 1, chunks, weight.size, { name, fold: "sum" });
  parts.dispose();
  return dw.view(weight.shape);
}

/** Both numbers of a pair. */
export function pair(value: Pair): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

function convShape(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  o: Conv2dOptions,
): ConvShape {
  const where = `(input ${show(x.shape)}, weight ${show(weight.shape)})`;
  const fail = (rule: string) => new LoupeError("shape", `conv2d: ${rule} ${where}`);
  if (x.shape.length !== 4) throw fail("input must be [N, H, W, C]");
  if (weight.shape.length !== 4) throw fail("weight must be [kh, kw, C / groups, K]");
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [kh, kw, cg, k] = weight.shape as [number, number, number, number];
  const { groups = 1 } = o;
  if (cg * groups !== c) throw fail(`input has ${c} channels but weight expects ${cg * groups}`);
  if (k % groups !== 0) throw fail(`${k} output channels do not divide into ${groups} groups`);
  if (bias && (bias.shape.length !== 1 || bias.size !== k)) {
    throw fail(`bias must be [${k}], got ${show(bias.shape)}`);
  }
  const [strideH, strideW] = pair(o.stride ?? 1);
  const [dilationH, dilationW] = pair(o.dilation ?? 1);
  const padding = o.padding ?? 0;
  const [padTop, padBottom, padLeft, padRight] =
    typeof padding === "object" && padding.length === 4
      ? padding
      : [pair(padding)[0], pair(padding)[0], pair(padding)[1], pair(padding)[1]];
  const oh = Math.floor((h + padTop + padBottom - dilationH * (kh - 1) - 1) / strideH) + 1;
  const ow = Math.floor((w + padLeft + padRight - dilationW * (kw - 1) - 1) / strideW) + 1;
  if (oh < 1 || ow < 1) throw fail(`kernel does not fit: output would be ${oh} × ${ow}`);
  const strides = { strideH, strideW, padTop, padLeft, dilationH, dilationW };
  for (const [name, value] of Object.entries(strides)) {
    const least = name.startsWith("pad") ? 0 : 1;
    if (!Number.isInteger(value) || value < least) throw fail(`${name} is ${value}`);
  }
  return { n, h, w, c, k, kh, kw, oh, ow, ...strides, groups };
}
