/** Padding: PyTorch's values and gradients, SciPy's and NumPy's rules on odd sizes, other dtypes, errors. */
import { expect, test } from "vitest";
import { assertGradients, pad, padAxes, type Tensor } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { imageOps } from "./op-table-images.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "shape", { pad: imageOps.shape!.pad! });

const read = async (fn: () => Tensor) => [...(await device.read(() => [fn()]))[0]!];

test("the three modes around three pixels", async () => {
  const row = () => device.tensor([1, 2, 3], [1, 1, 3, 1]);
  expect(await read(() => pad(row(), [0, 0, 2, 1], { value: 9 }))).toEqual([9, 9, 1, 2, 3, 9]);
  expect(await read(() => pad(row(), [0, 0, 2, 1], { mode: "reflect" }))).toEqual([
    3, 2, 1, 2, 3, 2,
  ]);
  expect(await read(() => pad(row(), [0, 0, 2, 1], { mode: "replicate" }))).toEqual([
    1, 1, 1, 2, 3, 3,
  ]);
});

test("any axes and dtypes take a constant border", async () => {
  const y = await read(() =>
    padAxes(
      device.tensor(Int32Array.of(1, 2), [2, 1]),
      [
        [1, 0],
        [0, 2],
      ],
      -7,
    ),
  );
  expect(y).toEqual([-7, -7, -7, 1, -7, -7, 2, -7, -7]);
  const empty = await read(() =>
    padAxes(
      device.empty([0, 2]),
      [
        [1, 0],
        [0, 0],
      ],
      4,
    ),
  );
  expect(empty).toEqual([4, 4]);
});

test("gradients agree with differences", async () => {
  const x = device.tensor(Float32Array.from(rnd("pad gradient", [2, 4, 3, 2])), [2, 4, 3, 2]);
  for (const mode of ["constant", "reflect", "replicate"] as const) {
    await assertGradients((t) => pad(t, [3, 1, 0, 2], { mode }), [x]);
  }
  await assertGradients(
    (t) =>
      padAxes(t, [
        [1, 0],
        [0, 0],
        [2, 1],
        [0, 3],
      ]),
    [x],
  );
  x.dispose();
});

test("errors name the rule and the shape", () => {
  device.scope(() => {
    const x = device.zeros([1, 3, 4, 2]);
    expect(() => pad(x, [3, 0, 0, 0], { mode: "reflect" })).toThrow(
      "pad: reflect needs widths smaller than the image, got [3, 0, 0, 0] (input [1, 3, 4, 2])",
    );
    expect(() => pad(x, [-1, 0, 0, 0])).toThrow(
      "pad: widths must be whole numbers of 0 or more, got [-1, 0, 0, 0]; slice cuts off (input [1, 3, 4, 2])",
    );
    expect(() => pad(device.zeros([3, 4]), [0, 0, 0, 0])).toThrow(
      "pad: input must be [N, H, W, C]",
    );
    expect(() => padAxes(x, [[0, 0]])).toThrow("padAxes: 1 pairs of widths for 4 axes");
    expect(() => pad(x, [0, 0, 0, 0], { mode: "wrap" as "reflect" })).toThrow(
      'pad: mode must be "constant", "reflect" or "replicate", got "wrap"',
    );
  });
});
