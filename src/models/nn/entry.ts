/** One line of a state dict: a tensor or a counter, between our memory and PyTorch's layout on the host. */
import type { Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type HostTensor, hostTensor, toFloat32, toHWIO, toOIHW } from "../checkpoint/index.ts";

/** `conv`: `[kh, kw, I, O]` here and `[O, I, kh, kw]` in a state dict; `transposed`: `[N, D]` here and `[D, N]` there. */
export type Layout = "plain" | "conv" | "transposed";

/** What a module owns under a name. */
export type Entry =
  | {
      readonly kind: "parameter" | "buffer";
      readonly tensor: Tensor;
      readonly layout: Layout;
    }
  | { readonly kind: "counter"; readonly counter: { value: number } };

type FourSizes = readonly [number, number, number, number];

/** The shape in a state dict. */
export function shapeOf(entry: Entry): readonly number[] {
  if (entry.kind === "counter") return [];
  const { tensor, layout } = entry;
  return layout === "plain" ? tensor.shape : torchOrder(tensor).slice(0, tensor.shape.length);
}

/** `[kh, kw, I, O]` as `[O, I, kh, kw]`, and `[N, D]` as `[D, N, 1, 1]`. */
function torchOrder({ shape }: Tensor): FourSizes {
  const [kh, kw, i, o] = [
    ...Array<number>(4 - shape.length).fill(1),
    ...shape,
  ] as unknown as FourSizes;
  return [o, i, kh, kw];
}

export async function readEntry(entry: Entry): Promise<HostTensor> {
  if (entry.kind === "counter") {
    return hostTensor("i64", [], BigInt64Array.of(BigInt(entry.counter.value)));
  }
  const { tensor, layout } = entry;
  const data = (await tensor.data()) as Float32Array;
  if (layout === "plain") return hostTensor("f32", tensor.shape, data);
  return hostTensor("f32", shapeOf(entry), toOIHW(data, torchOrder(tensor)));
}

/** Overwrites in place; the shape is known to fit. */
export function writeEntry(name: string, entry: Entry, value: HostTensor): void {
  if (entry.kind === "counter") {
    entry.counter.value = countOf(name, value);
    return;
  }
  const { tensor, layout } = entry;
  const data = toFloat32(value);
  const own = layout === "plain" ? data : toHWIO(data, torchOrder(tensor));
  tensor.device.write(tensor, own as Float32Array<ArrayBuffer>);
}

function countOf(name: string, { data }: HostTensor): number {
  const count = Number(data[0]);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new LoupeError(
    "checkpoint",
    `${name}: a counter of batches is a whole number, got ${count}`,
  );
}
