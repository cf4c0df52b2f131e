/** Maps and scores of many images, with progress, stopping when asked. */
import type { Sample } from "../data/index.ts";
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
}

/** How images are read for it. */
export interface Reading {
  readonly maskThreshold?: number | undefined;
  /** Images a step; default: as in training. */
  readonly batchSize?: number | undefined;
  /** Also the maps before smoothing. */
  readonly raw?: boolean;
}

export async function predictSamples(
  detector: Detector,
  samples: readonly Sample[],
  label: string,
  { terminal, interrupt, stopped }: Work,
  { maskThreshold, batchSize, raw = false }: Reading = {},
): Promise<Prediction[]> {
  const meter = terminal.meter({ label, total: samples.length, unit: "images" });
  const report = (finding: { file: string; message: string }) => {
    // what the check at the start could not know: it depends on the size
    if (finding.message.includes("nothing is left of the mask")) {
      terminal.warn(`${finding.file}: ${finding.message}`);
    }
  };
  try {
    const reading = { report, ...defined({ maskThreshold, batchSize }) };
    const batches = until(testBatches(samples, detector, reading), interrupt, stopped);
    const update = (done: number) => meter.update(done);
    return await predictBatches(detector, samples, batches, update, { raw });
  } finally {
    meter.end();
  }
}
