/** What an experiment costs beside what it gains: a point for each, the baseline at no gain. */
import { axes, box, panel } from "./axes.ts";
import { legend, type Styles } from "./draw-curves.ts";
import type { Comparison } from "./model.ts";
import { inGrid, type Scene, type Shape, stacked } from "./scene.ts";
import type { Table } from "./table.ts";
import { scaleOf } from "./ticks.ts";

interface GainPoint {
  readonly name: string;
  readonly seconds: number;
  /** Points of the average. */
  readonly gain: number;
}

/** Undefined without times or without a baseline. */
export function drawGains(
  comparison: Comparison,
  styles: Styles,
  columns: number,
): Scene | undefined {
  const panels = comparison.differences.flatMap((table) => {
    const points = pointsOf(comparison, table);
    return points.length > 1 ? [drawPanel(table, points, styles)] : [];
  });
  if (panels.length === 0) return undefined;
  const grid = inGrid(panels, Math.min(columns, panels.length), 20);
  return stacked([grid, legend([...styles.keys()], styles, grid.width)], 14);
}

/** Averages over fewer classes than there are stand for something else, and are left out. */
function pointsOf({ costs, columns, baseline }: Comparison, { rows }: Table): GainPoint[] {
  return costs.flatMap(({ name, secondsPerEpoch }) => {
    const average = rows.find((row) => row.name === name)?.average;
    const isWhole = average?.count === columns.length;
    const gain = name === baseline ? 0 : isWhole ? 100 * average.mean : undefined;
    return gain === undefined || secondsPerEpoch === undefined
      ? []
      : [{ name, seconds: secondsPerEpoch, gain }];
  });
}

function drawPanel({ metric }: Table, points: readonly GainPoint[], styles: Styles): Scene {
  const seconds = points.map((point) => point.seconds);
  const gains = points.map((point) => point.gain);
  const x = scaleOf(seconds, box.left + 6, box.right - 6);
  const y = scaleOf(gains, box.bottom, box.top);
  const dots = points.map(({ name, seconds: s, gain }): Shape => {
    const at = [x.at(s), y.at(gain)] as const;
    return { kind: "line", points: [at, at], colour: styles.get(name)!.colour, width: 8 };
  });
  return { ...panel, shapes: [...axes(`Δ ${metric.title}, points`, x, y, "s/epoch"), ...dots] };
}
