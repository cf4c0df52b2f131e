/**
 * Features of every backbone, with drawn weights, against the reference run in float64. The two largest networks run with
 * LOUPE_SLOW=1 only.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Device, formatLeaks, openDevice, type Tensor } from "../../src/core/index.ts";
import { type Backbone, FeatureExtractor } from "../../src/models/index.ts";
import { closeTo } from "../core/fixtures.ts";
import stored from "../fixtures/models/golden/backbones-eval.json" with { type: "json" };
import evalMode from "../fixtures/models/golden/hrnet18-eval.json" with { type: "json" };
import trainMode from "../fixtures/models/golden/hrnet18-train.json" with { type: "json" };
import { goldenBackbone, goldenImages, toNchw } from "./golden.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(formatLeaks(device.leaks())).toBe("no leaked tensors");
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

type Four = readonly [number, number, number, number];
const total = (values: Float64Array, of = (x: number) => x) =>
  values.reduce((sum, x) => sum + of(x), 0);

/** A level in PyTorch's order. */
async function nchw(level: Tensor): Promise<Float64Array> {
  return toNchw(await level.data(), level.shape as Four);
}

interface LevelStats {
  shape: number[];
  sum: number;
  sq_sum: number;
}

/** Sums of n values whose errors are at most `error` each. */
function checkStats(
  values: Float64Array,
  shape: readonly number[],
  want: LevelStats,
  error: number,
) {
  const [n, h, w, c] = shape as Four;
  expect([n, c, h, w]).toEqual(want.shape);
  const size = Math.sqrt(want.sq_sum / values.length);
  expect(Math.abs(total(values) - want.sum)).toBeLessThan(values.length * error);
  const squares = total(values, (x) => x * x);
  expect(Math.abs(squares - want.sq_sum)).toBeLessThan(2 * values.length * error * size);
}

async function freed(network: Backbone, levels: readonly Tensor[], images: Tensor): Promise<void> {
  for (const tensor of [...levels, images]) tensor.dispose();
  network.dispose();
}

const slow = new Set(["hrnet_w32", "hrnet_w48"]);

describe("eval features are the reference's", () => {
  for (const [name, want] of Object.entries(stored)) {
    test.skipIf(slow.has(name) && !process.env.LOUPE_SLOW)(
      name,
      async () => {
        const teacher = new FeatureExtractor(goldenBackbone(device, name));
        const images = goldenImages(device, "input", 1, 64, 64);
        const levels = teacher.forward(images);
        expect(levels).toHaveLength(3);
        for (const [i, level] of levels.entries()) {
          const values = await nchw(level);
          const error = 2e-6 * Math.max(...values);
          closeTo(values.subarray(0, 64), want.first64[i]!, { rtol: 2e-5, atol: error });
          if ("last16" in want)
            closeTo(values.subarray(-16), want.last16[i]!, { rtol: 2e-5, atol: error });
          checkStats(values, level.shape, want.stats[i]!, error);
        }
        await freed(teacher.backbone, levels, images);
      },
      120_000,
    );
  }

  test("hrnet_w18, value by value", async () => {
    const teacher = new FeatureExtractor(goldenBackbone(device, "hrnet_w18"));
    const images = goldenImages(device, "input", 1, 64, 64);
    const levels = teacher.forward(images);
    for (const [i, want] of evalMode.hrnet18_eval_64.outputs_float64.entries()) {
      const values = await nchw(levels[i]!);
      closeTo(values, want.data, { rtol: 0, atol: 1e-4 });
    }
    await freed(teacher.backbone, levels, images);
  });
});

test("in train mode hrnet_w18 gives the reference's features and moves every running statistic alike", async () => {
  const network = goldenBackbone(device, "hrnet_w18");
  const images = goldenImages(device, "input2", 2, 64, 64);
  const levels = device.scope(() => network.forward(images));
  for (const [i, level] of levels.entries()) {
    const values = await nchw(level);
    closeTo(values.subarray(0, 64), trainMode.outputs_first64[i]!, { rtol: 1e-5, atol: 5e-4 });
    checkStats(values, level.shape, trainMode.outputs_stats[i]!, 5e-4);
  }
  const state = await network.stateDict();
  const sums = Object.entries(trainMode.running_stats_sum);
  expect(sums).toHaveLength(612);
  for (const [key, want] of sums) {
    const { data } = state.get(key.replace("model.", ""))!;
    const values = Float64Array.from(data as Float32Array);
    const size = total(values, Math.abs);
    expect(Math.abs(total(values) - want), key).toBeLessThan(1e-4 * size + 1e-5);
  }
  const counters = [...state].filter(([key]) => key.endsWith("num_batches_tracked"));
  const unmoved = counters.filter(([, { data }]) => data[0] !== 1n).map(([key]) => key);
  expect(unmoved).toEqual(["last_layer.1.num_batches_tracked"]);
  await freed(network, levels, images);
});
