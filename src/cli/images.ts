/** Images named on the command line: files and folders, each opened by itself, so that a bad one does not stop the others. */
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import {
  type Batch,
  framingOf,
  type LoadOptions,
  openFolder,
  type Sample,
  testTransform,
} from "../data/index.ts";
import type { Detector } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { defined } from "./defined.ts";
import type { Terminal } from "./terminal.ts";

/** A file that can't be used, and why. */
export interface Failure {
  readonly path: string;
  readonly error: string;
}

export interface FoundImages {
  readonly samples: readonly Sample[];
  /** For results; each once, without ending, never leaving a folder. */
  readonly names: readonly string[];
  readonly failures: Failure[];
}

const imageEndings = /\.(png|jpe?g|bmp)$/i;

/** What there is of the given files and folders. A folder's other files are left out; a missing path is a failure. */
export async function findImages(
  paths: readonly string[],
  terminal: Terminal,
): Promise<FoundImages> {
  const found: { path: string; name: string }[] = [];
  const failures: Failure[] = [];
  for (const path of paths) {
    try {
      found.push(...(await imagesAt(path, paths.length > 1, terminal)));
    } catch (error) {
      fail(failures, path, error, terminal);
    }
  }
  const samples = found.map(({ path }): Sample => {
    return { path, label: 0, defect: "unknown", className: "" };
  });
  return { samples, names: unique(found.map(({ name }) => name)), failures };
}

/** `several`: the folder's own name comes into the names, as it is not the only one. */
async function imagesAt(
  path: string,
  several: boolean,
  terminal: Terminal,
): Promise<{ path: string; name: string }[]> {
  const info = await stat(path).catch(() => {
    throw new LoupeError("io", "no such file or folder; check the path");
  });
  if (!info.isDirectory()) return [{ path: resolve(path), name: withoutEnding(basename(path)) }];
  const { root, files, findings } = await openFolder(path);
  for (const { file, message } of findings) terminal.warn(`${file}: ${message}`);
  const images = files.filter((file) => imageEndings.test(file));
  const others = files.length - images.length;
  if (others > 0) terminal.info(`${path}: ${others} files are no PNG, JPEG or BMP, left out`);
  if (images.length === 0) throw new LoupeError("data", "no PNG, JPEG or BMP in this folder");
  const prefix = several ? `${basename(root)}/` : "";
  return images.map((file) => ({ path: `${root}/${file}`, name: prefix + withoutEnding(file) }));
}

const withoutEnding = (name: string) => name.replace(/\.[^./]*$/, "");

/** The second `x` becomes `x-2`. */
function unique(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let free = name;
    for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name}-${n}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

/** Batches of the images that can be read; the others become failures. */
export async function* readableBatches(
  samples: readonly Sample[],
  detector: Detector,
  batchSize: number,
  failures: Failure[],
  terminal: Terminal,
  onFrame?: LoadOptions["onFrame"],
): AsyncGenerator<Batch, void, undefined> {
  const { size } = detector.images;
  const report = (finding: { file: string; message: string }) =>
    terminal.warn(`${finding.file}: ${finding.message}`);
  const reading = { report, ...defined({ onFrame }) };
  const load = testTransform({ ...framingOf(detector.images), ...reading });
  let ready: { index: number; image: Float32Array }[] = [];
  for (const [index, sample] of samples.entries()) {
    const image = new Float32Array(size * size * 3);
    try {
      await load(sample, index, image, new Float32Array(size * size));
      ready.push({ index, image });
    } catch (error) {
      fail(failures, sample.path, error, terminal);
    }
    if (ready.length < batchSize) continue;
    yield toBatch(ready, samples, size);
    ready = [];
  }
  if (ready.length > 0) yield toBatch(ready, samples, size);
}

function toBatch(
  ready: readonly { index: number; image: Float32Array }[],
  samples: readonly Sample[],
  side: number,
): Batch {
  const images = new Float32Array(ready.length * side * side * 3);
  for (const [i, { image }] of ready.entries()) images.set(image, i * image.length);
  return {
    size: ready.length,
    side,
    images,
    masks: new Float32Array(ready.length * side * side),
    labels: new Uint8Array(ready.length),
    paths: ready.map(({ index }) => (samples[index] as Sample).path),
    indices: Uint32Array.from(ready, ({ index }) => index),
  };
}

/** Only what is wrong with one file; anything else stops everything. */
function fail(failures: Failure[], path: string, error: unknown, terminal: Terminal): void {
  if (!(error instanceof LoupeError) || !["data", "io"].includes(error.code)) throw error;
  const message = error.message.replace(/^(decode|read|list|frame): /, "").replace(`${path}: `, "");
  terminal.error(`${path}: ${message}`);
  failures.push({ path, error: message });
}
