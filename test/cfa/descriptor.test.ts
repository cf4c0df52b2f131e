/** The patch descriptor against the reference's, map by map, and its gradient. */
import { describe, expect, test } from "vitest";
import { coordinates, Descriptor, pooled } from "../../src/cfa/descriptor.ts";
import {
  backward,
  concat,
  conv2d,
  expand,
  interpolate,
  mul,
  Rng,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import coords from "../fixtures/cfa/coordconv.json" with { type: "json" };
import golden from "../fixtures/cfa/descriptor.json" with { type: "json" };
import { toNchw } from "../models/golden.ts";
import { check } from "../models/summary.ts";
import { drawn, goldenLearner } from "./golden.ts";

const device = await testDevice();

type Four = readonly [number, number, number, number];

const names = {
  res18: "resnet18",
  wrn50_2: "wide_resnet50_2",
  "effnet-b5": "efficientnet_b5",
  vgg19: "vgg19_bn",
} as const;

describe("the golden maps", () => {
  for (const [name, want] of Object.entries(golden)) {
    test(name, async () => {
      const backbone = names[want.cnn as keyof typeof names];
      const { learner } = goldenLearner(device, { backbone, gammaD: want.gamma_d });
      const levels = () =>
        want.inputs.map((i) => drawn(device, i.name, i.shape as unknown as Four));
      const [pool, out] = await device.read(() => {
        const first = pooled(levels(), false)[0] as Tensor;
        return [first, learner.describe(levels())];
      });
      const c = want.inputs[0]!.shape[1]!;
      const firstChannel = Array.from({ length: 64 }, (_, p) => pool![p * c]!);
      closeTo(firstChannel, (want.pooled_first_channel[0] as number[][]).flat(), {
        rtol: 1e-5,
        atol: 0,
      });
      const [n, d, h, w] = want.out.shape as unknown as Four;
      const values = toNchw(out!, [n, h, w, d]);
      check(values, [n, d, h, w], want.out);
      const samples = want.out.sample_index.map((at) => values[at]!);
      closeTo(samples, want.out.sample, { rtol: 1e-5, atol: 1e-6 });
      learner.dispose();
    });
  }
});

test("the coordinates are rows, then columns, from −1 to 1", async () => {
  for (const name of ["2x2", "5x5", "3x4"] as const) {
    const [rows, columns] = name.split("x").map(Number) as [number, number];
    const want = coords[name];
    const [got] = await device.read(() => [coordinates(device, [rows, columns])]);
    const planes = toNchw(got!, [1, rows, columns, 2]);
    closeTo(planes, [want.chan_plus1_rows, want.chan_plus2_cols].flat(2), { rtol: 0, atol: 1e-6 });
  }
  const [got] = await device.read(() => [coordinates(device, [56, 56])]);
  const planes = toNchw(got!, [1, 56, 56, 2]);
  check(planes.slice(0, 3136), [56, 56], coords["56x56"].chan_plus1_rows);
  check(planes.slice(3136), [56, 56], coords["56x56"].chan_plus2_cols);
  expect(() => coordinates(device, [1, 4])).toThrow(
    "coordinates: a grid with coordinates has 2 rows and 2 columns or more, got 1 × 4",
  );
});

test("values and gradients are those of one convolution over all channels side by side", async () => {
  const rng = new Rng(5);
  const channels = [3, 5, 7];
  const sizes = [
    [6, 5],
    [3, 3],
    [2, 1],
  ] as const;
  const shape = { channels, width: 4, grid: sizes[0] };
  using descriptor = new Descriptor({ device, rng }, shape);
  const host = sizes.map(([h, w], i) => rng.normalHost(2 * h * w * channels[i]!));
  const weights = rng.normalHost(2 * 30 * 4);
  const maps = () => sizes.map(([h, w], i) => device.tensor(host[i]!, [2, h, w, channels[i]!]));
  const { weight, bias } = descriptor.conv;
  const whole = () => {
    const up = maps().map((x) => interpolate(x, { size: [6, 5], mode: "bilinear" }));
    const places = expand(coordinates(device, [6, 5]), [2, 6, 5, 2]);
    return conv2d(concat([...up, places], 3), weight, bias);
  };
  const results: ArrayLike<number>[][] = [];
  for (const forward of [() => descriptor.forward(maps()), whole]) {
    const read = await device.read(() => {
      const y = forward();
      backward(sum(mul(y, device.tensor(weights, y.shape))));
      return [y, weight.grad as Tensor, (bias as Tensor).grad as Tensor];
    });
    results.push(read);
    for (const t of [weight, bias as Tensor]) {
      t.grad?.dispose();
      t.grad = null;
    }
  }
  results[0]!.forEach((got, i) => void closeTo(got, results[1]![i]!, { rtol: 1e-5, atol: 2e-5 }));
});
