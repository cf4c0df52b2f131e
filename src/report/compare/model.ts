/** Runs in, everything that a comparison says out: tables, differences, tests, costs, curves, and what to keep in mind. */
import { LoupeError } from "../../error.ts";
import { differences, methodDifferences, some, withoutCommonClass } from "./comparable.ts";
import { type Cost, costs } from "./cost.ts";
import { metricPanels, type Panel, schedulePanels, undrawnScalars } from "./curves.ts";
import { type Arranged, arrange, type Experiment } from "./experiments.ts";
import { defaultMetrics, type Metric, metricOf, summaryMetrics } from "./metric.ts";
import { notesOn, notesOnCost, notesOnSchedules, notesOnTests } from "./notes.ts";
import { type PairedRow, pairedRows } from "./paired.ts";
import type { Run } from "./run.ts";
import { differenceTable, type Statistic, seriesOf, type Table, tableOf } from "./table.ts";

export interface CompareOptions {
  /** `last5` if not given. */
  readonly statistic?: Statistic;
  /** By any of their names; image AUROC, pixel AUROC, AUPRO and loss if not given. */
  readonly metrics?: readonly string[];
  /** Names of baselines; without them the rows that call themselves so. */
  readonly baselines?: readonly string[];
  /** Take unfinished runs as far as they are. */
  readonly unfinished?: boolean;
  /** What can't be compared is an error. */
  readonly strict?: boolean;
}

export interface Comparison {
  readonly statistic: Statistic;
  readonly metrics: readonly Metric[];
  readonly columns: readonly string[];
  readonly rows: readonly RowHead[];
  /** The row that differences are taken to. */
  readonly baseline: string | undefined;
  readonly tables: readonly Table[];
  /** The metrics of the summary. */
  readonly summaryTables: readonly Table[];
  /** One for each metric but the loss; none without a baseline and another row. */
  readonly differences: readonly Table[];
  readonly paired: readonly PairedRow[];
  readonly costs: readonly Cost[];
  readonly curves: readonly Panel[];
  /** By class; empty with one class, where `curves` are it. */
  readonly curvesByClass: readonly { readonly column: string; readonly panels: readonly Panel[] }[];
  readonly schedules: readonly Panel[];
  /** What speaks against laying these results side by side, or is missing. */
  readonly warnings: readonly string[];
  /** How to read it. */
  readonly notes: readonly string[];
  /** How to read the summary: what differs between the methods, and what the costs are of. */
  readonly summaryNotes: readonly string[];
  /** How to read tests and curves, and `summaryNotes` among them. */
  readonly otherNotes: readonly string[];
  readonly runs: readonly Run[];
  /** The runs that are in the tables, in their order. */
  readonly placed: readonly PlacedRun[];
}

/** A run and its place: experiment, class, seed. */
export interface PlacedRun {
  readonly row: string;
  readonly column: string;
  readonly run: Run;
}

export interface RowHead {
  readonly name: string;
  readonly isBaseline: boolean;
  readonly role: string | undefined;
  /** All seeds that some class has. */
  readonly seeds: readonly number[];
}

/**
 * Compares runs. Throws `config` when there is nothing to compare: no runs, no class in common, an unknown metric or baseline,
 * and with `strict` whatever makes results incomparable.
 */
export function compareRuns(runs: readonly Run[], options: CompareOptions = {}): Comparison {
  const { statistic = "last5", baselines = [], strict = false, unfinished = false } = options;
  const warnings: string[] = [];
  const used = usable(runs, unfinished, warnings);
  const arranged = arrange(used, baselines);
  const { experiments, columns } = arranged;
  warnings.push(...arranged.notes);
  checkBaselines(baselines, experiments);
  const against = incomparable(arranged);
  if (strict && against.length > 0) {
    const rule = `compare: these runs can't be compared: ${against.join("; ")}`;
    throw new LoupeError("config", `${rule}; leave out what differs, or drop --strict`);
  }
  warnings.unshift(...against.map((what) => `not comparable: ${what}`));
  const metrics = chooseMetrics(options.metrics, used);
  const tables = metrics.map((metric) => tableOf(metric, arranged, statistic));
  const baseline = experiments.length > 1 ? experiments.find((e) => e.isBaseline) : undefined;
  const scored = tables.filter(({ metric }) => !metric.isLoss);
  const minus = baseline ? scored.map((table) => differenceTable(table, baseline.name)) : [];
  const common = columns.filter((c) => experiments.every(({ runs: own }) => own.has(c)));
  const summaryNotes = [...methodDifferences(arranged), ...notesOnCost(used)];
  const facts = {
    statistic,
    metrics,
    columns,
    baseline: baseline?.name,
    tables,
    differences: minus,
    paired: pairedRows(minus),
  };
  return {
    ...facts,
    rows: experiments.map(headOf),
    summaryTables: summaryOf(options.metrics, tables, arranged, statistic),
    costs: costs(arranged, metrics, baseline),
    curves: metricPanels(arranged, metrics, common.length > 0 ? common : columns),
    curvesByClass:
      columns.length > 1
        ? columns.map((column) => ({ column, panels: metricPanels(arranged, metrics, [column]) }))
        : [],
    schedules: schedulePanels(arranged),
    warnings: [...new Set(warnings)],
    notes: notesOn(facts, used, experiments, common.length),
    summaryNotes,
    otherNotes: [
      ...notesOnTests(facts),
      ...summaryNotes,
      ...notesOnSchedules(undrawnScalars(arranged)),
    ],
    runs: used,
    placed: placesOf(arranged),
  };
}

