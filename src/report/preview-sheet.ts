/**
 * Training images side by side, to look at before anything is trained: one row for each thing that is shown, one column for each
 * state of it, with the outline of what counts as abnormal and a line of text beneath each image.
 */
import { type Image, makeImage, resize } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { blank, drawable, fill, ink, paste } from "./canvas.ts";
import { contourStroke, drawContour } from "./contour.ts";
import { type Grid, gridOf } from "./grid.ts";
import type { Stroke } from "./stroke.ts";
import { drawText, fitText, type TextStyle } from "./text.ts";

/** One training image. */
export interface PreviewCell {
  /** `[H, W, 1 or 3]`, 8 bits. */
  readonly image: Image;
  /** What counts as abnormal, one channel of the image's size; its outline lies at one half. */
  readonly mask?: Image;
  /** One short line beneath it. */
  readonly caption?: string;
}

/** A row with its name and what else there is to say of it, line by line. */
export interface PreviewRow {
  readonly title: string;
  readonly details?: readonly string[];
  readonly cells: readonly PreviewCell[];
}

export interface PreviewSheet {
  readonly title: string;
  readonly subtitle?: string;
  /** What stands above each column, and smaller beneath it. */
  readonly columns: readonly { readonly title: string; readonly detail?: string }[];
  readonly rows: readonly PreviewRow[];
}

const margin = 20;
const gap = 6;
const titleHeight = 58;
const columnsHeight = 32;
const captionHeight = 20;
const rowGap = 10;
const gutter = 118;
const least = 128;
const most = 320;
const largest = 16_384;

const look = {
  title: { size: 14, bold: true },
  subtitle: { size: 9, colour: ink.faint },
  column: { size: 8, bold: true },
  row: { size: 10, bold: true },
  detail: { size: 7, colour: ink.faint },
  caption: { size: 7, colour: ink.faint },
} as const satisfies Record<string, TextStyle>;

/** Thinner than on results: anomalies are small, and what they look like is what the picture is about. */
const outline: Stroke = {
  ...contourStroke.truth,
  width: 1.2,
  halo: { colour: [0, 0, 0], width: 1.4, opacity: 0.5 },
};

/**
 * Draws the sheet. Images of less than 128 pixels are enlarged by a whole number, pixel by pixel, those of more than 320 made
 * smaller. Throws `data` without an image, `config` for a sheet of more than 16384 pixels.
 */
export function previewSheet({ title, subtitle, columns, rows }: PreviewSheet): Image {
  const cell = Math.max(0, ...rows.flatMap(({ cells }) => cells.map(({ image }) => sideOf(image))));
  if (cell === 0) throw new LoupeError("data", "previewSheet: needs at least one image, got none");
  const count = Math.max(columns.length, ...rows.map(({ cells }) => cells.length));
  const width = 2 * margin + gutter + count * (cell + gap) - gap;
  const rowHeight = cell + captionHeight + rowGap;
  const height = titleHeight + columnsHeight + rows.length * rowHeight - rowGap + margin;
  if (width > largest || height > largest) {
    const next = "show fewer rows or columns";
    throw new LoupeError(
      "config",
      `previewSheet: ${width}x${height} pixels are more than ${largest}; ${next}`,
    );
  }
  const sheet = blank(width, height);
  const room = width - 2 * margin;
  drawText(sheet, fitText(title, room, look.title), [margin, 32], look.title);
  if (subtitle) {
    drawText(sheet, fitText(subtitle, room, look.subtitle), [margin, 50], look.subtitle);
  }
  const left = (i: number) => margin + gutter + i * (cell + gap);
  columns.forEach(({ title: name, detail = "" }, i) => {
    const base = titleHeight + columnsHeight - (detail ? 20 : 7);
    drawText(sheet, fitText(name, cell, look.column), [left(i), base], look.column);
    drawText(sheet, fitText(detail, cell, look.detail), [left(i), base + 13], look.detail);
  });
  rows.forEach((row, r) => {
    const top = titleHeight + columnsHeight + r * rowHeight;
    drawNames(sheet, row, top);
    row.cells.forEach((shown, i) => {
      drawCell(sheet, shown, [left(i), top], cell);
    });
  });
  return sheet;
}

function drawNames(sheet: Image, { title, details = [] }: PreviewRow, top: number): void {
  const room = gutter - 10;
  drawText(sheet, fitText(title, room, look.row), [margin, top + 14], look.row);
  details.forEach((line, i) => {
    const at = [margin, top + 32 + 13 * i] as const;
    drawText(sheet, fitText(line, room, look.detail), at, look.detail);
  });
}

function drawCell(
  sheet: Image,
  { image, mask, caption }: PreviewCell,
  [x, y]: readonly [number, number],
  cell: number,
): void {
  const shown = scaled(drawable(image));
  const picture = mask ? drawContour(shown, gridFor(mask, shown), 0.5, outline) : shown;
  const { width, height } = picture;
  if (width < cell || height < cell) {
    fill(sheet, { top: y, left: x, bottom: y + cell, right: x + cell }, ink.cell);
  }
  fill(sheet, { top: y - 1, left: x - 1, bottom: y + height + 1, right: x + width + 1 }, ink.rule);
  paste(sheet, picture, x, y);
  if (!caption) return;
  const text = fitText(caption, cell, look.caption);
  drawText(sheet, text, [x, y + cell + 13], look.caption);
}

/** How many times as large an image is shown. */
function factorOf({ width, height }: Image): number {
  const side = Math.max(width, height);
  return side < least ? Math.ceil(least / side) : Math.min(1, most / side);
}

function sideOf(image: Image): number {
  return Math.max(1, Math.round(Math.max(image.width, image.height) * factorOf(image)));
}

function scaled(image: Image): Image {
  const factor = factorOf(image);
  if (factor === 1) return image;
  const size = {
    width: Math.max(1, Math.round(image.width * factor)),
    height: Math.max(1, Math.round(image.height * factor)),
  };
  return resize(image, size, factor > 1 ? "nearest" : "bilinear");
}

/** A mask as large as the picture, in hard steps where it was enlarged, as its image was. */
function gridFor(mask: Image, { width, height }: Image): Grid {
  const same = mask.width >= width && mask.height >= height;
  const whole = makeImage(mask.width, mask.height, 1, mask.data);
  return gridOf(same ? whole : resize(whole, { width, height }, "nearest"));
}
