/** How far a run tells defective from good: the scores of both as shares over one axis, with the threshold and their overlap. */
import { ink, type Rgb } from "../canvas.ts";
import { shortNumber } from "../caption.ts";
import { fixed } from "../numbers.ts";
import { textWidth } from "../text.ts";
import { axes, box, panel } from "./axes.ts";
import { framed } from "./picture.ts";
import { inGrid, type Scene, type Shape, shortened, stacked, wrapped } from "./scene.ts";
import { type Counts, type Distribution, overlapCoefficient } from "./score-counter.ts";
import { type Scale, scaleOf } from "./ticks.ts";

/** One run on one class. */
export interface RunDistributions {
  readonly name: string;
  readonly detail: string;
  readonly images?: Distribution;
  readonly pixels?: Distribution;
}

/** The runs of a class. */
export interface DistributionGroup {
  readonly title: string;
  readonly runs: readonly RunDistributions[];
}

const gap = 24;
const mostColumns = 4;
const kinds = [
  { key: "images", title: "image scores" },
  { key: "pixels", title: "pixel scores" },
] as const;

/**
 * For each class a row of image scores and a row of pixel scores, the runs side by side; of a lone run both in one row.
 * Undefined with nothing to draw.
 */
export function distributionsScene(groups: readonly DistributionGroup[]): Scene | undefined {
  const parts = groups.flatMap(({ title, runs }) => {
    const rows = kinds.flatMap(({ key, title: kind }) => {
      const panels = runs.flatMap((run) => {
        const distribution = run[key];
        return distribution ? [drawPanel(run, distribution)] : [];
      });
      return panels.length > 0 ? [{ kind, panels }] : [];
    });
    const isLone = rows.every(({ panels }) => panels.length === 1) && rows.length > 1;
    const lone = { kind: rows.map(({ kind }) => kind).join(", "), panels: rows.map(panelOf) };
    return (isLone ? [lone] : rows).map(({ kind, panels }) => {
      const grid = inGrid(panels, Math.min(mostColumns, panels.length), gap);
      return stacked([heading(`${title}: ${kind}`, grid.width), grid], 8);
    });
  });
  if (parts.length === 0) return undefined;
  const body = stacked(parts, gap);
  return framed(stacked([body, footer(Math.max(panel.width, body.width))], gap));
}

const panelOf = ({ panels }: { readonly panels: readonly Scene[] }): Scene => panels[0]!;

function heading(text: string, width: number): Scene {
  const short = shortened(text, width, 11);
  const style = { kind: "text", size: 11, colour: ink.text, bold: true } as const;
  return { width, height: 16, shapes: [{ ...style, text: short, whole: text, x: 0, y: 13 }] };
}

const subtitle = 7.5;
/** Room below the title for the numbers, and for the word at the threshold. */
const top = box.top + 26;

function drawPanel({ name, detail }: RunDistributions, distribution: Distribution): Scene {
  const { low, high, threshold, good, defective } = distribution;
  // a threshold far from all scores is drawn at the end of the axis
  const isNear = threshold > 2 * low - high && threshold < 2 * high - low;
  const x = scaleOf(isNear ? [low, high, threshold] : [low, high], box.left + 6, box.right - 6);
  const y = scaleOf([0, ...percents(good), ...percents(defective)], box.bottom, top, { least: 0 });
  const title = detail === "" ? name : `${name}, ${detail}`;
  const bands = [
    ...curve(good, distribution, x, y, { colour: ink.good }),
    ...curve(defective, distribution, x, y, { colour: ink.defective, dash: [6, 3] }),
  ];
  const shapes = [...axes(title, x, y, "score"), ...numbers(distribution), ...bands];
  return { ...panel, shapes: [...shapes, ...thresholdMark(threshold, x)] };
}

const percents = ({ bins, total }: Counts): number[] =>
  total === 0 ? [] : Array.from(bins, (count) => (100 * count) / total);

/** A step for each bin, filled to the axis. */
function curve(
  counts: Counts,
  { low, high }: Distribution,
  x: Scale,
  y: Scale,
  style: { readonly colour: Rgb; readonly dash?: readonly number[] },
): Shape[] {
  const heights = percents(counts);
  if (heights.length === 0) return [];
  const [from, to] = [x.at(low), x.at(high)];
  const edge = (i: number) => from + (i / heights.length) * (to - from);
  const steps = heights.flatMap((height, i) => [
    [edge(i), y.at(height)] as const,
    [edge(i + 1), y.at(height)] as const,
  ]);
  const outline = [[from, y.at(0)] as const, ...steps, [to, y.at(0)] as const];
  const points = steps.map(([px, py]) => [px, py, box.bottom] as const);
  return [
    { kind: "band", points, fill: style.colour, opacity: 0.18 },
    { kind: "line", points: outline, width: 1.6, ...style },
  ];
}

/** What the curves are, and how far they are apart. */
function numbers(distribution: Distribution): Shape[] {
  const { good, defective } = distribution;
  const overlap = fixed(overlapCoefficient(distribution), 3);
  const words: readonly (readonly [string, Rgb])[] = [
    [`good ${said(good)}`, ink.good],
    [`defective ${said(defective)}`, ink.defective],
    [`overlap ${overlap}`, ink.text],
  ];
  let at: number = box.left;
  return words.map(([text, colour]): Shape => {
    const shape: Shape = { kind: "text", x: at, y: 31, text, size: subtitle, colour };
    at += textWidth(text, { size: subtitle }) * 1.06 + 12;
    return shape;
  });
}

/** How many, and which share of them is at or above the threshold. */
function said({ total, above }: Counts): string {
  if (total === 0) return "(none)";
  const thousands = total < 1e6 ? `${shortNumber(total / 1e3)}k` : `${shortNumber(total / 1e6)}M`;
  return `(${total < 1e4 ? total : thousands}): ${fixed((100 * above) / total, 1)} %`;
}

function thresholdMark(threshold: number, x: Scale): Shape[] {
  const at = x.at(threshold);
  const isLeft = at > (box.left + box.right) / 2;
  const style = { kind: "text", size: subtitle, colour: ink.text } as const;
  const points = [
    [at, top - 12],
    [at, box.bottom],
  ] as const;
  return [
    { kind: "line", points, colour: ink.text, width: 1.3, dash: [3, 3] },
    {
      ...style,
      text: `threshold ${shortNumber(threshold)}`,
      x: at + (isLeft ? -5 : 5),
      y: top - 5,
      anchor: isLeft ? "end" : "start",
    },
  ];
}

const notes = [
  "Above each plot: how many scores, and the share of them at or above the threshold. Height: percent of the good (solid) and of the defective (dashed) scores in a bin; each run has its own axes.",
  "Overlap: the sum over the bins of the smaller share; 0: apart, 1: alike. It depends on the bins, of which there are fewer for few scores; the threshold is an edge. Defective images without a mask are not in the pixel scores.",
];

function footer(width: number): Scene {
  const lines = notes.flatMap((note) => wrapped(note, width, 7));
  const shapes = lines.map((text, i): Shape => {
    return { kind: "text", x: 0, y: 12 + 14 * i, text, size: 7, colour: ink.faint };
  });
  return { width, height: 14 * lines.length + 2, shapes };
}
