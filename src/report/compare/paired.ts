/** Each experiment beside the baseline: how often it is better, and whether that could be chance. */
import { mean, wilcoxon } from "../../metrics/index.ts";
import type { Metric } from "./metric.ts";
import type { Table } from "./table.ts";

export interface Pairs {
  readonly n: number;
  /** Mean difference, a fraction. */
  readonly mean: number;
  readonly wins: number;
  /** Less than 0.1 percentage points apart. */
  readonly ties: number;
  readonly losses: number;
  /** Wilcoxon's signed-rank test, two-sided; NaN when nothing differs. */
  readonly pValue: number;
}

export interface PairedRow {
  readonly metric: Metric;
  readonly name: string;
  /** One difference a class, of means over seeds. */
  readonly classes: Pairs | undefined;
  /** One difference for each class and seed that both have; undefined where there is only one seed. */
  readonly runs: Pairs | undefined;
}

/** Fewer differences than these can't give p < 0.05, whatever they are. */
export const fewestPairs = 6;

const tie = 0.001;

/** @param tables of differences */
export function pairedRows(tables: readonly Table[]): PairedRow[] {
  return tables.flatMap(({ metric, rows }) =>
    rows.map(({ name, cells }) => {
      const there = cells.filter((cell) => cell !== undefined);
      const each = there.flatMap(({ values }) => [...values.values()]);
      const hasSeeds = there.some(({ values }) => values.size > 1);
      return {
        metric,
        name,
        classes: pairs(there.map((cell) => cell.mean)),
        runs: hasSeeds ? pairs(each) : undefined,
      };
    }),
  );
}

function pairs(differences: readonly number[]): Pairs | undefined {
  if (differences.length === 0) return undefined;
  const clean = differences.map((d) => Math.round(d * 1e12) / 1e12);
  const wins = clean.filter((d) => d >= tie).length;
  const losses = clean.filter((d) => d <= -tie).length;
  return {
    n: clean.length,
    mean: mean(differences),
    wins,
    ties: clean.length - wins - losses,
    losses,
    pValue: wilcoxon(differences).pValue,
  };
}
