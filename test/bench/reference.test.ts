/** The values that benchmarks check against, themselves checked: against loops written another way, and PyTorch's. */
import { expect, test } from "vitest";
import { drawn, toHWIO, toNCHW, toNHWC, toOIHW } from "../../bench/inputs.ts";
import { resnet18Numbers } from "../../bench/networks.ts";
import {
  type ConvSize,
  convFlops,
  convPoints,
  inputGradPoints,
  outSize,
  weightGradPoints,
} from "../../bench/reference.ts";
import { near, type Point } from "../../bench/task.ts";

const sizes: ConvSize[] = [
  { n: 2, size: 5, c: 3, k: 4, kernel: 3, stride: 1, padding: 1 },
  { n: 1, size: 7, c: 2, k: 3, kernel: 3, stride: 2, padding: 1 },
  { n: 2, size: 6, c: 3, k: 2, kernel: 1, stride: 2, padding: 0 },
  { n: 1, size: 9, c: 2, k: 2, kernel: 7, stride: 2, padding: 3 },
];

/** Every product of the convolution, scattered into all three results at once. */
function allOf(x: Float32Array, w: Float32Array, dy: Float32Array, s: ConvSize) {
  const out = outSize(s);
  const [y, dx, dw] = [dy, x, w].map((like) => new Float64Array(like.length));
  for (let n = 0; n < s.n; n++)
    for (let r = 0; r < out; r++)
      for (let q = 0; q < out; q++)
        for (let i = 0; i < s.kernel; i++)
          for (let j = 0; j < s.kernel; j++)
            for (let c = 0; c < s.c; c++)
              for (let k = 0; k < s.k; k++) {
                const [a, b] = [r * s.stride + i - s.padding, q * s.stride + j - s.padding];
                if (a < 0 || b < 0 || a >= s.size || b >= s.size) continue;
                const atX = ((n * s.size + a) * s.size + b) * s.c + c;
                const atW = ((i * s.kernel + j) * s.c + c) * s.k + k;
                const atY = ((n * out + r) * out + q) * s.k + k;
                y![atY]! += x[atX]! * w[atW]!;
                dx![atX]! += dy[atY]! * w[atW]!;
                dw![atW]! += dy[atY]! * x[atX]!;
              }
  return { y: y!, dx: dx!, dw: dw! };
}

test("points of a convolution and of its gradients are those of the whole result", () => {
  for (const s of sizes) {
    const x = drawn(s.n * s.size ** 2 * s.c, 1);
    const w = drawn(s.kernel ** 2 * s.c * s.k, 2);
    const dy = drawn(s.n * outSize(s) ** 2 * s.k, 3);
    const whole = allOf(x, w, dy, s);
    const agree = (points: Point[], values: Float64Array) => {
      expect(points.length).toBeGreaterThan(2);
      for (const [at, value] of points) expect(value).toBeCloseTo(values[at]!, 10);
    };
    agree(convPoints(x, w, s), whole.y);
    agree(inputGradPoints(dy, w, s), whole.dx);
    agree(weightGradPoints(x, dy, s), whole.dw);
  }
  expect(convFlops(sizes[1] as ConvSize)).toBe(2 * 16 * 2 * 3 * 9);
});

test("layouts are undone by their opposites", () => {
  const x = drawn(2 * 3 * 4 * 5, 1);
  expect(toNCHW(toNHWC(x, [2, 3, 4, 5]), [2, 4, 5, 3])).toEqual(x);
  expect(toOIHW(toHWIO(x, [2, 3, 4, 5]), [4, 5, 3, 2])).toEqual(x);
  expect(toNHWC(Float32Array.of(1, 2, 3, 4), [1, 2, 1, 2])).toEqual(Float32Array.of(1, 3, 2, 4));
});

test("a check sees a wrong value, NaN and a missing one", () => {
  const check = near([[1, 2]], 1e-3);
  expect(() => check([0, 2.001])).not.toThrow();
  for (const wrong of [[0, 2.1], [0, Number.NaN], [0]]) {
    expect(() => check(wrong)).toThrow("wrong answer at 1");
  }
  expect(() => near([])([1])).toThrow("checks nothing");
});

test("ResNet-18's numbers are torchvision's in name and count", () => {
  const numbers = resnet18Numbers();
  const isWeight = (name: string) => !name.includes("running");
  const parameters = [...numbers].filter(([name]) => isWeight(name));
  expect(parameters.reduce((total, [, { data }]) => total + data.length, 0)).toBe(11_689_512);
  expect(numbers.get("layer4.0.downsample.0.weight")?.shape).toEqual([512, 256, 1, 1]);
});
