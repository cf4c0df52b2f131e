/** The norm of all gradients, clipping by it, and what half precision needs besides: nothing is read back. */
import { launch, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import {
  type GradRange,
  normFactorKernel,
  scaleKernel,
  squareSlots,
  squareSumKernel,
} from "../../kernels/index.ts";
import { type Pack, packOf } from "./pack.ts";

/** The largest f32. */
const largest = (2 - 2 ** -23) * 2 ** 127;

/**
 * Multiplies all gradients in place by min(1, maxNorm / (norm + 1e-6)), norm being the L2 norm of all of them together. Three launches for
 * the parameters of an optimiser, two more for each other gradient.
 * @param params those without a gradient are left out
 * @param maxNorm `Infinity` only measures
 * @returns the norm before clipping, `[]`
 * @example const norm = clipGradNorm(student.parameters(), 5);
 */
export function clipGradNorm(params: readonly Tensor[], maxNorm: number): Tensor {
  const { norm, foundInf } = scaleGrads("clipGradNorm", params, maxNorm, undefined);
  foundInf.dispose();
  return norm;
}

export interface Unscaled {
  /** Norm of the gradients after division, before clipping, `[]`. */
  readonly norm: Tensor;
  /** 1 when it is no finite number, else 0: u32 `[]`, for `optimiser.step({ skip })`. */
  readonly foundInf: Tensor;
}

/**
 * Divides all gradients in place by the loss scale, looks for infinities and NaN in them, and clips them, in the launches of
 * `clipGradNorm`.
 * @param lossScale `[]`, f32
 * @param maxNorm default: no clipping
 * @example
 * const { foundInf } = unscaleGrads(student.parameters(), scale, 5);
 * optimiser.step({ skip: foundInf });
 */
export function unscaleGrads(
  params: readonly Tensor[],
  lossScale: Tensor,
  maxNorm = Number.POSITIVE_INFINITY,
): Unscaled {
  if (lossScale.dtype !== "f32" || lossScale.size !== 1) {
    throw new LoupeError("shape", `unscaleGrads: the loss scale must be f32 [], got ${lossScale}`);
  }
  return scaleGrads("unscaleGrads", params, maxNorm, lossScale);
}

/** Gradients that are reached at once: in the flat buffer of an optimiser, or one alone. */
interface Group {
  readonly grads: Tensor;
  readonly table: readonly Tensor[];
  readonly range: GradRange;
}

function scaleGrads(
  op: string,
  params: readonly Tensor[],
  maxNorm: number,
  lossScale: Tensor | undefined,
): Unscaled {
  const [first] = params;
  if (!first) throw new LoupeError("config", `${op}: there are no parameters`);
  if (!(maxNorm > 0)) {
    throw new LoupeError("config", `${op}: maxNorm must be more than 0, got ${maxNorm}`);
  }
  const { device } = first;
  const groups = groupsOf(op, params);
  if (groups.length === 0) return { norm: device.zeros([]), foundInf: device.zeros([], "u32") };
  return device.scope(() => {
    const [norm, factor, foundInf] = [device.empty([]), device.empty([]), device.empty([], "u32")];
    const slots = groups.map(({ range }) => squareSlots(range));
    const total = slots.reduce((a, b) => a + b, 0);
    const parts = device.empty([total]);
    let slot = 0;
    groups.forEach(({ grads, table, range }, i) => {
      launch(squareSumKernel(range, slot), [...table, grads], [parts]);
      slot += slots[i] as number;
    });
    const bound = Math.min(maxNorm, largest);
    const spec = normFactorKernel({ parts: total, maxNorm: bound, scaled: !!lossScale });
    launch(spec, lossScale ? [parts, lossScale] : [parts], [norm, factor, foundInf]);
    if (maxNorm !== Number.POSITIVE_INFINITY || lossScale) {
      for (const { grads, table, range } of distinct(groups)) {
        launch(scaleKernel(range), [factor, ...table], [grads]);
      }
    }
    return { norm, foundInf };
  });
}

function groupsOf(op: string, params: readonly Tensor[]): Group[] {
  const packed = new Map<Pack, Tensor[]>();
  const alone: Group[] = [];
  for (const param of params) {
    const { grad } = param;
    if (!grad?.size) continue;
    const pack = packOf(param);
    if (pack?.holds(param)) packed.set(pack, [...(packed.get(pack) ?? []), param]);
    else alone.push({ grads: grad, table: [], range: { n: grad.size } });
  }
  const together = [...packed].flatMap(([pack, members]) =>
    pack.runs(pack.rowsOf(op, members)).map(
      ({ segment, ...range }): Group => ({
        grads: segment.grads,
        table: [segment.table],
        range,
      }),
    ),
  );
  return [...together, ...alone];
}

/** Two parameters may share one gradient's memory, which must be scaled once. */
function distinct(groups: readonly Group[]): Iterable<Group> {
  const keyOf = ({ grads, range }: Group) =>
    `${grads.storage.id}:${grads.offset}:${"n" in range ? "" : range.first}`;
  return new Map(groups.map((g) => [keyOf(g), g])).values();
}
