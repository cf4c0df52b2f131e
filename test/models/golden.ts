/** Networks with the weights of the golden runs, and their images: drawn by name, see test/golden.ts. */
import type { Device, Tensor } from "../../src/core/index.ts";
import { type Backbone, findBackbone, hostTensor, type StateDict } from "../../src/models/index.ts";
import { fillWeight, rnd } from "../golden.ts";

/** Fills every entry of a state dict by its name; `prefix` is what the reference's names begin with. */
export function goldenState(
  shapes: ReadonlyMap<string, readonly number[]>,
  prefix: string,
): StateDict {
  return new Map(
    [...shapes].map(([name, shape]) => {
      if (name.endsWith("num_batches_tracked")) {
        return [name, hostTensor("i64", shape, new BigInt64Array(1))];
      }
      return [name, hostTensor("f32", shape, Float32Array.from(fillWeight(prefix + name, shape)))];
    }),
  );
}

/** A backbone with golden weights. HRNets carry the prefix `model.` in the reference. */
export function goldenBackbone(device: Device, name: string): Backbone {
  const backbone = findBackbone(name).create({ device, rng: undefined }, {});
  const prefix = name.startsWith("hrnet") ? "model." : "";
  backbone.loadStateDict(goldenState(backbone.stateShapes(), prefix));
  return backbone;
}

/** `rnd(name, [n, 3, h, w], -2, 2)` in our layout. */
export function goldenImages(
  device: Device,
  name: string,
  n: number,
  h: number,
  w: number,
): Tensor {
  const nchw = rnd(name, [n, 3, h, w], -2, 2);
  return device.tensor(toNhwc(nchw, [n, 3, h, w]), [n, h, w, 3]);
}

/** `[N, C, H, W]` to `[N, H, W, C]`. */
export function toNhwc(
  data: ArrayLike<number>,
  [n, c, h, w]: readonly [number, number, number, number],
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(n * c * h * w);
  let from = 0;
  for (let b = 0; b < n; b++) {
    for (let k = 0; k < c; k++) {
      for (let i = 0; i < h * w; i++) out[(b * h * w + i) * c + k] = data[from++]!;
    }
  }
  return out;
}

/** `[N, H, W, C]` to `[N, C, H, W]`. */
export function toNchw(
  data: ArrayLike<number>,
  [n, h, w, c]: readonly [number, number, number, number],
): Float64Array {
  const out = new Float64Array(n * c * h * w);
  let from = 0;
  for (let b = 0; b < n; b++) {
    for (let i = 0; i < h * w; i++) {
      for (let k = 0; k < c; k++) out[(b * c + k) * h * w + i] = data[from++]!;
    }
  }
  return out;
}
