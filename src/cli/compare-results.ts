/** What a run left of its test images, as pictures of several runs need it: scores, maps, and where the photos and masks are. */
import { lstat } from "node:fs/promises";
import { join, relative } from "node:path";
import {
  crops,
  type Dataset,
  type Framing,
  frameMask,
  maskFilter,
  parseCsv,
  readMask,
  readNpy,
  readShown,
  resize,
  type Sample,
  type Size,
} from "../data/index.ts";
import { RunFolder, type Thresholds } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import type { ColourScale, Grid } from "../report/index.ts";
import { chooseImages } from "./class-data.ts";
import { recordedChoice } from "./data-choice.ts";
import { namesOf } from "./pictures.ts";
import { readPlain } from "./plain-file.ts";
import { loadScale } from "./run-scale.ts";
import { type TrainRecord, trainRecord } from "./train-settings.ts";

/** One line of scores.csv. */
export interface TestedImage {
  /** Its path below the data set: the same in every run. */
  readonly key: string;
  readonly label: 0 | 1;
  readonly score: number;
  /** Name of its map, such as `maps/crack/003.npy`. */
  readonly map: string;
  /** Where photo and mask are; undefined when the data set has no such image any more. */
  readonly sample: Sample | undefined;
}

export interface TestedRun {
  readonly folder: RunFolder;
  readonly record: TrainRecord;
  readonly thresholds: Thresholds;
  readonly scale: ColourScale | undefined;
  /** Those with a label. */
  readonly images: readonly TestedImage[];
  /** Images whose maps are there. */
  readonly mapped: ReadonlySet<TestedImage>;
  /** Why photos and masks can't be had, and what to do. */
  readonly lost: string | undefined;
}

const mostBytes = { scores: 2 ** 26, map: 2 ** 28 } as const;

/** Reads runs, each once, and lists each data set once. `data`: where the images are now, if they were moved. */
export class ResultReader {
  readonly #data: string | undefined;
  readonly #runs = new Map<string, Promise<TestedRun>>();
  readonly #listings = new Map<string, ReturnType<typeof chooseImages>>();

  constructor(data?: string) {
    this.#data = data;
  }

  /** Throws `io` or `data`, with the next step, when the run has no scores or thresholds. */
  open(path: string): Promise<TestedRun> {
    return once(this.#runs, path, () => this.#read(path));
  }

  async #read(path: string): Promise<TestedRun> {
    const folder = await RunFolder.open(path);
    const record = await trainRecord(folder);
    const thresholds = await folder.loadThresholds();
    const next = `evaluate it with \`loupe test ${path}\``;
    if (!thresholds) throw new LoupeError("io", `${path}: it has no thresholds.json; ${next}`);
    const rows = await scoresOf(folder, next);
    const { samples, lost, root } = await this.#samples(path, record);
    const paths = rows.map((row) => relative(root, join(root, row.path)).replaceAll("\\", "/"));
    const classes = new Set([...samples.values()].map(({ className }) => className));
    const [other = record.data.class] = classes; // of images that are gone
    const named = paths.map((key) => ({
      path: join(root, key),
      className: samples.get(key)?.className ?? other,
    }));
    const names = namesOf(root, named);
    const all = rows.map(({ label, score }, i) => {
      const key = paths[i] as string;
      return { key, label, score, map: `maps/${names[i]}.npy`, sample: samples.get(key) };
    });
    const images = all.filter((image): image is TestedImage => image.label !== undefined);
    const there = await Promise.all(images.map((image) => isThere(folder, image)));
    const mapped = new Set(images.filter((_, i) => there[i]));
    return { folder, record, thresholds, scale: await loadScale(folder), images, mapped, lost };
  }

