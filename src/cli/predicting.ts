/** Maps and scores of many images, with progress, stopping when asked. */
import type { LoadOptions, Sample } from "../data/index.ts";
import { type Detector, type Prediction, predictBatches } from "../detector/index.ts";
import { defined } from "./defined.ts";
import { type Interrupt, until } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";
import { testBatches } from "./training-batches.ts";

/** What evaluating, drawing and writing share. */
export interface Work {
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
  /** Said when it is interrupted. */
  readonly stopped: string;
  /** Told how long the images of a list took. */
  readonly timed?: (samples: readonly Sample[], time: PredictionTime) => void;
}

/** What predicting takes: images are read and resized, go through the network, and their maps come back. */
export interface PredictionTime {
  readonly images: number;
  /** Images a step. */
  readonly batchSize: number;
  /** Of all images, on the wall; compiling the kernels is not in it. */
  readonly milliseconds: number;
}

/** How images are read for it. */
export interface Reading {
  readonly maskThreshold?: number | undefined;
  readonly onFrame?: LoadOptions["onFrame"];
  /** Images a step; default: as in training. */
  readonly batchSize?: number | undefined;
  /** Also the maps before smoothing. */
  readonly raw?: boolean;
}

/** Files of each list that were warned of: a training looks at its test images after every epoch. */
const saidOf = new WeakMap<readonly Sample[], Set<string>>();

export async function predictSamples(
  detector: Detector,
  samples: readonly Sample[],
  label: string,
  { terminal, interrupt, stopped, timed }: Work,
  { maskThreshold, batchSize = detector.batchSize, raw = false, onFrame }: Reading = {},
): Promise<Prediction[]> {
  const meter = terminal.meter({ label, total: samples.length, unit: "images" });
  const said = saidOf.get(samples) ?? new Set();
  saidOf.set(samples, said);
  const report = ({ file, message }: { file: string; message: string }) => {
    // what the check at the start could not know: it depends on the size
    if (!message.includes("nothing is left of the mask") || said.has(file)) return;
    said.add(file);
    terminal.warn(`${file}: ${message}`);
  };
  try {
    await compile(detector, samples.length, batchSize);
    const began = terminal.now();
    const reading = { report, batchSize, ...defined({ maskThreshold, onFrame }) };
    const batches = until(testBatches(samples, detector, reading), interrupt, stopped);
    const update = (done: number) => meter.update(done);
    const results = await predictBatches(detector, samples, batches, update, { raw });
    const milliseconds = terminal.now() - began;
    timed?.(samples, { images: results.length, batchSize, milliseconds });
    return results;
  } finally {
    meter.end();
  }
}

/** The kernels of all batches, full ones and the last one. */
async function compile(detector: Detector, count: number, batchSize: number): Promise<void> {
  const sizes = new Set([Math.min(count, batchSize), count % batchSize]);
  for (const size of sizes) if (size > 0) await detector.preparePrediction(size);
}
