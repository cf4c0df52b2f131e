/** Sums of images of different sizes: the same as interpolate and add, in one launch; gradients; errors. */
import { expect, test } from "vitest";
import {
  add,
  assertGradients,
  backward,
  interpolate,
  interpolateSum,
  mul,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./fixtures.ts";

const device = await testDevice();

type Four = readonly [number, number, number, number];
const cases: readonly { size: Four; lows: readonly (readonly [number, number])[] }[] = [
  {
    size: [2, 8, 8, 4],
    lows: [
      [4, 4],
      [2, 2],
      [1, 1],
    ],
  },
  { size: [1, 7, 9, 18], lows: [[4, 5]] },
  {
    size: [2, 5, 3, 3],
    lows: [
      [3, 2],
      [5, 3],
    ],
  },
  {
    size: [1, 1, 1, 6],
    lows: [
      [1, 1],
      [2, 3],
    ],
  },
  {
    size: [3, 2, 13, 1],
    lows: [
      [7, 1],
      [1, 20],
    ],
  },
  {
    size: [1, 16, 34, 36],
    lows: [
      [8, 17],
      [4, 9],
      [2, 5],
      [3, 3],
      [16, 34],
      [1, 5],
    ],
  },
];

const draw = (name: string, shape: readonly number[]) =>
  device.tensor(Float32Array.from(rnd(`${name} ${shape}`, shape)), shape);

/** The sum, and the gradients of all its parts. */
async function run({ size, lows }: (typeof cases)[number], fused: boolean, how: Options) {
  const [n, h, w, c] = size;
  const x = draw("x", size).setRequiresGrad(true);
  const parts = lows.map(([lh, lw]) => draw("low", [n, lh, lw, c]).setRequiresGrad(true));
  const before = device.queue.launches;
  let launches = 0;
  const y = device.scope(() => {
    const out = fused ? interpolateSum(x, parts, how) : apart(x, parts, [h, w], how);
    launches = device.queue.launches - before;
    backward(sum(mul(out, draw("weights", size))));
    return out.view();
  });
  const leaves = [x, ...parts];
  const numbers = await Promise.all([y, ...leaves.map((t) => t.grad!)].map((t) => t.data()));
  for (const t of [y, ...leaves]) t.dispose();
  return { launches, numbers };
}

interface Options {
  readonly alignCorners: boolean;
  readonly relu: boolean;
}

function apart(x: Tensor, parts: Tensor[], size: readonly [number, number], how: Options): Tensor {
  const { alignCorners } = how;
  const resized = parts.map((t) => interpolate(t, { size, mode: "bilinear", alignCorners }));
  const total = resized.reduce((a, b) => add(a, b), x);
  return how.relu ? relu(total) : total;
}

for (const one of cases)
  test(`[${one.size}] and ${one.lows.join(" and ")} give the same as apart, in one launch`, async () => {
    for (const alignCorners of [true, false])
      for (const ends of [true, false]) {
        const how = { alignCorners, relu: ends };
        const [fused, many] = [await run(one, true, how), await run(one, false, how)];
        expect(fused.launches).toBe(1);
        fused.numbers.forEach((numbers, i) => {
          closeTo(numbers, many.numbers[i]!, { rtol: 1e-6, atol: 1e-6 });
        });
        expect((await run(one, true, how)).numbers).toEqual(fused.numbers);
      }
  });

test("gradients agree with differences", async () => {
  const [x, low] = [draw("x", [1, 3, 4, 2]), draw("low", [1, 2, 2, 2])];
  await assertGradients((a, b) => interpolateSum(a, [b], { alignCorners: true }), [x, low]);
  for (const t of [x, low]) t.dispose();
});

test("what is not a number passes the ReLU, and an empty batch is empty", async () => {
  const [y, none] = await device.read(() => {
    const x = device.tensor([Number.NaN, -1, 1], [1, 1, 3, 1]);
    const low = device.zeros([1, 1, 1, 1]);
    const empty = interpolateSum(device.empty([0, 2, 2, 3]), [device.empty([0, 1, 1, 3])]);
    return [interpolateSum(x, [low], { relu: true }), empty];
  });
  expect([...y!]).toEqual([Number.NaN, 0, 1]);
  expect(none).toHaveLength(0);
});

test("errors name the rule and the shapes", () => {
  device.scope(() => {
    const x = device.zeros([2, 4, 4, 3]);
    const sumOf =
      (...lows: Tensor[]) =>
      () =>
        interpolateSum(x, lows);
    expect(sumOf()).toThrow("interpolateSum: adds one to 6 images of another size, got 0");
    expect(sumOf(...Array<Tensor>(7).fill(x))).toThrow("adds one to 6 images");
    expect(sumOf(device.zeros([2, 2, 2, 4]))).toThrow(
      "interpolateSum: batch and channels must be those of [2, 4, 4, 3], got [2, 2, 2, 4]",
    );
    expect(sumOf(device.zeros([1, 2, 2, 3]))).toThrow("batch and channels must be");
    expect(sumOf(device.zeros([2, 3]))).toThrow("interpolate: input must be [N, H, W, C]");
  });
});
