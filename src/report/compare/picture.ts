/** The whole comparison as one picture: a table for each metric, beside or under it the differences to the baseline, the notes. */
import { ink } from "../canvas.ts";
import { type ShownCell, type ShownTable, showTable } from "./cells.ts";
import { plain } from "./colours.ts";
import { drawCurves, stylesOf } from "./draw-curves.ts";
import { drawTable, layoutOf } from "./draw-table.ts";
import type { Comparison } from "./model.ts";
import { inGrid, moved, type Scene, type Shape, stacked, wrapped } from "./scene.ts";
import { showSummary } from "./summary.ts";

const margin = 28;
const gap = 34;
/** Differences stand beside the values up to this width, else under all of them. */
const widest = 1500;
const noteSize = 7;

/** The tables. */
export function tablesScene(comparison: Comparison): Scene {
  const { tables, differences, columns, statistic, baseline } = comparison;
  const show = (table: Comparison["tables"][number]) =>
    showTable(table, columns, statistic, baseline);
  const values = tables.map(show);
  const changes = differences.map(show);
  const layout = layoutOf([...values, ...changes]);
  const draw = (table: ShownTable) => drawTable(table, layout);
  const drawn = values.map(draw);
  const width = Math.max(0, ...drawn.map((table) => table.width));
  const isBeside = changes.length > 0 && 2 * width + gap <= widest;
  const body = isBeside
    ? inGrid(
        paired(
          drawn,
          changes.map((change) => draw(aligned(change, values[0]!))),
        ),
        2,
        gap,
      )
    : stacked([...drawn, ...changes.map(draw)], gap);
  const summary = showSummary(comparison);
  const above = summary ? [drawTable(summary, layoutOf([summary]))] : [];
  const all = stacked([...above, body], gap);
  return framed(
    stacked([all, footer(comparison, Math.max(480, all.width), summary !== undefined)], gap),
  );
}

/** Learning curves, then what methods and curricula told by epoch. Undefined without a curve. */
export function curvesScene(comparison: Comparison): Scene | undefined {
  const { curves, schedules, rows } = comparison;
  const styles = stylesOf(rows);
  const parts = [drawCurves(curves, styles), drawCurves(schedules, styles)];
  const there = parts.filter((part) => part !== undefined);
  return there.length > 0 ? framed(stacked(there, gap)) : undefined;
}

/** Differences with all rows of the values beside them, so that rows stand at one height: the baseline's are zero. */
function aligned(changes: ShownTable, { rows }: ShownTable): ShownTable {
  const zero = (cell: ShownCell): ShownCell => {
    const text = cell.value === undefined ? cell.text : "0.00";
    return { text, detail: "", fill: plain, isBest: false, value: undefined };
  };
  const find = (name: string) => changes.rows.find((row) => row.name === name);
  return {
    ...changes,
    rows: rows.map((row) => find(row.name) ?? { ...row, cells: row.cells.map(zero) }),
  };
}

/** Values and differences in turn; a table without differences keeps its place. */
function paired(values: readonly Scene[], changes: readonly Scene[]): Scene[] {
  const empty: Scene = { width: 0, height: 0, shapes: [] };
  return values.flatMap((scene, i) => [scene, changes[i] ?? empty]);
}

function footer(
  { warnings, notes, summaryNotes }: Comparison,
  width: number,
  hasSummary: boolean,
): Scene {
  const shapes: Shape[] = [];
  let y = 0;
  const write = (text: string, colour: (typeof ink)["faint"] | (typeof ink)["wrong"]) => {
    for (const line of wrapped(text, width, noteSize)) {
      y += 14;
      shapes.push({ kind: "text", x: 0, y, text: line, size: noteSize, colour });
    }
    y += 2;
  };
  for (const warning of warnings) write(`warning: ${warning}`, ink.wrong);
  for (const note of [...notes, ...(hasSummary ? summaryNotes : [])]) write(note, ink.faint);
  return { width, height: y + 2, shapes };
}

export function framed(scene: Scene): Scene {
  return {
    width: scene.width + 2 * margin,
    height: scene.height + 2 * margin,
    shapes: moved(scene.shapes, margin, margin),
  };
}
