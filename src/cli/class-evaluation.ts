/**
 * Metrics of test images of several classes: a row for each class, as if it were tested alone, and their mean. Scores of different
 * classes are never ranked against each other, which would measure how alike the classes are. Source: CDO 2025, util/metric.py.
 */
import type { Sample } from "../data/index.ts";
import { evaluatePredictions, type Prediction } from "../detector/index.ts";
import type { Evaluation, ProtocolName } from "../metrics/index.ts";
import { averageRow } from "../report/index.ts";

/** `metrics` is the mean over `classes`, which are there if there is more than one. */
export interface ClassedEvaluation extends Evaluation {
  readonly classes?: Readonly<Record<string, Evaluation>>;
}

/**
 * @param samples the list that was predicted, in the same order
 * @throws LoupeError `data` without predictions
 */
export function evaluateClasses(
  samples: readonly Pick<Sample, "className">[],
  predictions: readonly Prediction[],
  size: number,
  protocol: ProtocolName,
): ClassedEvaluation {
  const names = [...new Set(samples.map(({ className }) => className))];
  if (names.length <= 1) return evaluatePredictions(predictions, size, protocol);
  const rows = names.map((name) => {
    const own = predictions.filter((_, i) => samples[i]?.className === name);
    return [name, evaluatePredictions(own, size, protocol)] as const;
  });
  const columns = [...new Set(rows.flatMap(([, { metrics }]) => Object.keys(metrics)))];
  // a class without one of its values is left out, so that all columns average the same classes
  const { class: title, ...means } = averageRow(
    rows.map(([, { metrics }]) => metrics),
    columns,
  );
  const warnings = rows.flatMap(([name, row]) => row.warnings.map((text) => `${name}: ${text}`));
  if (title !== "average") warnings.push(`${title} of the classes: the others lack a metric`);
  return {
    protocol,
    metrics: means as Evaluation["metrics"],
    thresholds: {}, // that of a class says nothing about another's scores
    warnings,
    classes: Object.fromEntries(rows),
  };
}

/** The metrics of each class, for a log; nothing where there is one. */
export function metricsByClass({ classes }: Pick<ClassedEvaluation, "classes">): {
  readonly classes?: Readonly<Record<string, Evaluation["metrics"]>>;
} {
  if (!classes) return {};
  const rows = Object.entries(classes).map(([name, { metrics }]) => [name, metrics] as const);
  return { classes: Object.fromEntries(rows) };
}

/** The rows of a table, the mean below them; of one class its row alone. */
export function classRows(
  name: string,
  { metrics, classes }: Pick<ClassedEvaluation, "metrics" | "classes">,
): { readonly name: string; readonly metrics: Evaluation["metrics"] }[] {
  if (!classes) return [{ name, metrics }];
  const rows = Object.entries(classes).map(([own, row]) => ({ name: own, metrics: row.metrics }));
  return [...rows, { name: "average", metrics }];
}
