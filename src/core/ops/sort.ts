/**
 * Sorting and the k largest or smallest, along any axis. Values are differentiable: their gradient goes back to the elements
 * they came from. The order is PyTorch's: −0 equals 0 and NaN is greater than everything.
 */
import { LoupeError } from "../../error.ts";
import {
  mergeKernel,
  type OrderedType,
  placeKernel,
  selectedLength,
  selectKernel,
  sizeOf,
  stridesOf,
} from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { permute, permuteRaw } from "./permute.ts";
import { copyBox } from "./shape.ts";

/** Elements and where they were along the axis, as i32. */
export interface Ordered {
  readonly values: Tensor;
  readonly indices: Tensor;
}

export interface SortOptions {
  readonly axis?: number;
  readonly descending?: boolean;
}

export interface TopkOptions {
  readonly axis?: number;
  /** The k largest (default), or the k smallest. */
  readonly largest?: boolean;
  /** For PyTorch's sake: they are sorted either way. */
  readonly sorted?: boolean;
}

/**
 * The elements in order along `axis` (default: the last); equal ones keep their order. NaN comes last, or first when descending.
 * f32, i32 or u32, any length: one launch for up to 256 elements, one more for each doubling.
 */
export function sort(x: Tensor, { axis = -1, descending = false }: SortOptions = {}): Ordered {
  return along("sort", x, axis, (rows, n) => ordered("sort", rows, n, n, descending));
}

/**
 * The k largest (or smallest) elements along `axis` and their positions, best first; of equal ones the first come first, NaN is
 * the largest. Cost: about 64 comparisons an element for k up to 16, 256 up to 64, a full sort beyond.
 */
export function topk(x: Tensor, k: number, options: TopkOptions = {}): Ordered {
  const { axis = -1, largest = true } = options;
  return along("topk", x, axis, (rows, n) => {
    if (!Number.isInteger(k) || k < 0 || k > n) {
      throw new LoupeError("shape", `topk: k is ${k}, axis ${axis} of ${show(x.shape)} has ${n}`);
    }
    return ordered("topk", rows, n, k, largest);
  });
}

/** The element type if it has an order. */
export function orderedType(op: string, x: Tensor): OrderedType {
  if (x.dtype !== "f16") return x.dtype;
  throw new LoupeError("shape", `${op}: needs f32, i32 or u32, got ${x}; cast first`);
}

/** Moves the axis to the end and back around an op on rows. */
function along(
  op: string,
  x: Tensor,
  axis: number,
  run: (rows: Tensor, n: number) => Ordered,
): Ordered {
  orderedType(op, x);
  const rank = x.shape.length;
  const a = axis < 0 ? axis + rank : axis;
  const n = x.shape[a];
  if (n === undefined) throw new LoupeError("shape", `${op}: ${show(x.shape)} has no axis ${axis}`);
  if (a === rank - 1) return run(x, n);
  const others = x.shape.map((_, i) => i).filter((i) => i !== a);
  const moved = run(permute(x, [...others, a]), n);
  const back = x.shape.map((_, i) => (i === a ? rank - 1 : i < a ? i : i - 1));
  const indices = permuteRaw(moved.indices, back);
  moved.indices.dispose();
  return { values: permute(moved.values, back), indices };
}

/** The first k of each row in order, with the gradient of the values. */
function ordered(op: string, x: Tensor, n: number, k: number, descending: boolean): Ordered {
  const { values, indices } = selectRows(op, x, k, { descending });
  const kept = indices.view(); // the backward's own: the caller may free the indices
  track(op, values, [x], (dy) => {
    const dx = x.device.zeros(x.shape);
    const rows = sizeOf(x.shape.slice(0, -1));
    if (dy.size) launch(placeKernel({ name: `${op} gradient`, rows, n, k }), [dy, kept], [dx]);
    return [dx];
  });
  if (!values.node) kept.dispose();
  return { values, indices };
}

export interface SelectRowsOptions {
  readonly descending: boolean;
  /** Position of each element instead of 0, 1, …; of x's shape. */
  readonly indices?: Tensor;
  /** Position of the first element of a row. */
  readonly first?: number;
}

/** The first k of each row (the last axis) in order and their positions, outside the graph. */
export function selectRows(
  op: string,
  x: Tensor,
  k: number,
  { descending, indices, first = 0 }: SelectRowsOptions,
): Ordered {
  const { device } = x;
  const n = x.shape.at(-1) as number;
  const lead = x.shape.slice(0, -1);
  const rows = sizeOf(lead);
  const room = (length: number): Ordered => ({
    values: device.empty([...lead, length], x.dtype),
    indices: device.empty([...lead, length], "i32"),
  });
  if (rows * k === 0) return room(k);
  const base = { name: op, dtype: orderedType(op, x), descending, rows };
  const block = k <= 16 || n <= 64 ? 64 : 256;
  const keep = 4 * k <= block ? k : block;

  const select = (values: Tensor, indices?: Tensor): Ordered => {
    const n = values.shape.at(-1) as number;
    const y = room(selectedLength(n, block, Math.min(keep, n)));
    const options = { ...base, n, block, keep: Math.min(keep, n), first };
    const inputs = indices ? [values, indices] : [values];
    const spec = selectKernel({ ...options, indexed: indices !== undefined });
    launch(spec, inputs, [y.values, y.indices]);
    return y;
  };
  let found = select(x, indices);
  if (keep === k) {
    while ((found.values.shape.at(-1) as number) > k) {
      found = replace(found, select(found.values, found.indices));
    }
    return found;
  }
  for (let run = block; run < n; run *= 2) {
    const y = room(n);
    const inputs = [found.values, found.indices];
    launch(mergeKernel({ ...base, n, run }), inputs, [y.values, y.indices]);
    found = replace(found, y);
  }
  return k === n ? found : replace(found, firstOf(found, k));
}

/** Frees the old pair and gives back the new one. */
function replace(old: Ordered, next: Ordered): Ordered {
  old.values.dispose();
  old.indices.dispose();
  return next;
}

function firstOf({ values, indices }: Ordered, k: number): Ordered {
  const shape = [...values.shape.slice(0, -1), k];
  const box = { start: 0, strides: stridesOf(values.shape) };
  return {
    values: copyBox("topk", values, shape, box),
    indices: copyBox("topk", indices, shape, box),
  };
}
