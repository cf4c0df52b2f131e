/** A profile has every launch once, in order, with its time; its table adds them up, its trace is what a viewer opens. */
import { expect, test } from "vitest";
import {
  add,
  matmul,
  mul,
  profile,
  program,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { chromeTrace, kernelTimes, profileTable } from "../../src/report/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

test("every launch is timed, of queued and of recorded work, and the answers stay right", async () => {
  const a = device.ones([256, 256]).keep();
  const step = program(device, (x: Tensor) => relu(mul(matmul(x, x), 0.5)));
  await device.read(() => [step(a)]);
  let answer: ArrayLike<number> = [];
  const taken = await profile(device, async () => {
    const results = await device.read(() => [sum(add(a, 1)), step(a)]);
    answer = results[1] as ArrayLike<number>;
    expect(results[0]).toEqual(Float32Array.of(2 * 256 * 256));
  });
  expect(answer[7]).toBe(128);
  const names = taken.launches.map((l) => l.name);
  expect(names.slice(0, 1)).toEqual(["add"]);
  expect(names.slice(-3)).toEqual(["matmul", "mul", "relu"]);
  for (const [i, launch] of taken.launches.entries()) {
    expect(launch.duration).toBeGreaterThanOrEqual(0);
    expect(launch.start).toBeGreaterThanOrEqual(taken.launches[i - 1]?.start ?? 0);
  }
  const product = taken.launches.find((l) => l.name === "matmul");
  expect(product?.shapes).toEqual([
    [256, 256],
    [256, 256],
    [256, 256],
  ]);
  expect(product?.duration).toBeGreaterThan(1000); // 33 million operations take more than a microsecond
  const after = await device.read(() => [step(a)]);
  expect(after[0]?.[7]).toBe(128);
  step.dispose();
  a.dispose();
});

test("a full profile says how many launches it left out", async () => {
  const x = device.ones([8]).keep();
  const { launches, left } = await profile(
    device,
    async () => {
      for (let i = 0; i < 3; i++) await device.read(() => [add(x, i)]);
    },
    { most: 2 },
  );
  expect([launches.length, left]).toEqual([2, 1]);
  x.dispose();
});

const example = {
  adapter: "a GPU",
  left: 4,
  launches: [
    { name: "conv2d", shapes: [[1, 2]], start: 0, duration: 3_000_000 },
    { name: "relu", shapes: [[2]], start: 3_100_000, duration: 500_000 },
    { name: "conv2d", shapes: [[3, 4]], start: 3_700_000, duration: 500_000 },
  ],
};

test("the table adds up kernels, the longest first", () => {
  expect(kernelTimes(example)).toEqual([
    { name: "conv2d", count: 2, ms: 3.5, share: 0.875 },
    { name: "relu", count: 1, ms: 0.5, share: 0.125 },
  ]);
  expect(kernelTimes(example, { shapes: true }).map((k) => k.name)).toContain("conv2d [3, 4]");
  const text = profileTable(example);
  expect(text).toMatch(/conv2d +2 +3\.50 +1750\.0 +87\.5/);
  expect(text).toContain("3 launches, 4.0 ms on a GPU; 4 later launches were not timed");
});

test("the trace has one event a launch, in microseconds", () => {
  const { traceEvents } = chromeTrace(example) as { traceEvents: Record<string, unknown>[] };
  expect(traceEvents[1]).toMatchObject({ name: "relu", ph: "X", ts: 3100, dur: 500 });
});
