/** The images of one class, opened once before work begins, so that a bad file is told at the start and left out. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { checkFolder, type Dataset, type Sample } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { defined } from "./defined.ts";
import { reportFindings } from "./findings.ts";
import type { Terminal } from "./terminal.ts";

/** How a data folder is read. */
export interface DataSettings {
  readonly layout?: string | undefined;
  readonly testFraction?: number | undefined;
  readonly maskThreshold?: number | undefined;
}

/** The class's usable images; warns of all others. Throws `io` or `data`. */
export async function openClass(
  root: string,
  name: string,
  settings: DataSettings,
  seed: number,
  terminal: Terminal,
): Promise<Dataset> {
  let meter: ReturnType<Terminal["meter"]> | undefined;
  const { dataset, findings } = await checkFolder(root, {
    classes: [name],
    seed,
    ...defined({ layout: settings.layout, testFraction: settings.testFraction }),
    ...defined({ maskThreshold: settings.maskThreshold }),
    progress: (done, total) => {
      meter ??= terminal.meter({ label: `${name}: opening images`, total, unit: "images" });
      meter.update(done);
    },
  });
  meter?.end();
  reportFindings(findings, dataset.root, terminal);
  return dataset;
}

/** Throws `data` when there is nothing to train on. */
export function requireTraining(dataset: Dataset, name: string): void {
  if (dataset.train.length > 0) return;
  const next = "put some into train/good (or good); `loupe data check` says what was found";
  throw new LoupeError(
    "data",
    `${dataset.root}: class ${name} has no normal images to train on; ${next}`,
  );
}

/** SHA-256 over names and sizes of the training images: has the data set changed since? */
export async function fingerprint(root: string, samples: readonly Sample[]): Promise<string> {
  const hash = createHash("sha256");
  for (const { path } of samples) {
    const { size } = await stat(path);
    hash.update(`${relative(root, path)}\0${size}\n`);
  }
  return hash.digest("hex");
}

/** `20 good, 63 defective`, or `none`. */
export function countLabels(samples: readonly Sample[]): string {
  const defective = samples.filter(({ label }) => label === 1).length;
  return samples.length === 0
    ? "none"
    : `${samples.length - defective} good, ${defective} defective`;
}
