/** A convolution with BatchNorm, bias and activation in its launch, for kernels of every kind, against sums in float64. */
import { expect, test } from "vitest";
import { conv2dFused, silu } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./close.ts";

const device = await testDevice();

interface Case {
  /** `[N, H, W, C]` and `[kh, kw, C / groups, K]`. */
  readonly x: readonly [number, number, number, number];
  readonly w: readonly [number, number, number, number];
  readonly stride?: number;
  readonly dilation?: number;
  /** Top, bottom, left, right. */
  readonly padding?: readonly [number, number, number, number];
  readonly groups?: number;
}

const depthwise = (
  x: Case["x"],
  side: number,
  stride: number,
  padding: NonNullable<Case["padding"]>,
  more: { readonly each?: number; readonly dilation?: number } = {},
): Case => {
  const [, , , c] = x;
  const { each = 1, dilation = 1 } = more;
  return { x, w: [side, side, 1, c * each], stride, padding, groups: c, dilation };
};

const cases: Readonly<Record<string, Case>> = {
  "3 × 3": { x: [2, 7, 5, 6], w: [3, 3, 6, 10], padding: [1, 1, 1, 1] },
  "3 × 3 to few columns": { x: [1, 4, 5, 3], w: [3, 3, 3, 3] },
  "1 × 1": { x: [2, 9, 11, 8], w: [1, 1, 8, 20] },
  "1 × 1 of one pixel to a column": { x: [1, 1, 1, 5], w: [1, 1, 5, 1] },
  "depthwise 3": depthwise([2, 9, 11, 8], 3, 1, [1, 1, 1, 1]),
  "depthwise 3, stride 2, padding after": depthwise([1, 8, 10, 12], 3, 2, [0, 1, 0, 1]),
  "depthwise 5, stride 2, padding before and after": depthwise([1, 11, 7, 4], 5, 2, [1, 2, 2, 1]),
  "depthwise 5 of 6 channels": depthwise([2, 6, 13, 6], 5, 1, [2, 2, 2, 2]),
  "depthwise 5 of one pixel": depthwise([3, 1, 1, 4], 5, 1, [2, 2, 2, 2]),
  "depthwise 2, no padding": depthwise([1, 4, 6, 4], 2, 1, [0, 0, 0, 0]),
  "depthwise 7": depthwise([1, 9, 9, 4], 7, 1, [3, 3, 3, 3]),
  "depthwise 3, stride 3": depthwise([1, 10, 9, 4], 3, 3, [1, 0, 1, 0]),
  "depthwise 3, dilation 2": depthwise([1, 9, 8, 8], 3, 1, [2, 2, 2, 2], { dilation: 2 }),
  "depthwise 3, two results of each channel": depthwise([1, 7, 8, 4], 3, 2, [1, 1, 1, 1], {
    each: 2,
  }),
};

/** silu((conv + shift − mean) · weight / √(variance + ε) + bias) in float64. */
function reference(c: Case, data: Readonly<Record<string, Float64Array>>, eps: number): number[] {
  const [n, h, w, ci] = c.x;
  const [kh, kw, cg, k] = c.w;
  const { stride = 1, dilation = 1, groups = 1, padding = [0, 0, 0, 0] } = c;
  const [top, bottom, left, right] = padding;
  const oh = Math.floor((h + top + bottom - dilation * (kh - 1) - 1) / stride) + 1;
  const ow = Math.floor((w + left + right - dilation * (kw - 1) - 1) / stride) + 1;
  const kg = k / groups;
  const out: number[] = [];
  for (let at = 0; at < n * oh * ow * k; at++) {
    const [o, x0, y0] = [at % k, Math.floor(at / k) % ow, Math.floor(at / k / ow) % oh];
    const image = Math.floor(at / k / ow / oh);
    let sum = 0;
    for (let i = 0; i < kh; i++) {
      for (let j = 0; j < kw; j++) {
        const [y, x] = [y0 * stride + i * dilation - top, x0 * stride + j * dilation - left];
        if (y < 0 || x < 0 || y >= h || x >= w) continue;
        for (let q = 0; q < cg; q++) {
          const channel = Math.floor(o / kg) * cg + q;
          const pixel = data.x![((image * h + y) * w + x) * ci + channel]!;
          sum += pixel * data.w![((i * kw + j) * cg + q) * k + o]!;
        }
      }
    }
    const gain = data.weight![o]! / Math.sqrt(data.variance![o]! + eps);
    const z = (sum + data.shift![o]! - data.mean![o]!) * gain + data.bias![o]!;
    out.push(z / (1 + Math.exp(-z)));
  }
  return out;
}

for (const [name, c] of Object.entries(cases)) {
  test(`${name}: bias, BatchNorm and SiLU are one launch`, async () => {
    const k = c.w[3];
    const draw = (part: string, shape: readonly number[], lo = -1, hi = 1) =>
      rnd(`${name} ${part}`, shape, lo, hi).map(Math.fround);
    const data = {
      ...{
        x: draw("x", c.x),
        w: draw("w", c.w),
        shift: draw("shift", [k]),
        mean: draw("mean", [k]),
      },
      ...{ variance: draw("variance", [k], 0.1, 2), weight: draw("weight", [k]) },
      bias: draw("bias", [k]),
    };
    const eps = 1e-3;
    const [y] = await device.read(() => {
      const up = (values: Float64Array, shape: readonly number[]) =>
        device.tensor(Float32Array.from(values), shape);
      const norm = {
        ...{ runningMean: up(data.mean, [k]), runningVar: up(data.variance, [k]) },
        ...{ weight: up(data.weight, [k]), bias: up(data.bias, [k]), eps },
      };
      const [x, w, shift] = [up(data.x, c.x), up(data.w, c.w), up(data.shift, [k])];
      const { stride = 1, dilation = 1, groups = 1, padding = 0 } = c;
      const before = device.queue.launches;
      const options = { stride, dilation, groups, padding, shift, norm, silu: true };
      const fused = conv2dFused(x, w, options);
      expect(device.queue.launches - before).toBe(1);
      return [fused];
    });
    closeTo(y!, reference(c, data, eps), { rtol: 2e-6, atol: 2e-6 });
  });
}

test("a SiLU in the launch is the op's, also of large numbers, infinity and what is not a number", async () => {
  const values = [-200, -88, -1, 0, 1e-30, 3, 88, 200, Number.NaN, Number.POSITIVE_INFINITY];
  const [fused, apart] = await device.read(() => {
    const x = device.tensor(values, [1, 1, values.length, 1]);
    return [conv2dFused(x, device.ones([1, 1, 1, 1]), { silu: true }), silu(x)];
  });
  expect(fused).toEqual(apart);
  expect([...fused!].map(Number.isNaN)).toEqual(values.map(Number.isNaN));
});

test("SiLU and ReLU at once are refused", () => {
  const x = device.zeros([1, 2, 2, 1]);
  const w = device.zeros([1, 1, 1, 1]);
  expect(() => conv2dFused(x, w, { relu: true, silu: true })).toThrow(
    "conv2dFused: relu and silu exclude each other; leave one out",
  );
  for (const t of [x, w]) t.dispose();
});
