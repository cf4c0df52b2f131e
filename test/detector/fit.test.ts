/** The training loop on a detector without a GPU: the order of things, stops, starts, and what it refuses. */
import { expect, test } from "vitest";
import { type FitOptions, fit, type Progress } from "../../src/detector/index.ts";
import { LoupeError } from "../../src/error.ts";
import { batchOf, fakeDetector, these } from "./fakes.ts";

/** `stepsPerEpoch` batches of two images each, from the step asked for on. */
function batchesOf(stepsPerEpoch: number): Pick<FitOptions, "batches" | "stepsPerEpoch"> {
  const batches: FitOptions["batches"] = (epoch, first) => {
    const steps = Array.from({ length: stepsPerEpoch - first }, (_, i) => first + i);
    return these(steps.map((step) => batchOf([`${epoch}/${step}a.png`, `${epoch}/${step}b.png`])));
  };
  return { batches, stepsPerEpoch };
}

test("steps and epochs come in order, with their positions and mean losses", async () => {
  const { detector, steps } = fakeDetector({ epochs: 2 });
  const told: string[] = [];
  const end = await fit(detector, {
    ...batchesOf(3),
    onStep: ({ epoch, iteration, iterationsPerEpoch, loss }) =>
      told.push(`step ${epoch}/${iteration}/${iterationsPerEpoch} ${loss}`),
    onEpoch: async (epoch, mean) => {
      told.push(`epoch ${epoch} begins to end`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      told.push(`epoch ${epoch} ${mean}`);
    },
  });
  expect(end).toEqual({ epoch: 2, step: 0 });
  expect(steps.map(({ iteration }) => iteration)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(told).toEqual([
    "step 0/0/3 0",
    "step 0/1/3 1",
    "step 0/2/3 2",
    "epoch 0 begins to end",
    "epoch 0 1",
    "step 1/3/3 3",
    "step 1/4/3 4",
    "step 1/5/3 5",
    "epoch 1 begins to end",
    "epoch 1 4",
  ]);
});

/** Where fit stands when it is aborted in the step with this iteration, and how many steps it made. */
async function abortIn(
  iteration: number,
): Promise<{ end: Progress; steps: number; epochs: number }> {
  const { detector, steps } = fakeDetector({ epochs: 2 });
  const controller = new AbortController();
  let epochs = 0;
  const end = await fit(detector, {
    ...batchesOf(4),
    signal: controller.signal,
    onStep: (at) => at.iteration === iteration && controller.abort(),
    onEpoch: () => void epochs++,
  });
  return { end, steps: steps.length, epochs };
}

test("a stop comes after the step that the GPU has been given, and the position is exact", async () => {
  // when a loss arrives, the next step is under way
  expect(await abortIn(0)).toEqual({ end: { epoch: 0, step: 2 }, steps: 2, epochs: 0 });
  expect(await abortIn(1)).toEqual({ end: { epoch: 0, step: 3 }, steps: 3, epochs: 0 });
  expect(await abortIn(5)).toEqual({ end: { epoch: 1, step: 3 }, steps: 7, epochs: 1 });
});

test("a stop in an epoch's last step completes the epoch", async () => {
  expect(await abortIn(2)).toEqual({ end: { epoch: 1, step: 0 }, steps: 4, epochs: 1 });
  expect(await abortIn(3)).toEqual({ end: { epoch: 1, step: 0 }, steps: 4, epochs: 1 });
  expect(await abortIn(7)).toEqual({ end: { epoch: 2, step: 0 }, steps: 8, epochs: 2 });
});

test("a signal that is aborted already lets no step happen", async () => {
  const { detector, steps } = fakeDetector();
  const start = { epoch: 1, step: 2 };
  const end = await fit(detector, { ...batchesOf(3), start, signal: AbortSignal.abort() });
  expect(end).toEqual(start);
  expect(steps).toEqual([]);
});

test("a stop closes the loader", async () => {
  const { detector } = fakeDetector();
  const controller = new AbortController();
  let closed = false;
  async function* batches() {
    try {
      for (;;) yield batchOf(["a.png"]);
    } finally {
      closed = true;
    }
  }
  const onStep = () => controller.abort();
  await fit(detector, { batches, stepsPerEpoch: 9, signal: controller.signal, onStep });
  expect(closed).toBe(true);
});

test("a start in the middle asks for the rest of that epoch only", async () => {
  const { detector, steps } = fakeDetector({ epochs: 3 });
  const asked: [number, number][] = [];
  const means: number[] = [];
  const { batches, stepsPerEpoch } = batchesOf(3);
  await fit(detector, {
    batches: (epoch, first) => {
      asked.push([epoch, first]);
      return batches(epoch, first, undefined);
    },
    stepsPerEpoch,
    start: { epoch: 1, step: 2 },
    onEpoch: (_, mean) => void means.push(mean),
  });
  expect(asked).toEqual([
    [1, 2],
    [2, 0],
  ]);
  expect(steps.map(({ epoch, iteration }) => [epoch, iteration])).toEqual([
    [1, 5],
    [2, 6],
    [2, 7],
    [2, 8],
  ]);
  expect(means).toEqual([5, 7]);
});

test("a run that is complete makes no step", async () => {
  const { detector, steps } = fakeDetector({ epochs: 2 });
  expect(await fit(detector, { ...batchesOf(3), start: { epoch: 2, step: 0 } })).toEqual({
    epoch: 2,
    step: 0,
  });
  expect(steps).toEqual([]);
});

test("positions that the run does not have are refused", async () => {
  const { detector, steps } = fakeDetector({ epochs: 2 });
  const places = [
    [3, 0],
    [2, 1],
    [0, 3],
    [-1, 0],
    [0, 0.5],
    [Number.NaN, 0],
  ] as const;
  for (const [epoch, step] of places) {
    const failed = fit(detector, { ...batchesOf(3), start: { epoch, step } });
    await expect(failed).rejects.toThrow(
      `fit: there is no epoch ${epoch}, step ${step} to go on from in 2 epochs of 3 steps; use the images, batch size and epochs that it was begun with`,
    );
  }
  await expect(fit(detector, { ...batchesOf(3), stepsPerEpoch: 0 })).rejects.toThrow(
    "fit: stepsPerEpoch must be a whole number from 1, got 0",
  );
  expect(steps).toEqual([]);
});

test("a loader with too few or too many batches is an error, and no step too many is made", async () => {
  const { detector, steps } = fakeDetector();
  const { batches } = batchesOf(3);
  await expect(fit(detector, { batches, stepsPerEpoch: 4 })).rejects.toThrow(
    "fit: epoch 1 gave only 3 of 4 batches",
  );
  expect(steps.length).toBe(3);
  await expect(fit(detector, { batches, stepsPerEpoch: 2 })).rejects.toThrow(
    "fit: epoch 1 gave more than 2 batches",
  );
  expect(steps.length).toBe(5);
});

for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`a loss of ${bad} stops training and names step, epoch, images and what to do`, async () => {
    const loss = ({ iteration }: { iteration: number }) => (iteration === 4 ? bad : 1);
    const { detector, steps } = fakeDetector({ epochs: 2, loss });
    const told: number[] = [];
    const failed = fit(detector, { ...batchesOf(3), onStep: ({ loss: l }) => void told.push(l) });
    const error = await failed.then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(LoupeError);
    expect((error as LoupeError).code).toBe("numeric");
    expect((error as LoupeError).message).toBe(
      `fake: the loss is ${bad} at step 2 of 3 in epoch 2 of 2; the last checkpoint is from before it and is kept; ` +
        "start again with a lower --learning-rate, or look at the images of this step: 1/1a.png, 1/1b.png",
    );
    expect(steps.length).toBe(6); // the next one was under way
    expect(told).toEqual([1, 1, 1, 1]);
  });
}

