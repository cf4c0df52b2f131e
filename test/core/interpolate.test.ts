/** Resizing: PyTorch's values and gradients, the CDO goldens' positions, the adjoint at any ratio, errors. */
import { expect, test } from "vitest";
import { assertGradients, grad, interpolate } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "interpolate", imageOps.interpolate!);

const modes = [
  { mode: "nearest" },
  { mode: "bilinear" },
  { mode: "bilinear", alignCorners: true },
] as const;

/** The matrix of an interpolation along one axis, `[m][n]`, and that of its gradient, from unit vectors. */
async function matrices(n: number, m: number, options: (typeof modes)[number]) {
  const units = (k: number) =>
    device.tensor(
      Float32Array.from({ length: k * k }, (_, i) => Number(i % (k + 1) === 0)),
      [k, 1, k, 1],
    );
  const [there, back] = await device.read(() => {
    const y = interpolate(units(n), { size: [1, m], ...options });
    const x = device.zeros([m, 1, n, 1]).setRequiresGrad(true);
    const [dx] = grad(interpolate(x, { size: [1, m], ...options }), [x], units(m));
    return [y, dx!];
  });
  return { there: there!, back: back! };
}

for (const options of modes) {
  const name = Object.values(options).join(", corners ").replace("true", "aligned");
  test(`${name}: the gradient is the exact adjoint at every ratio`, async () => {
    for (const [n, m] of [
      [1, 1],
      [1, 7],
      [7, 1],
      [2, 3],
      [3, 2],
      [5, 64],
      [64, 5],
      [17, 16],
      [16, 17],
      [9, 40],
      [14, 46],
      [61, 59],
    ]) {
      const { there, back } = await matrices(n!, m!, options);
      if (n === m) continue;
      for (let o = 0; o < m!; o++) {
        let total = 0;
        for (let y = 0; y < n!; y++) {
          expect(there[y * m! + o], `${n} to ${m}, output ${o} of input ${y}`).toBe(
            back[o * n! + y],
          );
          total += there[y * m! + o]!;
        }
        expect(total).toBeCloseTo(1, 6);
      }
    }
  });
}

test("bilinear positions are exact far from the origin", async () => {
  const [n, m] = [3001, 4999];
  const x = Float32Array.from({ length: n }, (_, i) => i % 2);
  const [y] = await device.read(() => [
    interpolate(device.tensor(x, [1, 1, n, 1]), {
      size: [1, m],
      mode: "bilinear",
      alignCorners: true,
    }),
  ]);
  for (let o = 0; o < m; o++) {
    const a = o * (n - 1);
    const [at, share] = [Math.floor(a / (m - 1)), (a % (m - 1)) / (m - 1)];
    expect(Math.abs(y![o]! - (at % 2 ? 1 - share : share))).toBeLessThan(2e-7);
  }
});

test("the same size is the same image", async () => {
  const data = Float32Array.from(rnd("same", [1, 3, 4, 2]));
  for (const options of modes) {
    const [y] = await device.read(() => [
      interpolate(device.tensor(data, [1, 3, 4, 2]), { size: [3, 4], ...options }),
    ]);
    expect(y).toEqual(data);
  }
});

test("gradients agree with differences", async () => {
  const x = device.tensor(Float32Array.from(rnd("resize", [1, 3, 4, 6])), [1, 3, 4, 6]);
  for (const options of modes) {
    await assertGradients((t) => interpolate(t, { size: [5, 3], ...options }), [x]);
  }
  x.dispose();
});

test("errors name the rule and the shape", () => {
  device.scope(() => {
    const x = device.zeros([1, 3, 4, 2]);
    expect(() => interpolate(x, { size: [0, 3], mode: "nearest" })).toThrow(
      "interpolate: size must be two whole numbers of 1 or more, got [0, 3] (input [1, 3, 4, 2])",
    );
    expect(() => interpolate(x, { size: [2, 3], mode: "nearest", alignCorners: true })).toThrow(
      "interpolate: alignCorners goes with mode bilinear only (input [1, 3, 4, 2])",
    );
    expect(() => interpolate(x, { size: [2, 3], mode: "cubic" as "nearest" })).toThrow(
      'interpolate: mode must be "nearest" or "bilinear", got "cubic" (input [1, 3, 4, 2])',
    );
    expect(() => interpolate(device.zeros([3, 4]), { size: [2, 3], mode: "nearest" })).toThrow(
      "interpolate: input must be [N, H, W, C] (input [3, 4])",
    );
    expect(() => interpolate(x, { size: [2 ** 30, 3], mode: "nearest" })).toThrow("beyond 2³¹");
  });
});
