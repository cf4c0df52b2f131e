import { expect, test } from "vitest";
import { seededRandom } from "../../src/data/random.ts";
import { coarseNoise, cutOff } from "../../src/data/synthesis/coarse-noise.ts";
import { inverseTransform2d } from "../../src/data/synthesis/fft.ts";

test.each([1, 2, 8, 16])("the inverse transform of %ix%i values equals its definition", (n) => {
  const random = seededRandom(n);
  const draw = () => Float64Array.from({ length: n * n }, () => random.uniform() - 0.5);
  const [re, im] = [draw(), draw()];
  const want = [...re.keys()].map((m) => {
    let [a, b] = [0, 0];
    for (let k = 0; k < n * n; k++) {
      const turn = Math.floor(m / n) * Math.floor(k / n) + (m % n) * (k % n);
      const [cos, sin] = [Math.cos((2 * Math.PI * turn) / n), Math.sin((2 * Math.PI * turn) / n)];
      a += re[k]! * cos - im[k]! * sin;
      b += re[k]! * sin + im[k]! * cos;
    }
    return [a, b];
  });
  inverseTransform2d(re, im, n);
  want.forEach(([a, b], i) => {
    expect(re[i]).toBeCloseTo(a!, 9);
    expect(im[i]).toBeCloseTo(b!, 9);
  });
});

const side = 256;
const whole = { top: 0, left: 0, bottom: side, right: side };

function deviation(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
}

/** Mean distance from bin 0, weighted by power, of the red channel. */
function centroid(pixels: Uint8Array): number {
  const re = Float64Array.from({ length: side * side }, (_, i) => pixels[i * 3]!);
  const mean = re.reduce((a, b) => a + b, 0) / re.length;
  re.forEach((v, i) => {
    re[i] = v - mean;
  });
  const im = new Float64Array(side * side);
  inverseTransform2d(re, im, side);
  let [sum, total] = [0, 0];
  for (let i = 0; i < re.length; i++) {
    const [y, x] = [Math.floor(i / side), i % side];
    const d = Math.hypot(Math.min(y, side - y), Math.min(x, side - x));
    const power = re[i]! ** 2 + im[i]! ** 2;
    sum += d * power;
    total += power;
  }
  return sum / total;
}

/** Standard deviation inside a window of 30 x 30 pixels, mean over windows and channels. */
function deviationInWindows(pixels: Uint8Array): number {
  const all: number[] = [];
  for (let top = 0; top + 30 <= side; top += 75) {
    for (let left = 0; left + 30 <= side; left += 75) {
      for (let c = 0; c < 3; c++) {
        const window = Array.from({ length: 900 }, (_, i) => {
          return pixels[((top + Math.floor(i / 30)) * side + left + (i % 30)) * 3 + c]!;
        });
        all.push(deviation(window));
      }
    }
  }
  return all.reduce((a, b) => a + b, 0) / all.length;
}

// Measured on the reference's whole-image transform: s, cut-off, centroid in bins, deviation over the image and in a window.
test.each([
  [0, 256, 96, 0.12, 0.12],
  [0.25, 64, 45, 0.11, 0.11],
  [0.5, 16, 11, 0.12, 0.12],
  [0.75, 4, 2.8, 0.15, 0.08],
  [0.9, 1.74, 1.5, 0.19, 0.05],
  [1, 1, 1.1, 0.2, 0.04],
])(
  "at s = %d the cut-off is %d bins and the noise has the statistics of the reference",
  (s, r, ...want) => {
    expect(cutOff(side, s)).toBeCloseTo(r, 2);
    const seeds = 16;
    const got = [0, 0, 0];
    for (let seed = 0; seed < seeds; seed++) {
      const pixels = coarseNoise(seededRandom(seed), side, r).pixels(whole);
      got[0]! += centroid(pixels) / seeds;
      got[1]! += deviation([...pixels]) / 255 / seeds;
      got[2]! += deviationInWindows(pixels) / 255 / seeds;
    }
    got.forEach((value, i) => {
      expect(Math.abs(value / want[i]! - 1)).toBeLessThan(0.15);
    });
  },
);

test.each([
  [1024, 0.097, 0, 1024],
  [1024, 0.102, 0.25, 181],
  [1024, 0.109, 0.5, 32],
])("at %i pixels the deviation is the reference's, %d at s = %d", (large, want, _, r) => {
  let got = 0;
  for (let seed = 0; seed < 8; seed++) {
    const noise = coarseNoise(seededRandom(seed), large, r);
    const box = { top: 300, left: 500, bottom: 556, right: 756 };
    got += deviation([...noise.pixels(box)]) / 255 / 8;
  }
  expect(Math.abs(got / want - 1)).toBeLessThan(0.15);
});

test("one image's noise agrees wherever it is looked at, and has other values in each channel", () => {
  for (const [size, r] of [
    [64, 64],
    [100, 7],
    [1024, 300],
    [1024, 2],
  ] as const) {
    const noise = coarseNoise(seededRandom(1), size, r);
    const large = noise.pixels({ top: 3, left: 5, bottom: 43, right: 45 });
    const part = noise.pixels({ top: 10, left: 20, bottom: 11, right: 30 });
    const from = (7 * 40 + 15) * 3;
    expect(part).toEqual(large.slice(from, from + 30));
    const [red, green, blue] = [0, 1, 2].map((c) => [...large.filter((_, i) => i % 3 === c)]);
    expect(red).not.toEqual(green);
    expect(green).not.toEqual(blue);
    const [again, other] = [1, 2].map((s) => coarseNoise(seededRandom(s), size, r).pixels(whole));
    expect(Buffer.compare(again!, noise.pixels(whole))).toBe(0);
    expect(Buffer.compare(other!, noise.pixels(whole))).not.toBe(0);
  }
});

test("the cut-off ends at `lowest`, and follows the side of the image", () => {
  expect([0, 0.5, 1].map((s) => cutOff(1024, s))).toEqual([1024, 32, 1]);
  expect(cutOff(256, 1, 4)).toBe(4);
  expect(cutOff(20, 0.5)).toBeCloseTo(Math.sqrt(20), 9);
});
