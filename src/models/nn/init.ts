/**
 * Starting values of weights, drawn on the host from a given stream, so that every adapter starts from the same bits.
 * He et al., "Delving Deep into Rectifiers" (ICCV 2015); bounds and defaults are PyTorch's (`torch.nn.init`).
 */
import type { Device, Rng, Shape, Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { sizeOf } from "../../kernels/index.ts";

/** What a layer is built with. Without `rng` weights are zeros: for networks that load theirs. */
export interface Build {
  readonly device: Device;
  readonly rng: Rng | undefined;
}

/** Draws the values of a weight: convolutions `[kh, kw, I, O]`, linear layers `[O, I]`. */
export type Initialiser = (shape: Shape, rng: Rng) => Float32Array<ArrayBuffer>;

export interface KaimingOptions {
  /** Keep the variance of the forward pass (`fanIn`) or of the backward pass. */
  readonly mode?: "fanIn" | "fanOut";
  readonly nonlinearity?: "relu" | "leakyRelu" | "linear";
  /** Slope of the leaky ReLU. */
  readonly a?: number;
}

/** Inputs and outputs that one output, and one input, of a weight is connected to. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length === 2) return { fanIn: shape[1] as number, fanOut: shape[0] as number };
  if (shape.length === 4) {
    const [kh, kw, i, o] = shape as [number, number, number, number];
    return { fanIn: kh * kw * i, fanOut: kh * kw * o };
  }
  const rule = "weights are [O, I] or [kh, kw, I, O]";
  throw new LoupeError("shape", `fans: ${rule}, got [${shape.join(", ")}]`);
}

function gain({ nonlinearity = "leakyRelu", a = 0 }: KaimingOptions): number {
  if (nonlinearity === "linear") return 1;
  return Math.sqrt(2 / (1 + (nonlinearity === "leakyRelu" ? a * a : 0)));
}

/** gain / √fan. */
export function kaimingStd(shape: Shape, options: KaimingOptions = {}): number {
  return gain(options) / Math.sqrt(fans(shape)[options.mode ?? "fanIn"]);
}

/** √3 · gain / √fan. */
export function kaimingBound(shape: Shape, options: KaimingOptions = {}): number {
  return Math.sqrt(3) * kaimingStd(shape, options);
}

/** Normal with `kaimingStd`. */
export function kaimingNormal(options: KaimingOptions = {}): Initialiser {
  return (shape, rng) => normal(shape, rng, kaimingStd(shape, options));
}

/** Uniform within ± `kaimingBound`. */
export function kaimingUniform(options: KaimingOptions = {}): Initialiser {
  return (shape, rng) => uniform(shape, rng, kaimingBound(shape, options));
}

/** PyTorch's default of convolutions and linear layers: Kaiming-uniform with a = √5, which is ± 1/√fanIn. */
export const defaultWeight: Initialiser = kaimingUniform({ a: Math.sqrt(5) });

/** PyTorch's default of biases: ± 1/√fanIn of the weight. */
export function biasBound(weightShape: Shape): number {
  return 1 / Math.sqrt(fans(weightShape).fanIn);
}

/** A weight on the device, drawn, or zeros where there is no stream. */
export function drawn({ device, rng }: Build, shape: Shape, initialiser: Initialiser): Tensor {
  return rng ? device.tensor(initialiser(shape, rng), shape) : device.zeros(shape);
}

/** What biases start from in networks that say so. */
export const zeros: Initialiser = (shape) => new Float32Array(sizeOf(shape));

/** Uniform within ± bound. */
export function uniform(shape: Shape, rng: Rng, bound: number): Float32Array<ArrayBuffer> {
  return rng.uniformHost(sizeOf(shape), -bound, bound);
}

/** Normal around 0. */
export function normal(shape: Shape, rng: Rng, std: number): Float32Array<ArrayBuffer> {
  return rng.normalHost(sizeOf(shape), 0, std);
}
