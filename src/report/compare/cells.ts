/** What a cell says and in which colour: the same in every format. */
import type { Rgb } from "../canvas.ts";
import { fixed, missing } from "../numbers.ts";
import { diverging, plain, viridis } from "./colours.ts";
import { statisticTitles } from "./notes.ts";
import type { Cell, Statistic, Table } from "./table.ts";

export interface ShownCell {
  readonly text: string;
  /** Spread, seeds where others have more, classes in an average: `± 0.31`, `n=2`, `2/3`; empty if there is nothing to say. */
  readonly detail: string;
  readonly fill: Rgb;
  /** The best of its column. */
  readonly isBest: boolean;
  /** To sort by, in the unit that is shown; undefined where there is none. */
  readonly value: number | undefined;
}

export interface ShownRow {
  readonly name: string;
  readonly isBaseline: boolean;
  /** One for each head. */
  readonly cells: readonly ShownCell[];
}

export interface ShownTable {
  readonly title: string;
  /** Unit and statistic. */
  readonly subtitle: string;
  /** Of the columns: classes, then `average`; of a summary metrics and costs. */
  readonly heads: readonly string[];
  readonly rows: readonly ShownRow[];
  /** Whether the last column is the average of the others. */
  readonly hasAverage: boolean;
  readonly isDifference: boolean;
  readonly isLoss: boolean;
  /** The largest absolute difference: where the colours end. */
  readonly limit: number;
}

interface Entry {
  readonly value: number;
  readonly sd: number;
  /** Classes in it, where it is an average. */
  readonly count?: number;
  /** Seeds in it, where other cells of its row have more. */
  readonly seeds?: number;
}

/** The average column is there with one class too, for it is what people look for. */
export function showTable(
  table: Table,
  columns: readonly string[],
  statistic: Statistic,
  baseline: string | undefined,
): ShownTable {
  const { metric, isDifference, rows } = table;
  const unit = metric.isLoss ? 1 : 100;
  const entries = rows.map(({ cells, average }): (Entry | undefined)[] => [
    ...cells.map(
      (cell) => cell && { value: cell.mean * unit, sd: cell.sd * unit, ...fewer(cell, cells) },
    ),
    average && { value: average.mean * unit, sd: average.sd * unit, count: average.count },
  ]);
  const all = entries.flatMap((row) => row.flatMap((entry) => entry?.value ?? []));
  const limit = all.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const digits = metric.isLoss ? digitsFor(limit) : 2;
  const heads = [...columns, "average"];
  const ranks = heads.map((_, c) =>
    rankOf(
      entries.map((row) => row[c]),
      columns.length,
      metric.isLoss,
      digits,
    ),
  );
  const isFirst = isDifference ? `difference to "${baseline ?? ""}", points` : "%";
  return {
    title: isDifference ? `Δ ${metric.title}` : metric.title,
    subtitle: `${metric.isLoss ? "" : `${isFirst}, `}${statisticTitles[statistic]}`,
    heads,
    hasAverage: true,
    isDifference,
    isLoss: metric.isLoss,
    limit,
    rows: rows.map(({ name, isBaseline }, r) => ({
      name,
      isBaseline,
      cells: heads.map((_, c) => {
        const entry = entries[r]![c];
        const { position, isBest } = ranks[c]!(entry);
        const fill = !entry
          ? plain
          : isDifference
            ? diverging(limit > 0 ? entry.value / limit : 0)
            : position === undefined
              ? plain
              : viridis(position);
        return {
          text: entry ? valueText(entry.value, digits, isDifference) : missing,
          detail: entry ? detailOf(entry, digits, columns.length) : "",
          fill,
          isBest: isBest && !metric.isLoss && !isDifference,
          value: entry?.value,
        };
      }),
    })),
  };
}

/** A cell of fewer seeds than others says so. */
function fewer(cell: Cell, row: readonly (Cell | undefined)[]): { readonly seeds?: number } {
  const most = row.reduce((n, other) => Math.max(n, other?.values.size ?? 0), 0);
  return cell.values.size > 0 && cell.values.size < most ? { seeds: cell.values.size } : {};
}

/** Where a value lies between the worst (0) and the best (1) of its column, and whether it is shown as the best. */
function rankOf(
  column: readonly (Entry | undefined)[],
  classes: number,
  isLoss: boolean,
  digits: number,
): (entry: Entry | undefined) => { position: number | undefined; isBest: boolean } {
  const comparable = ({ count }: Entry) => count === undefined || count === classes;
  const values = column.flatMap((entry) => (entry && comparable(entry) ? [entry.value] : []));
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (values.length < 2 || low === high) return () => ({ position: undefined, isBest: false });
  const best = fixed(high, digits);
  return (entry) => {
    if (!entry || !comparable(entry)) return { position: undefined, isBest: false };
    const up = (entry.value - low) / (high - low);
    return { position: isLoss ? 1 - up : up, isBest: fixed(entry.value, digits) === best };
  };
}

function valueText(value: number, digits: number, isDifference: boolean): string {
  const text = fixed(value, digits);
  if (!isDifference) return text;
  if (Number(text) === 0) return fixed(0, digits);
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

function detailOf({ sd, count, seeds }: Entry, digits: number, classes: number): string {
  const spread = Number.isNaN(sd) ? [] : [`± ${fixed(sd, digits)}`];
  const part = count === undefined || count === classes ? [] : [`${count}/${classes}`];
  const few = seeds === undefined ? [] : [`n=${seeds}`];
  return [...spread, ...few, ...part].join(" · ");
}

/** Decimals that show four digits of the largest loss, two at least. */
export function digitsFor(largest: number): number {
  if (!(largest > 0)) return 2;
  return Math.max(2, Math.min(12, 3 - Math.floor(Math.log10(largest))));
}
