/** Backbones in half precision: features and gradients close to those of full precision, at odd sizes too. */
import { expect, test } from "vitest";
import { add, grad, mul, Rng, sum, type Tensor, withPrecision } from "../../src/core/index.ts";
import { FeatureExtractor, findBackbone, Linear } from "../../src/models/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();
const able = device.features.has("shader-f16");

const built = (name: string) =>
  findBackbone(name).create({ device, rng: new Rng(5) }, { zeroInitLast: false });
const images = (n: number, h: number, w: number) =>
  device.tensor(new Rng(6).normalHost(n * h * w * 3), [n, h, w, 3]);

/** ‖a − b‖ / ‖b‖. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [above, below] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    above += (a[i]! - b[i]!) ** 2;
    below += b[i]! ** 2;
  }
  return Math.sqrt(above / below);
}

test("a linear layer in f16 gives halves and f32 gradients, close to those of f32", async ({
  skip,
}) => {
  if (!able) skip();
  const layer = new Linear({ device, rng: new Rng(1) }, 37, 5);
  const run = (precision: "f16" | "f32") =>
    device.read(() => {
      const x = device.tensor(new Rng(2).normalHost(3 * 7 * 37), [3, 7, 37]);
      const y = withPrecision(precision, () => layer.forward(x));
      expect(y.dtype).toBe(precision);
      const grads = grad(sum(mul(y, y)), layer.parameters()) as Tensor[];
      expect(grads.map((g) => g.dtype)).toEqual(["f32", "f32"]);
      return [y, ...grads];
    });
  const [half, full] = [await run("f16"), await run("f32")];
  full.forEach((want, i) => void expect(distance(half[i]!, want)).toBeLessThan(2e-3));
  layer.dispose();
});

for (const [name, h, w] of [
  ["resnet18", 64, 64],
  ["resnet18", 37, 50],
  ["hrnet_w18", 64, 64],
  ["hrnet_w18", 45, 61],
] as const) {
  test(`features of ${name} for ${h} × ${w} in f16 are those of f32 to half a hundredth`, async ({
    skip,
  }) => {
    if (!able) skip();
    const extractor = new FeatureExtractor(built(name));
    const run = (precision: "f16" | "f32") =>
      device.read(() => {
        const levels = withPrecision(precision, () => extractor.forward(images(2, h, w)));
        expect(levels.map((t) => t.dtype)).toEqual([precision, precision, precision]);
        return levels;
      });
    const [half, full] = [await run("f16"), await run("f32")];
    full.forEach((want, level) => {
      expect(distance(half[level]!, want)).toBeLessThan(5e-3);
      expect(distance(half[level]!, want)).toBeGreaterThan(0);
    });
    extractor.dispose();
  });
}

/**
 * A ReLU near its kink goes either way, so that gradients at random weights amplify any rounding: what f16 may differ by is measured
 * with noise of half a rounding on the images alone.
 */
for (const name of ["resnet18", "hrnet_w18"]) {
  test(`gradients of ${name} in f16 differ from those of f32 as noise on the images makes them differ`, async ({
    skip,
  }) => {
    if (!able) skip();
    const net = built(name).train();
    const run = (precision: "f16" | "f32", noise = 0) =>
      device.read(() => {
        const x = images(2, 64, 64);
        const factor = add(mul(device.tensor(new Rng(9).normalHost(x.size), x.shape), noise), 1);
        const levels = withPrecision(precision, () => net.forward(mul(x, factor)));
        const weights = levels.map((t, i) =>
          device.tensor(new Rng(10 + i).normalHost(t.size), t.shape),
        );
        const terms = levels.map((t, i) => sum(mul(t, weights[i] as Tensor)));
        const grads = grad(
          terms.reduce((a, b) => add(a, b)),
          net.parameters(),
        ).filter((g) => g !== undefined);
        expect(grads.every((g) => g.dtype === "f32")).toBe(true);
        return grads;
      });
    const flat = (parts: readonly ArrayLike<number>[]) => parts.flatMap((p) => Array.from(p));
    const full = flat(await run("f32"));
    const half = distance(flat(await run("f16")), full);
    const noisy = distance(flat(await run("f32", 2 ** -12)), full);
    expect(half).toBeGreaterThan(0);
    expect(half).toBeLessThan(3 * noisy);
    net.dispose();
  });
}
