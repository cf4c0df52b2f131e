/** The Gaussian: SciPy's values, its border at any radius, the reference's smoothed maps, the gradient, errors. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assertGradients, gaussianBlur } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./close.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "shape", { gaussianBlur: imageOps.shape!.gaussianBlur! });

const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/cdo/maps.json"), "utf8"),
) as {
  gaussian: Record<"kernel_1d_sigma4_radius16" | "small_output_float64", number[]> & {
    impulse_center: number;
  };
};

async function blurred(data: ArrayLike<number>, shape: number[], sigma: number, truncate = 4) {
  const [y] = await device.read(() => [
    gaussianBlur(device.tensor(Float32Array.from(data), shape), sigma, { truncate }),
  ]);
  return y!;
}

test("the reference's kernel and its smoothed maps come out", async () => {
  const impulse = new Float32Array(101 * 101);
  impulse[50 * 101 + 50] = 1;
  const y = await blurred(impulse, [1, 101, 101, 1], 4);
  const {
    kernel_1d_sigma4_radius16: kernel,
    impulse_center,
    small_output_float64,
  } = golden.gaussian;
  closeTo([y[50 * 101 + 50]!], [impulse_center], { rtol: 1e-6, atol: 0 });
  const row = Array.from({ length: 33 }, (_, j) => kernel[j]! * kernel[16]!);
  closeTo(y.subarray(50 * 101 + 34, 50 * 101 + 67), row, { rtol: 2e-6, atol: 0 });
  const small = await blurred(rnd("gauss", [12, 9], 0, 1), [1, 12, 9, 1], 4);
  closeTo(small, small_output_float64, { rtol: 1e-6, atol: 0 });
});

/** SciPy's filter along one axis, in float64. */
function reference(data: Float64Array, n: number, sigma: number, truncate: number): Float64Array {
  const radius = Math.floor(truncate * sigma + 0.5);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, j) =>
    Math.exp((-0.5 * (j - radius) ** 2) / sigma ** 2),
  );
  const total = weights.reduce((a, b) => a + b, 0);
  return data.map((_, i) => {
    let sum = 0;
    weights.forEach((w, j) => {
      const at = (((i + j - radius) % (2 * n)) + 2 * n) % (2 * n);
      sum += (w / total) * data[Math.min(at, 2 * n - 1 - at)]!;
    });
    return sum;
  });
}

for (const [n, sigma, truncate] of [
  [1, 3, 4],
  [2, 5, 4],
  [3, 0.4, 4],
  [5, 7.5, 4],
  [16, 4, 4],
  [17, 4, 3],
  [9, 30, 4],
  [257, 4, 4],
] as const) {
  test(`${n} pixels, sigma ${sigma}, truncated at ${truncate}, along both axes`, async () => {
    const data = Float64Array.from(rnd(`blur ${n} ${sigma}`, [n])).map(Math.fround);
    const want = reference(data, n, sigma, truncate);
    const tolerance = { rtol: 1e-6, atol: 3e-7 };
    closeTo(await blurred(data, [1, n, 1, 1], sigma, truncate), want, tolerance);
    closeTo(await blurred(data, [1, 1, n, 1], sigma, truncate), want, tolerance);
  });
}

test("a wide image is smoothed along both axes, each channel by itself", async () => {
  const [n, h, w, c] = [2, 7, 300, 2];
  const data = rnd("wide", [n, h, w, c]).map(Math.fround);
  const want = data.slice();
  for (const image of [0, 1]) {
    for (const channel of [0, 1]) {
      const at = (y: number, x: number) => ((image * h + y) * w + x) * c + channel;
      for (let x = 0; x < w; x++) {
        const column = reference(
          Float64Array.from({ length: h }, (_, y) => want[at(y, x)]!),
          h,
          1.5,
          4,
        );
        column.forEach((v, y) => {
          want[at(y, x)] = v;
        });
      }
      for (let y = 0; y < h; y++) {
        const row = reference(
          Float64Array.from({ length: w }, (_, x) => want[at(y, x)]!),
          w,
          1.5,
          4,
        );
        row.forEach((v, x) => {
          want[at(y, x)] = v;
        });
      }
    }
  }
  closeTo(await blurred(data, [n, h, w, c], 1.5), want, { rtol: 1e-6, atol: 3e-7 });
});

test("channels and images stay apart, and a colour stays itself", async () => {
  const y = await blurred(
    Array.from({ length: 2 * 6 * 5 * 3 }, (_, i) => i % 3),
    [2, 6, 5, 3],
    2,
  );
  y.forEach((v, i) => {
    expect(Math.abs(v - (i % 3))).toBeLessThan(1e-6);
  });
});

test("no sigma and no pixels change nothing", async () => {
  const data = Float32Array.from(rnd("still", [1, 3, 2, 2]));
  expect(await blurred(data, [1, 3, 2, 2], 0)).toEqual(data);
  expect(await blurred([], [0, 3, 2, 2], 4)).toHaveLength(0);
});

test("gradients agree with differences, also where the border reflects twice", async () => {
  const x = device.tensor(Float32Array.from(rnd("blur gradient", [2, 3, 5, 2])), [2, 3, 5, 2]);
  await assertGradients((t) => gaussianBlur(t, 0.8), [x]);
  await assertGradients((t) => gaussianBlur(t, 2.5), [x]);
  x.dispose();
});

test("errors name the numbers", () => {
  device.scope(() => {
    const x = device.zeros([1, 3, 4, 2]);
    expect(() => gaussianBlur(x, -1)).toThrow("gaussianBlur: sigma must be 0 or more, got -1");
    expect(() => gaussianBlur(x, 4, { truncate: 0 })).toThrow(
      "truncate must be more than 0, got 0",
    );
    expect(() => gaussianBlur(x, 1e6)).toThrow(
      "gaussianBlur: sigma 1000000 makes a radius of 4000000 pixels, at most 16384 are allowed",
    );
    expect(() => gaussianBlur(device.zeros([3, 4]), 1)).toThrow(
      "input must be [N, H, W, C], got [3, 4]",
    );
  });
});
