/**
 * What several runs see in the same images: a band of columns, one per image, with the photo and the ground truth at the top
 * and below them one row of heat maps per run, each under the colour scale of its run. The picture is made first and filled
 * column by column, so that no more than one photo and its maps are in memory.
 */
import type { Image } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { blank, fill, ink } from "./canvas.ts";
import type { ColourScale } from "./colour-scale.ts";
import { shortened, shortenedApart } from "./compare/scene.ts";
import { drawCell, drawScore } from "./contact-sheet.ts";
import type { Grid } from "./grid.ts";
import { heatOverlay } from "./heat.ts";
import { legendOnto } from "./legend.ts";
import { drawTruth, fitPhoto } from "./panels.ts";
import { drawText, fitText, textWidth } from "./text.ts";

/** A row. */
export interface SheetRun {
  readonly name: string;
  /** Beneath the name. */
  readonly detail?: string;
  readonly scale: ColourScale;
  /** The image threshold; without it the scores stand without verdicts. */
  readonly threshold?: number;
}

/** A column: an image. */
export interface SheetColumn {
  readonly name: string;
  /** Kind of defect; columns of one kind that follow each other share a heading. */
  readonly kind: string;
  /** 0 good, 1 defective. */
  readonly label: number;
}

/** The runs and images of one class. */
export interface RunsSection {
  readonly title: string;
  readonly detail?: string;
  readonly runs: readonly SheetRun[];
  readonly columns: readonly SheetColumn[];
}

/** What a run says of an image. */
export interface SheetResult {
  readonly map: Grid;
  readonly score: number;
  /** The part of the photo that the map covers; default all of the column's. */
  readonly photo?: Image;
}

/** What a column shows. */
export interface SheetCells {
  readonly photo: Image;
  /** Ground truth 0..1. */
  readonly mask?: Grid;
  /** One for each run of the section; undefined where the run has nothing to show. */
  readonly results: readonly (SheetResult | undefined)[];
}

export interface RunsSheetOptions {
  /** Side of the square that a picture fits, 48 to 1024 pixels; 120 if not given. */
  readonly panel?: number;
  /** Images side by side, 1 to 100; what is more goes on below. 12 if not given. */
  readonly columns?: number;
}

export interface RunsSheet {
  /** Drawn on by `draw`. */
  readonly image: Image;
  /** Draws a column of a section. Throws `shape` or `numeric` for maps that can't be drawn. */
  draw(section: number, column: number, cells: SheetCells): void;
}

const margin = 20;
const gutter = 190;
const gap = 4;
const heights = { title: 46, kind: 20, name: 16, score: 22, after: 14 } as const;
const mostPixels = 60e6;

/**
 * The sheet with its titles and names, its cells empty. Throws `config` for options out of range and for a picture of more
 * than 60 megapixels, `data` without images or runs.
 */
export function runsSheet(
  sections: readonly RunsSection[],
  options: RunsSheetOptions = {},
): RunsSheet {
  const { panel, columns } = checked(sections, options);
  const across = Math.min(columns, Math.max(...sections.map((s) => s.columns.length)));
  const layout = { panel, columns, width: 2 * margin + gutter + across * (panel + gap) - gap };
  const tops: number[] = [];
  let height = 0;
  for (const section of sections) {
    tops.push(height);
    height += heights.title + bandCount(section, layout) * bandHeight(section, layout);
  }
  checkPixels(layout.width, height, sections);
  const image = blank(layout.width, height);
  sections.forEach((section, i) => {
    drawFrame(image, section, tops[i]!, layout);
  });
  return {
    image,
    draw(section, column, cells) {
      drawColumn(image, sections[section]!, column, cells, tops[section]!, layout);
    },
  };
}

interface Layout {
  readonly panel: number;
  readonly columns: number;
  readonly width: number;
}

function checked(
  sections: readonly RunsSection[],
  { panel = 120, columns = 12 }: RunsSheetOptions,
): { panel: number; columns: number } {
  if (!Number.isInteger(panel) || panel < 48 || panel > 1024) {
    const rule = "pictures must be 48 to 1024 pixels large";
    throw new LoupeError("config", `runsSheet: ${rule}, got ${panel}`);
  }
  if (!Number.isInteger(columns) || columns < 1 || columns > 100) {
    throw new LoupeError("config", `runsSheet: columns must be 1 to 100, got ${columns}`);
  }
  if (!sections.some((s) => s.columns.length > 0 && s.runs.length > 0)) {
    throw new LoupeError("data", "runsSheet: needs at least one image and one run, got none");
  }
  return { panel, columns };
}

function checkPixels(width: number, height: number, sections: readonly RunsSection[]): void {
  if (width * height <= mostPixels) return;
  const images = sections.reduce((n, s) => n + s.columns.length, 0);
  const what = `${images} images would make a picture of ${width} × ${height} pixels`;
  const most = `at most ${mostPixels / 1e6} million are drawn`;
  throw new LoupeError("config", `runsSheet: ${what}, ${most}; take fewer images or runs`);
}

