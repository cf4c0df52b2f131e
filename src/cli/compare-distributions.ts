/** `loupe compare --distributions`: scores of good and defective images and pixels, counted map by map. */
import { LoupeError } from "../error.ts";
import {
  type Comparison,
  type Distribution,
  type DistributionGroup,
  type RunDistributions,
  ScoreCounter,
} from "../report/index.ts";
import { imagesOf } from "./compare-images.ts";
import {
  type ResultReader,
  readMap,
  readTruth,
  type TestedImage,
  type TestedRun,
  withoutMaps,
} from "./compare-results.ts";
import type { Terminal } from "./terminal.ts";

type Said = Pick<Terminal, "warn" | "meter">;

/** What each run of each class has. What can't be counted is told and left out. */
export async function countDistributions(
  { placed }: Comparison,
  reader: ResultReader,
  terminal: Said,
): Promise<DistributionGroup[]> {
  const groups = new Map<string, RunDistributions[]>();
  const meter = terminal.meter({ label: "counting scores", total: placed.length, unit: "runs" });
  for (const [i, one] of placed.entries()) {
    const counted = await countRun(one, reader, terminal);
    if (counted) groups.set(one.column, [...(groups.get(one.column) ?? []), counted]);
    meter.update(i + 1);
  }
  meter.end();
  return [...groups].map(([title, runs]) => ({ title, runs }));
}

async function countRun(
  { row, run }: Comparison["placed"][number],
  reader: ResultReader,
  terminal: Said,
): Promise<RunDistributions | undefined> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LoupeError)) throw error;
      terminal.warn(`${error.message}; not in the distributions`);
      return undefined;
    }
  };
  const tested = await attempt(() => reader.open(run.path));
  if (!tested) return undefined;
  const own = imagesOf(run, tested.images);
  if (own.length === 0) {
    const why = tested.lost ?? `${run.path}: it has no labelled test images of ${run.className}`;
    terminal.warn(`${why}; not in the distributions`);
    return undefined;
  }
  const pixels = await attempt(() => countPixels(tested, own));
  return {
    name: row,
    detail: `seed ${run.seed}`,
    images: countImages(tested, own),
    ...(pixels ? { pixels } : {}),
  };
}

function countImages({ thresholds }: TestedRun, images: readonly TestedImage[]): Distribution {
  const scores = images.map(({ score }) => score);
  const low = scores.reduce((a, b) => Math.min(a, b));
  const high = scores.reduce((a, b) => Math.max(a, b));
  const counter = new ScoreCounter(low, high, thresholds.image);
  for (const { label, score } of images) counter.add(label, score);
  return counter.result();
}

/** Reads all maps twice, one at a time: for the range, then for the counts. */
async function countPixels(
  tested: TestedRun,
  own: readonly TestedImage[],
): Promise<Distribution | undefined> {
  const images = own.filter((image) => tested.mapped.has(image));
  if (tested.lost !== undefined) throw new LoupeError("data", tested.lost);
  if (images.length === 0) throw new LoupeError("data", withoutMaps(tested));
  // where a defective image has no mask, nobody knows which of its pixels are
  const known = images.filter(({ label, sample }) => label === 0 || sample?.maskPath !== undefined);
  if (known.length === 0) return undefined;
  let [low, high] = [Infinity, -Infinity];
  for (const image of known) {
    const { data } = await readMap(tested, image);
    for (let i = 0; i < data.length; i++) {
      low = Math.min(low, data[i] as number);
      high = Math.max(high, data[i] as number);
    }
  }
  const counter = new ScoreCounter(low, high, tested.thresholds.pixel);
  for (const image of known) {
    const map = await readMap(tested, image);
    const truth = image.label === 0 ? undefined : await readTruth(tested, image, map);
    for (let i = 0; i < map.data.length; i++) {
      counter.add(truth?.data[i] === 1 ? 1 : 0, map.data[i] as number);
    }
  }
  return counter.result();
}
