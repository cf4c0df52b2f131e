/** Softmax, unit vectors, cosines and layer normalisation: PyTorch's values and gradients, hard numbers, errors. */
import { expect, test } from "vitest";
import {
  assertGradients,
  backward,
  cosineSimilarity,
  layerNorm,
  logSoftmax,
  normalize,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  unitDistance,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "softmax", imageOps.softmax!);
testFamily(() => device, "special", { softmax: imageOps.softmax!.softmax! });
testFamily(() => device, "norm", imageOps.norm!);
testFamily(() => device, "distance", imageOps.distance!);

const random = (name: string, shape: number[], lo = -1, hi = 1) =>
  device.tensor(Float32Array.from(rnd(name, shape, lo, hi)), shape);

test("gradients agree with differences, along any axis", async () => {
  const [x, other] = [random("row gradient", [3, 4, 5]), random("other", [3, 4, 5])];
  for (const axis of [0, 1, 2]) {
    await assertGradients((t) => softmax(t, axis), [x]);
    await assertGradients((t) => logSoftmax(t, axis), [x]);
    await assertGradients((t) => normalize(t, { axis }), [x]);
    await assertGradients((a, b) => cosineSimilarity(a, b, { axis }), [x, other]);
    await assertGradients((a, b) => unitDistance(a, b, { axis }), [x, other]);
  }
  const [w, b] = [random("w", [4, 5]), random("b", [4, 5])];
  await assertGradients((t, v, u) => layerNorm(t, [4, 5], v, u), [x, w, b]);
  for (const t of [x, other, w, b]) t.dispose();
});

// one thread, eight and sixty-four share a row; in ones, twos and fours
for (const n of [1, 2, 3, 4, 18, 31, 33, 64, 66, 128, 132, 257, 514, 1027, 1028, 1030, 5000]) {
  test(`rows of ${n} are as long as they should be`, async () => {
    const rows = 11;
    const data = Float32Array.from(rnd(`rows of ${n}`, [rows, n]));
    const [unit, cosine, total, normal] = await device.read(() => {
      const x = device.tensor(data, [rows, n]);
      return [normalize(x), cosineSimilarity(x, x), sum(softmax(x, -1), -1), layerNorm(x, [n])];
    });
    for (let r = 0; r < rows; r++) {
      const row = data.subarray(r * n, (r + 1) * n);
      const length = Math.sqrt(row.reduce((a, v) => a + v * v, 0));
      expect(cosine![r]).toBeCloseTo(1, 5);
      expect(total![r]).toBeCloseTo(1, 5);
      row.forEach((v, i) => {
        expect(Math.abs(unit![r * n + i]! - v / length)).toBeLessThan(1e-6);
      });
      const mean = row.reduce((a, v) => a + v, 0) / n;
      const spread = row.reduce((a, v) => a + (v - mean) ** 2, 0) / n;
      row.forEach((v, i) => {
        const want = (v - mean) / Math.sqrt(spread + 1e-5);
        expect(Math.abs(normal![r * n + i]! - want)).toBeLessThan(2e-6 * (1 + Math.abs(want)));
      });
    }
  });
}

test("a gradient that nobody wants is not computed: the frozen side of a cosine stays without one", async () => {
  const [a, b] = [random("a", [6, 5]).setRequiresGrad(true), random("b", [6, 5])];
  device.scope(() => backward(sum(cosineSimilarity(a, b))));
  expect(b.grad).toBeNull();
  const both = b.setRequiresGrad(true);
  const first = await a.grad!.data();
  a.grad!.dispose();
  a.grad = null;
  device.scope(() => backward(sum(cosineSimilarity(a, both))));
  expect(await a.grad!.data()).toEqual(first);
  for (const t of [a, b]) t.dispose();
});

/** Value and gradients of a distance of rows, the second with a row of zeros and one like the first's. */
async function distances(fn: (a: Tensor, b: Tensor) => Tensor, n: number): Promise<Float32Array[]> {
  const a = random("unit a", [7, n]);
  const data = Float32Array.from(rnd("unit b", [7, n]));
  data.fill(0, 2 * n, 3 * n);
  data.set((await a.data()).subarray(4 * n, 5 * n), 4 * n);
  const b = device.tensor(data, [7, n]);
  for (const t of [a, b]) t.setRequiresGrad(true);
  const [d] = await device.read(() => {
    const y = fn(a, b);
    backward(y, device.tensor(Float32Array.from(rnd("unit g", [7])), [7]));
    return [y];
  });
  const found = [d, await a.grad!.data(), await b.grad!.data()] as Float32Array[];
  for (const t of [a, b]) t.dispose();
  return found;
}

for (const n of [1, 3, 18, 64, 66, 257, 1028]) {
  test(`the distance of unit vectors of ${n} is what its parts give, small and zero ones too`, async () => {
    const parts = (a: Tensor, b: Tensor) => sum(square(sub(normalize(a), normalize(b))), -1);
    const want = await distances(parts, n);
    const got = await distances((a, b) => unitDistance(a, b), n);
    got.forEach((values, k) => {
      const scale = want[k]!.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      values.forEach((v, i) => {
        expect(Math.abs(v - want[k]![i]!), `${k}: ${i}`).toBeLessThan(1e-5 * scale + 1e-7);
      });
    });
    expect(got[0]![4]).toBe(0);
  });
}

test("the gradient of the distance is computed for the side that wants it", async () => {
  const [a, b] = [random("a", [6, 5]).setRequiresGrad(true), random("b", [6, 5])];
  device.scope(() => backward(sum(unitDistance(a, b))));
  expect(b.grad).toBeNull();
  const one = await a.grad!.data();
  a.grad!.dispose();
  a.grad = null;
  device.scope(() => backward(sum(unitDistance(b, a))));
  expect([...(await a.grad!.data())]).toEqual([...one]);
  for (const t of [a, b]) t.dispose();
});

test("tensors without elements pass through, and a sum over no pixels is empty", async () => {
  const [a, b, c, d] = await device.read(() => {
    const x = device.empty([0, 3]);
    return [softmax(x, 1), cosineSimilarity(x, x), layerNorm(x, [3]), unitDistance(x, x)];
  });
  for (const y of [a, b, c, d]) expect(y).toHaveLength(0);
});

test("errors name the rule and the shapes", () => {
  device.scope(() => {
    const x = device.zeros([2, 3]);
    expect(() => softmax(x, 2)).toThrow("softmax: [2, 3] has no axis 2");
    expect(() => normalize(x, { axis: -3 })).toThrow("normalize: [2, 3] has no axis -3");
    expect(() => normalize(x, { eps: -1 })).toThrow("normalize: eps must be 0 or more, got -1");
    expect(() => cosineSimilarity(x, device.zeros([2, 4]))).toThrow(
      "cosineSimilarity: shapes [2, 3] and [2, 4] do not broadcast",
    );
    expect(() => unitDistance(x, device.zeros([2, 1]))).toThrow(
      "unitDistance: needs two tensors of one shape, got [2, 3] and [2, 1]",
    );
    expect(() => layerNorm(x, [2])).toThrow(
      "layerNorm: normalizedShape [2] is not the end of the input's shape (input [2, 3])",
    );
    expect(() => layerNorm(x, [3], device.ones([2]))).toThrow(
      "layerNorm: weight must be [3], got [2] (input [2, 3])",
    );
    expect(() => logSoftmax(device.zeros([2], "i32"), 0)).toThrow("logSoftmax: needs f32");
  });
});
