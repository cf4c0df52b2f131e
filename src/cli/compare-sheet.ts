/** `loupe compare --sheet`: the same test images seen by several runs. Photos and maps are read column by column. */
import { crops, type Framing, readShown } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Comparison,
  type RunsSection,
  runsSheet,
  type SheetCells,
  type SheetRun,
} from "../report/index.ts";
import { choose, imagesOf, kindOf, type Row, type Section } from "./compare-images.ts";
import {
  type ResultReader,
  readMap,
  readTruth,
  type TestedImage,
  withoutMaps,
} from "./compare-results.ts";
import type { Terminal } from "./terminal.ts";

export interface SheetChoice {
  /** Images of each kind of defect, and good ones; 0: all. */
  readonly perDefect: number;
}

type Said = Pick<Terminal, "warn" | "meter">;

/**
 * The picture. What can't be drawn is told and left out. Throws `data` when nothing is left, `config` when it would be too
 * large.
 */
export async function drawSheet(
  { placed }: Comparison,
  reader: ResultReader,
  { perDefect }: SheetChoice,
  terminal: Said,
) {
  const sections: Section[] = [];
  for (const column of new Set(placed.map((one) => one.column))) {
    const rows: Row[] = [];
    for (const one of placed.filter((other) => other.column === column)) {
      const row = await openRow(one, reader, terminal);
      if (row) rows.push(row);
    }
    if (rows.length > 0) sections.push(choose(column, rows, perDefect));
  }
  if (sections.length === 0) {
    const next = "--sheet needs maps and photos; what is missing is said above";
    throw new LoupeError("data", `compare: no run has anything to show; ${next}`);
  }
  const sheet = runsSheet(sections.map((section) => described(section, perDefect)));
  const total = sections.reduce((n, { keys }) => n + keys.length, 0);
  const meter = terminal.meter({ label: "drawing", total, unit: "images" });
  let done = 0;
  for (const [s, section] of sections.entries()) {
    for (const [c, key] of section.keys.entries()) {
      const cells = await cellsOf(section, key, terminal);
      if (cells) sheet.draw(s, c, cells);
      meter.update(++done);
    }
  }
  meter.end();
  return sheet.image;
}

async function openRow(
  { row, run }: Comparison["placed"][number],
  reader: ResultReader,
  terminal: Said,
): Promise<Row | undefined> {
  try {
    const tested = await reader.open(run.path);
    const { images, mapped, scale, lost } = tested;
    const leave = (why: string) => {
      throw new LoupeError("data", why);
    };
    if (lost !== undefined) leave(lost);
    if (!scale) leave(`${run.path}: it has no colour-scale.json; run \`loupe test ${run.path}\``);
    const own = imagesOf(run, images);
    const whole = own.filter((image) => mapped.has(image));
    if (own.length > 0 && whole.length === 0) leave(withoutMaps(tested));
    const shown = whole.filter(({ sample }) => sample);
    if (shown.length === 0) leave(`${run.path}: none of its test images is in its data set`);
    if (shown.length < own.length) {
      const few = `${own.length - shown.length} of ${own.length} test images`;
      terminal.warn(`${run.path}: ${few} have no map or no photo any more; not on the sheet`);
    }
    const byKey = new Map(shown.map((image) => [image.key, image]));
    return { name: row, seed: run.seed, tested, images: byKey };
  } catch (error) {
    if (!(error instanceof LoupeError)) throw error;
    terminal.warn(`${error.message}; not on the sheet`);
    return undefined;
  }
}

const imageOf = ({ rows }: Section, key: string): TestedImage =>
  rows.map(({ images }) => images.get(key)).find((image) => image) as TestedImage;

function described(section: Section, perDefect: number): RunsSection {
  const { column, rows, keys, total } = section;
  const every = perDefect === 0 ? "" : `, ${perDefect} of each kind`;
  return {
    title: column,
    detail: `${keys.length} of ${total} test images${every}`,
    runs: rows.map(({ name, seed, tested }): SheetRun => {
      const { thresholds, scale, record } = tested;
      const { shorter } = record.framing;
      const size = record.config.imageSize;
      const cut = shorter === undefined ? "" : ` of ${shorter}`;
      const detail = `seed ${seed}${size === undefined ? "" : `, ${String(size)} px${cut}`}`;
      return {
        name,
        detail,
        scale: scale as NonNullable<typeof scale>,
        threshold: thresholds.image,
      };
    }),
    columns: keys.map((key) => {
      const image = imageOf(section, key);
      const name = key.slice(key.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
      return { name, kind: kindOf(image), label: image.label };
    }),
  };
}

/** undefined when the photo can't be read any more. */
async function cellsOf(
  { rows }: Section,
  key: string,
  terminal: Said,
): Promise<SheetCells | undefined> {
  const attempt = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LoupeError)) throw error;
      terminal.warn(`${error.message}; a cell stays empty`);
      return undefined;
    }
  };
  const first = rows.find(({ images }) => images.has(key)) as Row;
  const image = first.images.get(key) as TestedImage;
  const { path } = image.sample as { path: string };
  const seenBy = (framing: Framing) => attempt(async () => (await readShown(path, framing)).photo);
  const framing = commonFraming(rows) ?? { size: first.tested.record.framing.size };
  const photo = await seenBy(framing);
  if (!photo) return undefined;
  const results: SheetCells["results"][number][] = [];
  for (const { tested, images } of rows) {
    const own = images.get(key);
    const map = own && (await attempt(() => readMap(tested, own)));
    const isCut = tested.record.framing !== framing && crops(tested.record.framing);
    const part = isCut ? await seenBy(tested.record.framing) : undefined;
    results.push(map && { map, score: own.score, ...(part ? { photo: part } : {}) });
  }
  const mask = await attempt(() => readTruth(first.tested, image, truthSize(photo), framing));
  return { photo, results, ...(mask ? { mask } : {}) };
}

/** What all runs of a section saw of an image; undefined where that differs and the photo is shown whole. */
function commonFraming(rows: readonly Row[]): Framing | undefined {
  const framings = rows.map(({ tested }) => tested.record.framing);
  const isOne = new Set(framings.map((framing) => JSON.stringify(framing))).size === 1;
  return isOne ? framings[0] : undefined;
}

/** Masks are drawn small. */
function truthSize({ width, height }: { readonly width: number; readonly height: number }) {
  const scale = Math.min(1, 512 / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}