const bandCount = (section: RunsSection, { columns }: Layout): number =>
  Math.ceil(section.columns.length / columns);

const firstRow = heights.kind + heights.name;

/** Above the rows of the runs stand photo and truth. */
const runRow = (run: number, { panel }: Layout): number =>
  firstRow + 2 * (panel + gap) + run * (panel + heights.score);

const bandHeight = ({ runs }: RunsSection, layout: Layout): number =>
  runRow(runs.length, layout) + heights.after;

const faint = { size: 8, colour: ink.faint } as const;

function drawFrame(image: Image, section: RunsSection, top: number, layout: Layout): void {
  const look = { size: 14, bold: true };
  const room = layout.width - 2 * margin;
  const detail = shortened(section.detail ?? "", 0.6 * room, 9);
  const left = room - textWidth(detail, { size: 9 }) - 14;
  const end = drawText(image, shortened(section.title, left, 14), [margin, top + 33], look);
  drawText(image, detail, [end + 14, top + 33], { size: 9, colour: ink.faint });
  for (let band = 0; band < bandCount(section, layout); band++) {
    const at = bandTop(section, band, top, layout);
    drawGutter(image, section, at, layout);
    drawKinds(image, section, band, at, layout);
  }
}

const bandTop = (section: RunsSection, band: number, top: number, layout: Layout): number =>
  top + heights.title + band * bandHeight(section, layout);

/** What the rows are: photo, truth, and each run with its colour scale. */
function drawGutter(image: Image, { runs }: RunsSection, at: number, layout: Layout): void {
  const { panel } = layout;
  const middle = (row: number) => at + firstRow + row * (panel + gap) + panel / 2 + 4;
  drawText(image, "photo", [margin, middle(0)], faint);
  drawText(image, "ground truth", [margin, middle(1)], faint);
  const room = gutter - 24;
  const names = shortenedApart(
    runs.map(({ name }) => name),
    room,
    9,
  );
  runs.forEach(({ detail = "", scale }, i) => {
    const y = at + runRow(i, layout);
    drawText(image, names[i]!, [margin, y + 16], { size: 9, bold: true });
    drawText(image, shortened(detail, room, 8), [margin, y + 31], faint);
    if (panel >= 80) legendOnto(image, scale, { x: margin, y: y + 44, width: room - 6 });
  });
}

const columnLeft = (i: number, { panel }: Layout): number => margin + gutter + i * (panel + gap);

/** The kinds of the band's columns with a line over each, and the images' names. */
function drawKinds(
  image: Image,
  { columns }: RunsSection,
  band: number,
  at: number,
  layout: Layout,
): void {
  const own = columns.slice(band * layout.columns, (band + 1) * layout.columns);
  own.forEach(({ name, kind }, i) => {
    const x = columnLeft(i, layout);
    const small = { size: 7, colour: ink.faint };
    drawText(image, fitText(name, layout.panel - 4, small), [x, at + firstRow - 6], small);
    if (i > 0 && own[i - 1]!.kind === kind) return;
    const after = own.findIndex((other, j) => j > i && other.kind !== kind);
    const right = columnLeft(after < 0 ? own.length : after, layout) - gap;
    fill(image, { top: at, bottom: at + 2, left: x, right }, ink.rule);
    drawText(image, shortened(kind, right - x, 8), [x, at + 15], { size: 8 });
  });
}

function drawColumn(
  image: Image,
  { columns, runs }: RunsSection,
  column: number,
  { photo, mask, results }: SheetCells,
  top: number,
  layout: Layout,
): void {
  const { panel } = layout;
  const band = Math.floor(column / layout.columns);
  const x = columnLeft(column % layout.columns, layout);
  const at = bandTop({ title: "", columns, runs }, band, top, layout);
  const { label } = columns[column]!;
  const small = fitPhoto(photo, panel);
  const truth = mask ? drawTruth(small, mask) : undefined;
  drawCell(image, small, [x, at + firstRow], panel, panel);
  const second = at + firstRow + panel + gap;
  drawCell(image, truth, [x, second], panel, panel);
  if (!truth) said(image, label === 0 ? "good" : "no mask", [x, second], panel);
  runs.forEach(({ scale, threshold }, i) => {
    const y = at + runRow(i, layout);
    const result = results[i];
    const under = result?.photo ? fitPhoto(result.photo, panel) : small;
    const heat = result && heatOverlay(under, result.map, scale);
    drawCell(image, heat, [x, y], panel, panel);
    if (!result) said(image, "no map", [x, y], panel);
    else
      drawScore(image, { score: result.score, label }, threshold, [x, y + panel + 14], panel - 6);
  });
}

/** A word in the middle of an empty cell. */
function said(image: Image, text: string, [x, y]: readonly [number, number], panel: number): void {
  const left = x + (panel - textWidth(text, faint)) / 2;
  drawText(image, text, [left, y + panel / 2 + 4], faint);
}
