/** A comparison as plain JSON: the whole model with maps as objects; what is not a number is null. */
import type { Comparison } from "./model.ts";
import type { Cell, Table } from "./table.ts";

export function comparisonJson(comparison: Comparison): Record<string, unknown> {
  const { statistic, metrics, columns, rows, baseline, warnings, notes } = comparison;
  return {
    statistic,
    metrics: metrics.map(({ key }) => key),
    classes: columns,
    rows,
    baseline: baseline ?? null,
    tables: comparison.tables.map((table) => tableJson(table, columns)),
    summary: comparison.summaryTables.map((table) => tableJson(table, columns)),
    differences: comparison.differences.map((table) => tableJson(table, columns)),
    paired: comparison.paired.map((row) => ({ ...row, metric: row.metric.key })),
    costs: comparison.costs.map((cost) => ({
      ...cost,
      reach: cost.reach.map((reach) => ({ ...reach, metric: reach.metric.key })),
    })),
    curves: comparison.curves,
    schedules: comparison.schedules,
    runs: comparison.runs.map(({ path, name, className, seed, unfinished }) => {
      return { path, experiment: name, class: className, seed, unfinished: unfinished ?? null };
    }),
    warnings,
    notes: [...notes, ...comparison.otherNotes],
  };
}

function tableJson({ metric, rows }: Table, columns: readonly string[]) {
  return {
    metric: metric.key,
    rows: rows.map(({ name, cells, average }) => ({
      name,
      cells: Object.fromEntries(columns.map((column, c) => [column, cellJson(cells[c])])),
      average: average ?? null,
    })),
  };
}

const cellJson = (cell: Cell | undefined) =>
  cell ? { ...cell, values: Object.fromEntries(cell.values) } : null;
