/** Gradient clipping by the total norm, on the GPU: nothing is read back. */
import { launch, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import {
  clipFactorKernel,
  scaleKernel,
  squareSlots,
  squareSumKernel,
} from "../../kernels/index.ts";

/** The largest f32. */
const largest = (2 - 2 ** -23) * 2 ** 127;

/**
 * Multiplies all gradients in place by min(1, maxNorm / (norm + 1e-6)), norm being the L2 norm of all of them together.
 * @param params those without a gradient are left out
 * @param maxNorm `Infinity` only measures
 * @returns the norm before clipping, `[]`
 * @example const norm = clipGradNorm(student.parameters(), 5);
 */
export function clipGradNorm(params: readonly Tensor[], maxNorm: number): Tensor {
  const [first] = params;
  if (!first) throw new LoupeError("config", "clipGradNorm: there are no parameters");
  if (!(maxNorm > 0)) {
    throw new LoupeError("config", `clipGradNorm: maxNorm must be more than 0, got ${maxNorm}`);
  }
  const { device } = first;
  const grads = params.flatMap(({ grad }) => (grad?.size ? [grad] : []));
  if (grads.length === 0) return device.zeros([]);
  return device.scope(() => {
    const [norm, factor] = [device.empty([]), device.empty([])];
    const slots = grads.map((g) => squareSlots(g.size));
    const total = slots.reduce((a, b) => a + b, 0);
    const parts = device.empty([total]);
    let slot = 0;
    grads.forEach((g, i) => {
      launch(squareSumKernel(g.size, slot), [g], [parts]);
      slot += slots[i] as number;
    });
    launch(clipFactorKernel(total, Math.min(maxNorm, largest)), [parts], [norm, factor]);
    if (maxNorm === Number.POSITIVE_INFINITY) return norm;
    for (const g of distinct(grads)) launch(scaleKernel(g.size), [factor], [g]);
    return norm;
  });
}

/** Two parameters may share one gradient's memory, which must be scaled once. */
function distinct(grads: readonly Tensor[]): Iterable<Tensor> {
  return new Map(grads.map((g) => [`${g.storage.id}:${g.offset}`, g])).values();
}
