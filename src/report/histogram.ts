/** The scores of good and of defective images as bars of text over one axis, with the threshold where it falls. */
import { LoupeError } from "../error.ts";
import { shortNumber } from "./caption.ts";

export interface HistogramOptions {
  /** The image threshold; no mark without it. */
  readonly threshold?: number;
  /** Characters across, 16 to 400; 60 if not given. */
  readonly width?: number;
  /** Lines per class, 1 to 40; 3 if not given. */
  readonly height?: number;
}

const blocks = " ▁▂▃▄▅▆▇█";
const names = ["good", "defective"] as const;
const margin = "defective (10000)".length + 1;

/**
 * Two bar charts above one another, good (label 0) and defective images, each scaled to its own highest bar, over an axis
 * from the lowest to the highest score; the threshold is a line through both. A class without images is left out.
 * Throws `shape` when labels and scores differ in number, `numeric` for a score or threshold that is not finite, `data`
 * without images, `config` for a size out of range.
 *
 * @example histogram({ labels: [0, 0, 1], scores: [0.1, 0.2, 0.9] }, { threshold: 0.5, width: 40 })
 */
export function histogram(
  { labels, scores }: { readonly labels: ArrayLike<number>; readonly scores: ArrayLike<number> },
  options: HistogramOptions = {},
): string {
  const { threshold, width = 60, height = 3 } = options;
  const values = Array.from(scores);
  check(labels.length, values, threshold, width, height);
  const marks = threshold === undefined ? values : [...values, threshold];
  const low = marks.reduce((a, b) => Math.min(a, b));
  const high = marks.reduce((a, b) => Math.max(a, b));
  const place = (value: number): number =>
    high > low
      ? Math.min(width - 1, Math.floor(((value - low) / (high - low)) * width))
      : Math.floor(width / 2);
  const mark = threshold === undefined ? undefined : place(threshold);
  const charts = names.map((name, label) => {
    const own = values.filter((_, i) => (labels[i] === 0) === (label === 0));
    if (own.length === 0) return [];
    const counts = new Array<number>(width).fill(0);
    for (const value of own) counts[place(value)]!++;
    return chart(`${name} (${own.length})`, counts, height, mark);
  });
  const between = " ".repeat(margin) + blankLine(width, mark);
  const shown = charts.filter((chart) => chart.length > 0);
  const joined = shown.flatMap((chart, i) => (i ? [between, ...chart] : chart));
  return [...joined, ...axis(low, high, threshold, mark, width)]
    .map((line) => line.trimEnd())
    .join("\n");
}

function chart(
  title: string,
  counts: readonly number[],
  height: number,
  mark: number | undefined,
): string[] {
  const most = counts.reduce((a, b) => Math.max(a, b));
  return Array.from({ length: height }, (_, line) => {
    const floor = (height - 1 - line) * 8;
    const bars = counts.map((count, x) => {
      // The smallest count still shows.
      const eighths = count && Math.max(1, Math.round((count / most) * height * 8));
      const block = blocks[Math.max(0, Math.min(8, eighths - floor))]!;
      return block === " " && x === mark ? "┊" : block;
    });
    return `${(line === height - 1 ? title : "").padEnd(margin)}${bars.join("")}`;
  });
}

function blankLine(width: number, mark: number | undefined): string {
  return Array.from({ length: width }, (_, x) => (x === mark ? "┊" : " ")).join("");
}

function axis(
  low: number,
  high: number,
  threshold: number | undefined,
  mark: number | undefined,
  width: number,
): string[] {
  const indent = " ".repeat(margin);
  const line = Array.from({ length: width }, (_, x) => (x === mark ? "┴" : "─")).join("");
  const ends = high > low ? [shortNumber(low), shortNumber(high)] : [shortNumber(low), ""];
  const space = Math.max(1, width - ends[0]!.length - ends[1]!.length);
  const scale = `${indent}${ends[0]}${" ".repeat(space)}${ends[1]}`;
  if (threshold === undefined || mark === undefined) return [indent + line, scale];
  const text = `threshold ${shortNumber(threshold)}`;
  const left = Math.max(0, Math.min(width - text.length, mark - Math.floor(text.length / 2)));
  return [indent + line, scale, `${indent}${" ".repeat(left)}${text}`];
}

function check(
  labels: number,
  scores: readonly number[],
  threshold: number | undefined,
  width: number,
  height: number,
): void {
  if (labels !== scores.length) {
    throw new LoupeError("shape", `histogram: ${labels} labels for ${scores.length} scores`);
  }
  if (labels === 0) throw new LoupeError("data", "histogram: needs at least one score, got none");
  const bad = [...scores, threshold ?? 0].find((v) => !Number.isFinite(v));
  if (bad !== undefined) {
    throw new LoupeError(
      "numeric",
      `histogram: scores and threshold must be finite numbers, got ${bad}`,
    );
  }
  const fits = Number.isInteger(width) && width >= 16 && width <= 400;
  if (!fits || !Number.isInteger(height) || height < 1 || height > 40) {
    const rule = "width must be 16 to 400 and height 1 to 40";
    throw new LoupeError("config", `histogram: ${rule}, got ${width} and ${height}`);
  }
}
