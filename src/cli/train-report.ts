/** What `loupe train` prints: the metrics of one run, or one line a class with their mean. */
import { averageRow, type Column, formatTable } from "../report/index.ts";
import type { Outcome } from "./command.ts";
import type { ExitCode } from "./exit.ts";
import { classTable, metricTable, metricTitle } from "./results.ts";
import type { FinishedRun } from "./train-finish.ts";

const bestNote = "best on test is chosen on the test images: not a result";

export function describeRuns(
  finished: readonly FinishedRun[],
  failed: readonly { readonly class: string; readonly error: string }[],
  exit: ExitCode,
): Outcome {
  const single = finished.length === 1 && failed.length === 0;
  const text = single ? describeOne(finished[0] as FinishedRun) : describeMany(finished);
  const failures = failed.map((f) => `${f.class}: failed, ${f.error}`);
  return {
    text: [text, ...failures].join("\n"),
    json: { runs: finished.map(runJson), failed },
    exit,
  };
}

function describeOne({ className, path, result }: FinishedRun): string {
  const { evaluation, best, thresholds } = result;
  const { image, pixel, source } = thresholds;
  const threshold = `defective from ${image.toPrecision(4)} (image), ${pixel.toPrecision(4)} (pixel): ${source}`;
  const rows = evaluation?.classes ? [classTable(evaluation, "last epoch"), ""] : [];
  const title = rows.length > 0 ? "average" : "last epoch";
  const table = evaluation ? metricTable(evaluation, title, best) : "no test images, so no metrics";
  const tables = rows.length > 0 && !best ? rows.slice(0, 1) : [...rows, table];
  const note = best ? ["", bestNote] : [];
  return [`${className}: ${path}`, "", ...tables, ...note, "", threshold].join("\n");
}

function describeMany(finished: readonly FinishedRun[]): string {
  if (finished.length === 0) return "no class could be trained";
  const last = tableOf(finished, "last epoch, %", metricsOf);
  if (!finished.some(({ result }) => result.best)) return last;
  return [last, "", tableOf(finished, "best on test, %", bestOf), "", bestNote].join("\n");
}

/** A row for each class and their mean. */
function tableOf(
  finished: readonly FinishedRun[],
  title: string,
  valuesOf: (run: FinishedRun) => Readonly<Record<string, number>>,
): string {
  const rows = finished.map((run) => ({ class: run.className, ...valuesOf(run), run: run.path }));
  const names = [...new Set(finished.flatMap((run) => Object.keys(valuesOf(run))))];
  const columns: Column[] = [
    { key: "class", title },
    ...names.map((key) => ({ key, title: metricTitle(key), format: "percent" as const })),
    { key: "run" },
  ];
  const average = finished.length > 1 ? [{ ...averageRow(rows, names), run: "" }] : [];
  return formatTable([...rows, ...average], columns);
}

const metricsOf = ({ result }: FinishedRun): Readonly<Record<string, number>> =>
  result.evaluation?.metrics ?? {};

const bestOf = ({ result }: FinishedRun): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(result.best ?? {}).map(([name, { value }]) => [name, value]));

function runJson({ className, path, epochs, result }: FinishedRun): Record<string, unknown> {
  const { evaluation, best, thresholds, losses, cost } = result;
  return {
    class: className,
    run: path,
    epochs,
    losses,
    protocol: evaluation?.protocol ?? null,
    metrics: evaluation?.metrics ?? null,
    ...(evaluation?.classes ? { classes: evaluation.classes } : {}),
    ...(best ? { best_on_test: best } : {}),
    thresholds,
    cost,
    warnings: evaluation?.warnings ?? [],
  };
}
