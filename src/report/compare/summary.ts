/** One line an experiment: its metrics averaged over the classes, and what it took. Where there are several, and costs are known. */
import { type ShownCell, type ShownTable, showTable } from "./cells.ts";
import { plain } from "./colours.ts";
import type { Comparison } from "./model.ts";
import { statisticTitles } from "./notes.ts";
import { mebibytes, milliseconds, seconds } from "./words.ts";

export function showSummary(comparison: Comparison): ShownTable | undefined {
  const { summaryTables, columns, statistic, baseline, rows, costs } = comparison;
  const isMeasured = costs.some(({ msPerImage, peakBytes }) => msPerImage ?? peakBytes);
  if (rows.length < 2 || summaryTables.length === 0 || !isMeasured) return undefined;
  const tables = summaryTables.map((table) => showTable(table, columns, statistic, baseline));
  return {
    title: "Summary",
    subtitle: `%: averages over classes, ${statisticTitles[statistic]}`,
    heads: [...tables.map(({ title }) => title), "training, s", "ms/image", "GPU MiB"],
    hasAverage: false,
    isDifference: false,
    isLoss: false,
    limit: 0,
    rows: rows.map(({ name, isBaseline }, r) => {
      const averages = tables.map((table) => table.rows[r]!.cells.at(-1)!);
      const { trainingSeconds, msPerImage, peakBytes } = costs[r]!;
      const spent = [
        costCell(trainingSeconds, seconds(trainingSeconds)),
        costCell(msPerImage, milliseconds(msPerImage)),
        costCell(peakBytes, mebibytes(peakBytes)),
      ];
      return { name, isBaseline, cells: [...averages, ...spent] };
    }),
  };
}

function costCell(value: number | undefined, text: string): ShownCell {
  return { text, detail: "", fill: plain, isBest: false, value };
}