/** The metrics asked for, or those that a summary has by itself. */
function summaryOf(
  asked: readonly string[] | undefined,
  tables: readonly Table[],
  arranged: Arranged,
  statistic: Statistic,
): Table[] {
  if (asked) return tables.filter(({ metric }) => !metric.isLoss);
  return summaryMetrics
    .map((name) => tableOf(metricOf(name), arranged, statistic))
    .filter(({ rows }) => rows.some(({ average }) => average));
}

function placesOf({ experiments, columns }: Arranged): PlacedRun[] {
  return columns.flatMap((column) =>
    experiments.flatMap(({ name, runs }) =>
      [...(runs.get(column)?.values() ?? [])]
        .sort((a, b) => a.seed - b.seed)
        .map((run) => ({ row: name, column, run })),
    ),
  );
}

function headOf({ name, isBaseline, role, runs }: Experiment): RowHead {
  const seeds = new Set([...runs.values()].flatMap((cell) => [...cell.keys()]));
  return { name, isBaseline, role, seeds: [...seeds].sort((a, b) => a - b) };
}

function usable(runs: readonly Run[], unfinished: boolean, warnings: string[]): Run[] {
  const stopped = runs.filter((run) => run.unfinished !== undefined);
  const list = [...new Set(stopped.map((run) => `${run.path} (${run.unfinished})`))];
  if (list.length > 0) {
    const what = unfinished
      ? "taken as far as they are"
      : "left out; --unfinished takes them as far as they are";
    warnings.push(`unfinished, ${what}: ${some(list)}`);
  }
  const used = unfinished ? [...runs] : runs.filter((run) => run.unfinished === undefined);
  for (const { path, damaged } of used) {
    if (damaged > 0)
      warnings.push(`${path}: ${damaged} lines of log.jsonl are damaged and skipped`);
  }
  const silent = used.filter(({ evaluations }) => evaluations.length === 0);
  if (silent.length > 0) {
    warnings.push(`never evaluated: ${some([...new Set(silent.map(({ path }) => path))])}`);
  }
  if (used.length > 0) return used;
  const found = runs.length === 0 ? "no runs" : `no finished run among ${runs.length}`;
  const next = runs.length === 0 ? "" : `; ${some(list)}; --unfinished takes them as they are`;
  throw new LoupeError("config", `compare: ${found}${next}`);
}

function checkBaselines(wanted: readonly string[], experiments: readonly Experiment[]): void {
  for (const name of wanted) {
    if (experiments.some((row) => row.name === name)) continue;
    const there = some(
      experiments.map((row) => row.name),
      20,
    );
    throw new LoupeError(
      "config",
      `compare: no experiment "${name}" to be the baseline; there are ${there}`,
    );
  }
}

function incomparable(arranged: Arranged): string[] {
  const alone = withoutCommonClass(arranged);
  if (alone.length > 0 && alone.length === arranged.experiments.length) {
    const what = arranged.experiments.map((row) => `${row.name}: ${some([...row.runs.keys()])}`);
    throw new LoupeError(
      "config",
      `compare: no class is in more than one experiment (${some(what, 6, "; ")}); compare runs on the same classes`,
    );
  }
  const lonely = alone.map((name) => `${name} has no class in common with the others`);
  return arranged.experiments.length > 1 ? [...differences(arranged), ...lonely] : [];
}

/** Losses of different methods have nothing in common, so they are left out unless asked for. */
function chooseMetrics(wanted: readonly string[] | undefined, runs: readonly Run[]): Metric[] {
  const isMixed = new Set(runs.map(({ method }) => method)).size > 1;
  const usual = defaultMetrics.filter((name) => !(isMixed && metricOf(name).isLoss));
  const chosen = new Map((wanted ?? usual).map((name) => [metricOf(name).key, metricOf(name)]));
  const there = [...chosen.values()].filter((metric) =>
    runs.some((run) => seriesOf(metric, run).length > 0),
  );
  const missing = [...chosen.values()].filter((metric) => !there.includes(metric));
  if (there.length > 0 && (wanted === undefined || missing.length === 0)) return there;
  const names = new Set(
    runs.flatMap((run) => run.evaluations.flatMap(({ value }) => Object.keys(value))),
  );
  const known = [...names].map((name) => metricOf(name).key);
  throw new LoupeError(
    "config",
    `compare: no run has ${missing.map(({ key }) => `"${key}"`).join(", ")}; there are ${[...new Set([...known, "loss"])].join(", ")}`,
  );
}
