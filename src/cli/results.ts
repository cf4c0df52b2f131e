/** Metrics as people and spreadsheets want them: the last epoch's, and the best on test only under that name. */
import type { Evaluation, ProtocolName } from "../metrics/index.ts";
import { type Column, formatTable, metricsCsv } from "../report/index.ts";
import { type ClassedEvaluation, classRows } from "./class-evaluation.ts";

/** One evaluation in the course of a training. */
export interface EpochMetrics {
  /** Epochs that were complete. */
  readonly epoch: number;
  /** Fractions; null where undefined, as JSON has no NaN. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Which they are of; runs from before it was told have one. */
  readonly protocol?: ProtocolName;
  /** Of each class, where there are several. */
  readonly classes?: Readonly<Record<string, EpochMetrics["metrics"]>>;
}

/** The best value of one metric over the evaluated epochs: chosen on the test images, so no result. */
export interface BestOnTest {
  readonly value: number;
  readonly epoch: number;
}

export type BestByMetric = Readonly<Record<string, BestOnTest>>;

/** What each column says, for a table; others show their own name. */
const titles: Readonly<Record<string, string>> = {
  mAUROC_sp_max: "image AUROC",
  mAP_sp_max: "image AP",
  mF1_max_sp_max: "image F1",
  mAUROC_px: "pixel AUROC",
  mAP_px: "pixel AP",
  mF1_max_px: "pixel F1",
  mAUPRO_px: "AUPRO",
  S_AUROC: "sample AUROC",
  i_roc: "image AUROC",
  p_roc: "pixel AUROC",
  p_roc_smoothed: "pixel AUROC, smoothed",
  p_pro: "PRO",
};

export const metricTitle = (column: string): string => titles[column] ?? column;

/** Best values over several epochs, by metric; what was measured under another protocol has no part in it. */
export function bestOnTest(history: readonly EpochMetrics[], current: ProtocolName): BestByMetric {
  const best: Record<string, BestOnTest> = {};
  for (const { epoch, metrics, protocol = current } of history) {
    if (protocol !== current) continue;
    for (const [name, value] of Object.entries(metrics)) {
      if (value === null || Number.isNaN(value)) continue;
      if (!best[name] || value > best[name].value) best[name] = { value, epoch };
    }
  }
  return best;
}

/** One line a metric, in percent. `title`: of the column of values. */
export function metricTable(
  { metrics, protocol }: Pick<Evaluation, "metrics" | "protocol">,
  title: string,
  best?: BestByMetric,
): string {
  const rows = Object.entries(metrics).map(([name, value]) => ({
    name: metricTitle(name),
    value,
    best: best?.[name]?.value,
    epoch: best?.[name]?.epoch,
  }));
  const columns: Column[] = [
    { key: "name", title: `${protocol}, %` },
    { key: "value", title, format: "percent" },
  ];
  const extra: Column[] = [
    { key: "best", title: "best on test", format: "percent" },
    { key: "epoch", title: "at epoch" },
  ];
  return formatTable(rows, best ? [...columns, ...extra] : columns);
}

/** A line for each class and the mean, in percent. */
export function classTable(evaluation: ClassedEvaluation, title: string): string {
  const columns: Column[] = [
    { key: "class", title: `${evaluation.protocol}, ${title}, %` },
    ...Object.keys(evaluation.metrics).map((key) => {
      return { key, title: metricTitle(key), format: "percent" as const };
    }),
  ];
  const rows = classRows("", evaluation).map(({ name, metrics }) => ({ class: name, ...metrics }));
  return formatTable(rows, columns);
}

/**
 * The table of a run in the form of the references, in percent: a row for each class, then their mean. The best on test, of
 * several classes that of the mean, stand in columns named so.
 */
export function metricCsv(
  name: string,
  evaluation: Pick<ClassedEvaluation, "metrics" | "classes">,
  best?: BestByMetric,
): string {
  const extra = Object.entries(best ?? {}).map(([key, { value }]) => [
    `${key}_best_on_test`,
    value,
  ]);
  const rows = classRows(name, evaluation);
  const last = rows.pop() as (typeof rows)[number];
  return metricsCsv([
    ...rows,
    { name: last.name, metrics: { ...last.metrics, ...Object.fromEntries(extra) } },
  ]);
}
