/** Plots of courses over the epochs: small panels in a grid, one legend for all of them. */
import { ink } from "../canvas.ts";
import { textWidth } from "../text.ts";
import { axes, box, panel } from "./axes.ts";
import { type LineStyle, lineStyle } from "./colours.ts";
import type { Curve, CurvePoint, Panel } from "./curves.ts";
import type { RowHead } from "./model.ts";
import { inGrid, type Scene, type Shape, shortened, stacked } from "./scene.ts";
import { type Scale, scaleOf } from "./ticks.ts";

/** With more experiments than these, spreads would hide the lines. */
const mostBands = 12;

/** How each experiment is drawn, by name. */
export type Styles = ReadonlyMap<string, LineStyle>;

export function stylesOf(rows: readonly Pick<RowHead, "name" | "isBaseline">[]): Styles {
  const counts = [0, 0];
  return new Map(
    rows.map(({ name, isBaseline }) => {
      const kind = isBaseline ? 0 : 1;
      const i = counts[kind]!;
      counts[kind] = i + 1;
      return [name, lineStyle(i, isBaseline)];
    }),
  );
}

/** Undefined when no panel has a curve. */
export function drawCurves(
  panels: readonly Panel[],
  styles: Styles,
  columns = 2,
): Scene | undefined {
  const shown = panels.filter(({ curves }) => curves.length > 0);
  if (shown.length === 0) return undefined;
  const grid = inGrid(
    shown.map((one) => drawPanel(one, styles)),
    Math.min(columns, shown.length),
    20,
  );
  const used = new Set(shown.flatMap(({ curves }) => curves.map(({ name }) => name)));
  const names = [...styles.keys()].filter((name) => used.has(name));
  return stacked([grid, legend(names, styles, grid.width)], 14);
}

function drawPanel({ title, isPercent, curves, hasGaps = false }: Panel, styles: Styles): Scene {
  const scaled = (isPercent ? curves.map(percentages) : curves).flatMap((curve) =>
    hasGaps ? pieces(curve) : [curve],
  );
  const points = scaled.flatMap((curve) => curve.points);
  const spreads = points.flatMap(({ mean, sd }) =>
    Number.isNaN(sd) ? [mean] : [mean - sd, mean + sd],
  );
  const y = scaleOf(spreads, box.bottom, box.top, isPercent ? { least: 0, most: 100 } : {});
  const x = scaleOf(
    points.map(({ epoch }) => epoch),
    box.left + 6,
    box.right - 6,
    { whole: true },
  );
  const unit = isPercent ? ", %" : "";
  return {
    ...panel,
    shapes: [
      ...axes(title + unit, x, y, "epoch"),
      ...scaled.flatMap((curve) => band(curve, x, y, styles)),
      ...[...scaled].reverse().flatMap((curve) => line(curve, x, y, styles)),
    ],
  };
}

const percentages = ({ name, points }: Curve): Curve => ({
  name,
  points: points.map(({ epoch, mean, sd }) => ({ epoch, mean: 100 * mean, sd: 100 * sd })),
});

/** The curve cut where an epoch is left out. */
function pieces({ name, points }: Curve): Curve[] {
  const cut: CurvePoint[][] = [];
  points.forEach((point, i) => {
    const before = points[i - 1];
    if (before && point.epoch - before.epoch <= 1) cut.at(-1)!.push(point);
    else cut.push([point]);
  });
  return cut.map((piece) => ({ name, points: piece }));
}

function band({ name, points }: Curve, x: Scale, y: Scale, styles: Styles): Shape[] {
  const spread = points.filter(({ sd }) => !Number.isNaN(sd));
  if (spread.length < 2 || styles.size > mostBands) return [];
  const shape: Shape = {
    kind: "band",
    points: spread.map(({ epoch, mean, sd }) => [x.at(epoch), y.at(mean + sd), y.at(mean - sd)]),
    fill: styles.get(name)!.colour,
    opacity: styles.size > 4 ? 0.07 : 0.13,
  };
  return [shape];
}

function line({ name, points }: Curve, x: Scale, y: Scale, styles: Styles): Shape[] {
  const style = styles.get(name)!;
  const at = points.map(({ epoch, mean }) => [x.at(epoch), y.at(mean)] as const);
  const dot = (point: (typeof at)[number]): Shape => {
    return { kind: "line", points: [point, point], colour: style.colour, width: 5 };
  };
  const dots = at.length <= 12 ? at.map(dot) : [];
  return at.length > 1 ? [{ kind: "line", points: at, ...style }, ...dots] : dots;
}

/** Lines and names. */
export function legend(names: readonly string[], styles: Styles, width: number): Scene {
  const shapes: Shape[] = [];
  let [x, y] = [0, 0];
  for (const whole of names) {
    const text = shortened(whole, 240, 8);
    const long = 34 + textWidth(text, { size: 8 }) + 18;
    if (x > 0 && x + long > width) {
      x = 0;
      y += 20;
    }
    const level = y + 9;
    const style = styles.get(whole)!;
    shapes.push(
      {
        kind: "line",
        points: [
          [x + 2, level],
          [x + 26, level],
        ],
        ...style,
      },
      { kind: "text", x: x + 34, y: y + 13, text, whole, size: 8, colour: ink.text },
    );
    x += long;
  }
  return { width, height: y + 20, shapes };
}
