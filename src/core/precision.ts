/**
 * Mixed precision, as PyTorch's autocast: inside `withPrecision("f16", …)` convolutions and matrix products take their operands in
 * half precision and give halves, with sums in f32. What comes after them (BatchNorm, ReLU, pooling, resizing) keeps what it is
 * given; losses, distances, unit vectors, softmax and sums are f32. Parameters and their gradients stay f32.
 */
import { LoupeError } from "../error.ts";
import { bytesOf } from "../kernels/index.ts";
import { capsOf } from "./caps.ts";
import type { Device } from "./device.ts";
import type { Storage } from "./memory.ts";
import { copyElements } from "./ops/accumulate.ts";
import { Tensor } from "./tensor.ts";

/** In which type products take their operands. */
export type Precision = "f32" | "f16";

/** The weights that were cast so far, under the memory they come from; undefined at full precision. */
let halves: Map<Storage, Tensor> | undefined;

/**
 * Runs `fn` with products in the given precision. A weight is cast once: don't change it inside. Gradients may be computed inside or
 * after, in the types of the forward pass.
 * @example
 * const features = withPrecision("f16", () => net.forward(images)); // parameters are f32
 * backward(scaler.scale(lossOf(features)));
 */
export function withPrecision<T>(precision: Precision, fn: () => T): T {
  const before = halves;
  halves = precision === "f16" ? (before ?? new Map()) : undefined;
  const own = halves === before ? undefined : halves;
  try {
    const result = fn();
    if (!(result instanceof Promise)) return result;
    result.catch(() => {}); // what went wrong is told below
    throw new LoupeError("config", "withPrecision: the function must not be async");
  } finally {
    for (const half of own?.values() ?? []) half.dispose();
    halves = before;
  }
}

/** The precision that products have here. */
export function precisionNow(): Precision {
  return halves ? "f16" : "f32";
}

/** What is fast on a device: f16 where it has units that multiply matrices of halves, else f32. */
export function preferredPrecision(device: Device): Precision {
  const { f16, matrix } = capsOf(device);
  return f16 && matrix ? "f16" : "f32";
}

/** Throws unless the device can compute in this precision. */
export function requirePrecision(where: string, device: Device, precision: Precision): void {
  if (precision === "f32" || device.features.has("shader-f16")) return;
  const what = `${device.adapter.name} has no f16 (shader-f16)`;
  throw new LoupeError("device", `${where}: precision is f16, but ${what}; set it to f32`);
}

/** An operand of a product as the precision wants it: itself, or its own half, which the caller frees or leaves to the scope. */
export function operand(tensor: Tensor): Tensor {
  return halves && tensor.dtype === "f32" ? halfOf(tensor) : tensor;
}

/** The same of a weight, which is used again: a view of a half that is made once. */
export function weightOperand(weight: Tensor): Tensor {
  if (!halves || weight.dtype !== "f32") return weight;
  const { storage, offset } = weight;
  if (weight.node || offset % 512 !== 0) return halfOf(weight); // views begin on multiples of 256
  const half = halves.get(storage) ?? halfOfAll(weight).keep();
  halves.set(storage, half);
  return half.view(weight.shape, offset / 2);
}

/** The half of everything in a weight's memory, where an optimiser or `moveTogether` has laid more weights. */
function halfOfAll({ device, storage }: Tensor): Tensor {
  storage.refs++;
  const all = new Tensor(device, storage, [storage.bytes / bytesOf.f32], "f32");
  const half = halfOf(all);
  all.dispose();
  return half;
}

/** Frees the operands that are not what was given: for an op that no gradient comes back to. */
export function freeCopies(given: readonly Tensor[], used: readonly Tensor[]): void {
  used.forEach((t, i) => void (t !== given[i] && t.dispose()));
}

function halfOf(tensor: Tensor): Tensor {
  const half = tensor.device.empty(tensor.shape, "f16");
  copyElements(tensor, half);
  return half;
}
