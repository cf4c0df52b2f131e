/**
 * Elements at the positions of an index tensor of the same rank, and its opposite, adding to positions. Deterministic: sums run in
 * the order of the source. An index out of range gives NaN where it reads, and NaN in the whole line where it would add.
 */
import { LoupeError } from "../../error.ts";
import { gatherKernel, scatterAddKernel, sizeOf, stridesOf } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { floatOf, requireFloat } from "./float.ts";
import { normalAxes } from "./fold.ts";
import { permuteRaw } from "./permute.ts";
import { selectRows } from "./sort.ts";

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] for axis 1, as PyTorch's `gather`.
 * @param x any dtype
 * @param index i32 of x's rank, no longer than x in the other axes; out of range gives NaN (i32: −2³¹, u32: 2³² − 1)
 * @returns index's shape
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  deviceOf("gather", [x, index]);
  const a = checkIndex("gather", x, axis, index);
  const y = read(x, a, index);
  const kept = index.view(); // the backward's own: the caller may free the index
  track("gather", y, [x], (dy) => [add("gather gradient", x.shape, undefined, a, kept, dy)]);
  if (!y.node) kept.dispose();
  return y;
}

/**
 * x with source[i][j][k] added at [i][index[i][j][k]][k] for axis 1, as PyTorch's `scatter_add`, in a new tensor.
 * An index out of range makes its whole line along the axis NaN. Cost: a sort of the index, then a bisection for each result.
 * @param x f32 or f16; sums are f32
 * @param index i32 of x's rank, no longer than x in the other axes
 * @param source of x's dtype and of index's shape
 */
export function scatterAdd(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  deviceOf("scatterAdd", [x, index, source]);
  requireFloat("scatterAdd", x, source);
  if (x.dtype !== source.dtype) {
    throw new LoupeError("shape", `scatterAdd: mixes ${x.dtype} and ${source.dtype}; cast first`);
  }
  const a = checkIndex("scatterAdd", x, axis, index);
  if (source.shape.join() !== index.shape.join()) {
    const text = `source ${show(source.shape)} must have the index's shape ${show(index.shape)}`;
    throw new LoupeError("shape", `scatterAdd: ${text}`);
  }
  const y = add("scatterAdd", x.shape, x, a, index, source);
  const kept = index.view();
  track("scatterAdd", y, [x, source], (dy) => [
    dy,
    carriesGrad(source) ? read(dy, a, kept) : undefined,
  ]);
  if (!y.node) kept.dispose();
  return y;
}

function checkIndex(op: string, x: Tensor, axis: number, index: Tensor): number {
  requireDType(op, "i32", index);
  const [a] = normalAxes(op, x.shape.length, axis) as [number];
  const fits = index.shape.length === x.shape.length;
  if (!fits || index.shape.some((n, d) => d !== a && n > (x.shape[d] as number))) {
    const text = `index ${show(index.shape)} does not fit ${show(x.shape)} along axis ${axis}`;
    throw new LoupeError("shape", `${op}: ${text}`);
  }
  return a;
}

function read(x: Tensor, axis: number, index: Tensor): Tensor {
  const y = x.device.empty(index.shape, x.dtype);
  if (y.size === 0) return y;
  const spec = gatherKernel({
    name: "gather",
    dtype: x.dtype,
    shape: index.shape,
    axis,
    n: x.shape[axis] as number,
    strides: stridesOf(x.shape),
    indexStrides: stridesOf(index.shape),
  });
  launch(spec, [x, index], [y]);
  return y;
}

/** A new tensor of `shape`: x (or zeros) plus the source at the positions of the index. */
function add(
  name: string,
  shape: Shape,
  x: Tensor | undefined,
  axis: number,
  index: Tensor,
  source: Tensor,
): Tensor {
  const { device } = source;
  if (index.size === 0) return x ? x.view() : device.zeros(shape, source.dtype);
  const others = shape.map((_, d) => d).filter((d) => d !== axis);
  const rows = device.scope(() => {
    const { values, indices } = sortedIndex(name, permuteRaw(index, [...others, axis]));
    return [values, indices];
  }) as [Tensor, Tensor];
  const rowShape = others.map((d) => index.shape[d] as number);
  const rowStrides = stridesOf(rowShape);
  const options = {
    name,
    shape,
    axis,
    m: index.shape[axis] as number,
    limits: index.shape,
    rowStrides: shape.map((_, d) => (d === axis ? 0 : (rowStrides[others.indexOf(d)] as number))),
    strides: stridesOf(index.shape),
  };
  return addSorted(options, x, rows, source);
}

/** An index in order along its last axis, and where each entry was. */
export function sortedIndex(name: string, index: Tensor) {
  return selectRows(name, index, index.shape.at(-1) as number, { descending: false });
}

/** Launches the sum over a sorted index, which is freed. */
export function addSorted(
  options: Omit<Parameters<typeof scatterAddKernel>[0], "start" | "dtype">,
  x: Tensor | undefined,
  sorted: readonly [Tensor, Tensor],
  source: Tensor,
): Tensor {
  const dtype = floatOf(source, options.name);
  const y = source.device.empty(options.shape, dtype);
  const inputs = x ? [x, ...sorted, source] : [...sorted, source];
  if (sizeOf(options.shape))
    launch(scatterAddKernel({ ...options, start: x !== undefined, dtype }), inputs, [y]);
  for (const t of sorted) t.dispose();
  return y;
}