  async #samples(path: string, record: TrainRecord) {
    const choice = recordedChoice(record, this.#data === undefined ? {} : { data: this.#data });
    const listing = once(this.#listings, JSON.stringify(choice), () => chooseImages(choice));
    const root = choice.test?.root ?? choice.root;
    const found: { dataset?: Dataset; testRoot: string; lost?: string } = await listing.catch(
      (error: unknown) => {
        if (!(error instanceof LoupeError)) throw error;
        const next = "if its images were moved, say where they are with --data";
        return { testRoot: root, lost: `${path}: ${error.message}; ${next}` };
      },
    );
    const entries = (found.dataset?.test ?? []).map((sample) => {
      return [relative(found.testRoot, sample.path).replaceAll("\\", "/"), sample] as const;
    });
    return { samples: new Map(entries), lost: found.lost, root: found.testRoot };
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}

interface ScoreLine {
  readonly path: string;
  readonly label: 0 | 1 | undefined;
  readonly score: number;
}

async function scoresOf(folder: RunFolder, next: string): Promise<ScoreLine[]> {
  const file = folder.file("scores.csv");
  const bytes = await readPlain(file, mostBytes.scores);
  if (!bytes) throw new LoupeError("io", `${folder.path}: it has no scores.csv; ${next}`);
  const [head, ...rows] = parseCsv(new TextDecoder().decode(bytes));
  const columns = ["path", "label", "score"].map((name) => head?.cells.indexOf(name) ?? -1);
  if (columns.includes(-1)) {
    throw new LoupeError("data", `${file}: its first line has no path, label and score; ${next}`);
  }
  return rows.map(({ line, cells }) => {
    const [path = "", label = "", text = ""] = columns.map((c) => cells[c]);
    const score = text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isFinite(score)) {
      const rule = `the score must be a number, got ${JSON.stringify(text.slice(0, 40))}`;
      throw new LoupeError("data", `${file}: line ${line}: ${rule}; ${next}`);
    }
    return { path, score, label: label === "good" ? 0 : label === "defective" ? 1 : undefined };
  });
}

async function isThere(folder: RunFolder, { map }: TestedImage): Promise<boolean> {
  try {
    return (await lstat(folder.file(map))).isFile();
  } catch {
    return false; // also for a name that leads out of the folder
  }
}

/** `[H, W]`, finite. Throws `io` or `data` naming the file. */
export async function readMap({ folder }: TestedRun, { map }: TestedImage): Promise<Grid> {
  const file = folder.file(map);
  const bytes = await readPlain(file, mostBytes.map);
  if (!bytes) throw new LoupeError("io", `${file}: there is no such map any more`);
  const { shape, data } = readNpy(bytes, file);
  const [height = 0, width = 0] = shape;
  if (shape.length !== 2 || width === 0 || height === 0) {
    throw new LoupeError("data", `${file}: a map has the shape [H, W], this is [${shape}]`);
  }
  if (!data.every(Number.isFinite)) {
    throw new LoupeError("data", `${file}: holds values that are not finite`);
  }
  return { width, height, data };
}

/**
 * The ground truth, 0 or 1, as the run was measured; undefined without a mask.
 * @param framing the run's, or that of a whole photo
 * @param size at which a mask that is not cut is drawn; a cut one has that of the square
 */
export async function readTruth(
  { record }: TestedRun,
  { sample }: TestedImage,
  size: Size,
  framing: Framing = record.framing,
): Promise<Grid | undefined> {
  if (sample?.maskPath === undefined) return undefined;
  const { maskThreshold } = record.options;
  const mask = await readMask(sample.maskPath, maskThreshold === null ? {} : { maskThreshold });
  const { place } = crops(framing) ? await readShown(sample.path, framing) : {};
  const { width, height, data } = place
    ? frameMask(mask, place, framing)
    : resize(mask, size, maskFilter(framing));
  return { width, height, data: data.map((v) => (v > 127 ? 1 : 0)) };
}

/** What to do about a run without maps. */
export const withoutMaps = ({ folder: { path } }: TestedRun): string =>
  `${path}: it has no maps (maps/*.npy); write them with \`loupe test ${path} --with-maps\``;
