/**
 * Slices of one axis picked by a list of positions, and its opposite, adding slices to positions. Lists given by the host are
 * checked; those on the GPU give NaN where they are out of range (`indexAdd`: everywhere).
 */
import { LoupeError } from "../../error.ts";
import { gatherKernel, sizeOf } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { requireFloat } from "./float.ts";
import { normalAxes } from "./fold.ts";
import { addSorted, sortedIndex } from "./gather.ts";

/** Positions along an axis: an i32 tensor `[m]`, or numbers. */
export type IndexList = Tensor | ArrayLike<number>;

/**
 * The slices of x at the positions of a list: `[…, n, …]` to `[…, m, …]`, any dtype.
 * @throws LoupeError `shape` when a number given by the host is out of range; one on the GPU gives NaN (i32: −2³¹, u32: 2³² − 1)
 */
export function indexSelect(x: Tensor, axis: number, index: IndexList): Tensor {
  const a = checkList("indexSelect", x, axis, index);
  const list = own(x, index);
  const y = read(x, a, list);
  const { shape } = x;
  track("indexSelect", y, [x], (dy) => [
    add("indexSelect gradient", shape, undefined, a, list, dy),
  ]);
  if (!y.node) list.dispose();
  return y;
}

/**
 * x with the slices of the source `[…, m, …]` added at the positions of a list, in a new tensor; sums run in the order of the list.
 * Cost: a sort of the list, then a bisection for each result.
 */
export function indexAdd(x: Tensor, axis: number, index: IndexList, source: Tensor): Tensor {
  deviceOf("indexAdd", [x, source]);
  requireFloat("indexAdd", x, source);
  if (x.dtype !== source.dtype) {
    throw new LoupeError("shape", `indexAdd: mixes ${x.dtype} and ${source.dtype}; cast first`);
  }
  const a = checkList("indexAdd", x, axis, index);
  const wanted = x.shape.with(a, lengthOf(index));
  if (source.shape.join() !== wanted.join()) {
    const text = `source must be ${show(wanted)}, got ${show(source.shape)}`;
    throw new LoupeError("shape", `indexAdd: ${text}`);
  }
  const list = own(x, index);
  const y = add("indexAdd", x.shape, x, a, list, source);
  track("indexAdd", y, [x, source], (dy) => [
    dy,
    carriesGrad(source) ? read(dy, a, list) : undefined,
  ]);
  if (!y.node) list.dispose();
  return y;
}

const isTensor = (index: IndexList): index is Tensor => "dtype" in index;
const lengthOf = (index: IndexList) => (isTensor(index) ? index.size : index.length);

function checkList(op: string, x: Tensor, axis: number, index: IndexList): number {
  const [a] = normalAxes(op, x.shape.length, axis) as [number];
  if (isTensor(index)) {
    deviceOf(op, [x, index]);
    requireDType(op, "i32", index);
    if (index.shape.length === 1) return a;
    throw new LoupeError("shape", `${op}: index must be [m], got ${show(index.shape)}`);
  }
  const n = x.shape[a] as number;
  const wrong = Array.from(index).findIndex((i) => !Number.isInteger(i) || i < 0 || i >= n);
  if (wrong < 0) return a;
  const text = `index ${index[wrong]} (number ${wrong}) is not in 0…${n - 1}`;
  throw new LoupeError("shape", `${op}: ${text}, axis ${axis} of ${show(x.shape)}`);
}

/** The list as a tensor of our own, which the backward can rely on. */
function own(x: Tensor, index: IndexList): Tensor {
  if (isTensor(index)) return index.view();
  return x.device.tensor(Int32Array.from(index), [index.length]);
}

/** `[outer, n, inner]` around an axis. */
function around(shape: Shape, axis: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis] as number, sizeOf(shape.slice(axis + 1))];
}

function read(x: Tensor, axis: number, list: Tensor): Tensor {
  const y = x.device.empty(x.shape.with(axis, list.size), x.dtype);
  if (y.size === 0) return y;
  const [outer, n, inner] = around(x.shape, axis);
  const spec = gatherKernel({
    name: "indexSelect",
    dtype: x.dtype,
    shape: [outer, list.size, inner],
    axis: 1,
    n,
    strides: [n * inner, inner, 1],
    indexStrides: [0, 1, 0],
  });
  launch(spec, [x, list], [y]);
  return y;
}

function add(
  name: string,
  shape: Shape,
  x: Tensor | undefined,
  axis: number,
  list: Tensor,
  source: Tensor,
): Tensor {
  const m = list.size;
  if (m === 0) return x ? x.view() : source.device.zeros(shape, source.dtype);
  const [outer, n, inner] = around(shape, axis);
  const { values, indices } = sortedIndex(name, list);
  const options = {
    name,
    shape: [outer, n, inner],
    axis: 1,
    m,
    limits: [outer, m, inner],
    rowStrides: [0, 0, 0],
    strides: [m * inner, inner, 1],
  };
  const y = addSorted(options, x, [values, indices], source);
  const result = y.view(shape);
  y.dispose();
  return result;
}
