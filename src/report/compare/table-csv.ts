/** The tables as one CSV: a line for each metric, quantity and experiment; percent and points with two decimals. */
import { guarded, lines } from "../csv.ts";
import { fixed, missing } from "../numbers.ts";
import { digitsFor } from "./cells.ts";
import type { Cost, Spent } from "./cost.ts";
import type { Comparison } from "./model.ts";
import type { Table } from "./table.ts";
import { mebibytes, milliseconds, seconds } from "./words.ts";

/**
 * Columns: metric, statistic, quantity (`mean`, `sd` over seeds, `difference` to the baseline, `difference sd`), experiment,
 * seeds, one for each class, average, classes in the average. What is missing is empty.
 */
export function comparisonCsv(comparison: Comparison): string {
  const { tables, differences, columns, statistic, rows, costs } = comparison;
  const name = (text: string) => guarded(text, "'");
  const seeds = new Map(rows.map((row) => [row.name, row.seeds.join(" ")]));
  const head = ["metric", "statistic", "quantity", "experiment", "seeds"];
  const body = [...tables, ...differences].flatMap((table) => {
    const digits = digitsOf(table);
    const unit = table.metric.isLoss ? 1 : 100;
    const shown = (value = Number.NaN) => {
      const text = fixed(value * unit, digits);
      return text === missing ? "" : text;
    };
    return table.rows.flatMap((row) => {
      const of = table.isDifference ? "difference" : "mean";
      const start = (quantity: string) => {
        const given = [table.metric.key, statistic, quantity, row.name, seeds.get(row.name) ?? ""];
        return given.map(name);
      };
      const count = row.average ? String(row.average.count) : "0";
      const line = (quantity: string, pick: "mean" | "sd") => [
        ...start(quantity),
        ...row.cells.map((cell) => shown(cell?.[pick])),
        shown(row.average?.[pick]),
        count,
      ];
      const hasSpread = row.cells.some((cell) => cell && !Number.isNaN(cell.sd));
      const spread = hasSpread ? [line(table.isDifference ? "difference sd" : "sd", "sd")] : [];
      return [line(of, "mean"), ...spread];
    });
  });
  const spent = costLines(costs, columns).map(([metric, quantity, of, ...values]) => {
    return [metric, "", quantity, name(of), name(seeds.get(of) ?? ""), ...values];
  });
  return lines([
    [...head, ...columns.map(name), "average", "classes in average"],
    ...body,
    ...spent,
  ]);
}

/** What is known of a cost: its name, how it was put together, and what stands in a cell. */
const quantities = [
  ["training_seconds", "mean", ({ trainingSeconds }: Spent) => seconds(trainingSeconds)],
  ["ms_per_image", "mean", ({ msPerImage }: Spent) => milliseconds(msPerImage)],
  ["gpu_mib", "maximum", ({ peakBytes }: Spent) => mebibytes(peakBytes)],
] as const;

function costLines(costs: readonly Cost[], columns: readonly string[]) {
  return quantities.flatMap(([metric, quantity, textOf]) => {
    const shown = (spent: Spent | undefined) => {
      const text = spent ? textOf(spent) : missing;
      return text === missing ? "" : text;
    };
    const lines = costs.map((cost) => {
      const cells = columns.map((column) => shown(cost.classes[column]));
      const count = cells.filter((cell) => cell !== "").length;
      return [metric, quantity, cost.name, ...cells, shown(cost), String(count)] as const;
    });
    return lines.some(([, , , ...cells]) => cells.at(-1) !== "0") ? lines : [];
  });
}

function digitsOf({ metric, rows }: Table): number {
  if (!metric.isLoss) return 2;
  const all = rows.flatMap(({ cells }) => cells.flatMap((cell) => (cell ? [cell.mean] : [])));
  return digitsFor(all.reduce((m, v) => Math.max(m, Math.abs(v)), 0));
}