test("in half precision full precision is a way out, too", async () => {
  const { detector } = fakeDetector({ loss: () => Number.NaN });
  const half = Object.assign(Object.create(detector), { config: { precision: "f16" } });
  await expect(fit(half, batchesOf(3))).rejects.toThrow(
    "start again with a lower --learning-rate or --precision f32, or look at the images",
  );
});

test("of a large batch three images are named, and the others counted", async () => {
  const { detector } = fakeDetector({ loss: () => Number.NaN });
  const paths = Array.from({ length: 32 }, (_, i) => `${i}.png`);
  const batches = () => these([batchOf(paths)]);
  await expect(fit(detector, { batches, stepsPerEpoch: 1 })).rejects.toThrow(
    /of this step: 0\.png, 1\.png, 2\.png and 29 more$/,
  );
});

test("what a callback or a loader throws comes out as it is", async () => {
  const { detector } = fakeDetector();
  const wrong = new Error("disk");
  const onEpoch = () => Promise.reject(wrong);
  await expect(fit(detector, { ...batchesOf(1), onEpoch })).rejects.toBe(wrong);
  async function* batches() {
    yield batchOf(["a.png"]);
    throw wrong;
  }
  await expect(fit(detector, { batches, stepsPerEpoch: 2 })).rejects.toBe(wrong);
});
