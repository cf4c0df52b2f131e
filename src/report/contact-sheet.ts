/**
 * Many results in one picture: a title with the colour scale for each class, and beneath it one column per image, from the
 * photo at the top to the ground truth at the bottom.
 */
import { type Image, makeImage } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { blank, fill, ink, paste } from "./canvas.ts";
import { judge, shortNumber } from "./caption.ts";
import type { ColourScale } from "./colour-scale.ts";
import { legendOnto } from "./legend.ts";
import { drawPanels, fitSize, type Sample } from "./panels.ts";
import { drawLines } from "./stroke.ts";
import { drawText, fitText, textWidth } from "./text.ts";

/** One class: its images in the order they are shown, and the scale and image threshold of its run. */
export interface SheetSection {
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly scale: ColourScale;
  /** Without it the scores stand without verdicts. */
  readonly threshold?: number;
}

export interface SheetOptions {
  /** Width of the picture in pixels, 320 to 8192; 1280 if not given. */
  readonly width?: number;
  /** Images side by side, 1 to 40; what is more goes on below. 8 if not given. */
  readonly columns?: number;
}

const margin = 20;
const gutter = 78;
const gap = 4;
const titleHeight = 56;
const nameHeight = 20;
const scoreHeight = 34;
const legendWidth = 220;
const rowNames = ["photo", "anomaly map", "prediction", "ground truth"] as const;
const pictures = ["photo", "heat", "prediction", "truth"] as const;

/**
 * The sheet: every section has a title row, then bands of `columns` images with the rows photo, anomaly map, prediction
 * and, where an image of the section has a mask, ground truth. Its height follows from what is on it.
 * Throws `config` for a width or number of columns out of range, `data` without images, and as `drawPanels`.
 */
export function contactSheet(sections: readonly SheetSection[], options: SheetOptions = {}): Image {
  const { width, columns } = checked(sections, options);
  const room = width - 2 * margin - gutter - gap * (columns - 1);
  const cell = Math.floor(room / columns);
  if (cell < 8) {
    const rule = `${columns} columns leave ${cell} pixels for an image`;
    throw new LoupeError("config", `contactSheet: ${rule}; give a larger width or fewer columns`);
  }
  const parts = sections.flatMap((section) => [
    drawTitle(section, width),
    ...bands(section, columns).map((samples) => drawBand(samples, section, width, cell)),
  ]);
  return stack(parts, width);
}

function checked(
  sections: readonly SheetSection[],
  { width = 1280, columns = 8 }: SheetOptions,
): { width: number; columns: number } {
  if (!Number.isInteger(width) || width < 320 || width > 8192) {
    throw new LoupeError("config", `contactSheet: width must be 320 to 8192 pixels, got ${width}`);
  }
  if (!Number.isInteger(columns) || columns < 1 || columns > 40) {
    throw new LoupeError("config", `contactSheet: columns must be 1 to 40, got ${columns}`);
  }
  if (!sections.some(({ samples }) => samples.length > 0)) {
    throw new LoupeError("data", "contactSheet: needs at least one image, got none");
  }
  return { width, columns };
}

function bands({ samples }: SheetSection, columns: number): Sample[][] {
  const count = Math.ceil(samples.length / columns);
  return Array.from({ length: count }, (_, i) => samples.slice(i * columns, (i + 1) * columns));
}

function drawTitle({ title, samples, scale }: SheetSection, width: number): Image {
  const row = blank(width, titleHeight);
  const legend = Math.min(legendWidth, Math.floor(width / 3));
  const left = width - margin - legend;
  legendOnto(row, scale, { x: left, y: 15, width: legend });
  const count = `${samples.length} image${samples.length === 1 ? "" : "s"}`;
  const look = { size: 14, bold: true };
  const shown = fitText(title, left - margin - 120, look);
  const end = drawText(row, shown, [margin, 33], look);
  drawText(row, count, [end + 14, 33], { size: 9, colour: ink.faint });
  return row;
}

function drawBand(
  samples: readonly Sample[],
  section: SheetSection,
  width: number,
  cell: number,
): Image {
  const rows = section.samples.some(({ mask }) => mask) ? 4 : 3;
  const height = Math.max(...samples.map(({ photo }) => fitSize(photo, cell).height));
  const band = blank(width, nameHeight + rows * (height + gap) - gap + scoreHeight);
  for (let r = 0; r < rows; r++) {
    const baseline = nameHeight + r * (height + gap) + height / 2 + 4;
    drawText(band, rowNames[r]!, [margin, baseline], { size: 8, colour: ink.faint });
  }
  samples.forEach((sample, i) => {
    const x = margin + gutter + i * (cell + gap);
    const panels = drawPanels(sample, section.scale, cell);
    for (let r = 0; r < rows; r++) {
      drawCell(band, panels[pictures[r]!], [x, nameHeight + r * (height + gap)], cell, height);
    }
    const name = { size: 7, colour: ink.faint };
    drawText(band, fitText(sample.name ?? "", cell - 6, name), [x, nameHeight - 8], name);
    drawScore(band, sample, section.threshold, [x, band.height - scoreHeight + 17], cell);
  });
  return band;
}

/** A picture in the middle of its cell; an empty cell where there is none. */
export function drawCell(
  band: Image,
  picture: Image | undefined,
  [x, y]: readonly [number, number],
  width: number,
  height: number,
): void {
  const whole = picture && picture.width === width && picture.height === height;
  if (!whole) fill(band, { top: y, left: x, bottom: y + height, right: x + width }, ink.cell);
  if (!picture) return;
  const left = x + Math.floor((width - picture.width) / 2);
  paste(band, picture, left, y + Math.floor((height - picture.height) / 2));
}

/** A dot in the colour of the verdict, the score, and a mistake by its name. */
export function drawScore(
  band: Image,
  { score, label }: Pick<Sample, "score" | "label">,
  threshold: number | undefined,
  [x, y]: readonly [number, number],
  cell: number,
): void {
  if (score === undefined) return;
  const said = threshold === undefined ? undefined : judge(score, threshold, label);
  const colour = said?.mistake ? ink.wrong : (said?.colour ?? ink.text);
  const dot = said ? 12 : 0;
  if (said) drawLines(band, [[[x + 4, y - 4]]], { colour, width: 7 });
  const style = { size: 8, colour, bold: true };
  const number = shortNumber(score);
  const text = said?.mistake ? `${number} ${said.mistake}` : number;
  const fits = textWidth(text, style) <= cell - dot;
  drawText(band, fits ? text : fitText(number, cell - dot, style), [x + dot, y], style);
}

/** Parts of one width beneath each other. */
function stack(parts: readonly Image[], width: number): Image {
  const height = parts.reduce((sum, part) => sum + part.height, 0);
  const sheet = makeImage(width, height, 3);
  let at = 0;
  for (const { data } of parts) {
    sheet.data.set(data, at);
    at += data.length;
  }
  return sheet;
}
