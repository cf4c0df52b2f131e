/**
 * From run folders to tables. Nothing but the folders is read, so it does not matter which process trained what, nor when: missing
 * runs are marked, and of repeated ones (in folders of several machines) the first counts.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { defaultColumns } from "../metrics/index.ts";
import {
  averageOf,
  averageSpread,
  type ClassResults,
  columnsOf,
  type MetricsRow,
  meanRows,
  type RunStatistics,
  resultsCsv,
  runStatistics,
  type SummaryRow,
  spreadRows,
  summaryCsv,
  type Values,
} from "../report/index.ts";
import { writeWhole } from "./files.ts";
import type { EpochMetrics } from "./results.ts";
import { type Job, labelOf } from "./run-jobs.ts";
import { awaitLock, lockHolder } from "./run-lock.ts";
import { differences, seeRun } from "./run-state.ts";
import { failureOf, lockOf } from "./run-worker.ts";
import type { Terminal } from "./terminal.ts";
import { safeName } from "./train-folder.ts";

/** What is there of a job. */
export interface Cell {
  readonly job: Job;
  readonly state: "finished" | "running" | "begun" | "failed" | "missing" | "other settings";
  /** Why it is not finished, where somebody knows. */
  readonly reason: string | undefined;
  /** The run folder that counts. */
  readonly path: string | undefined;
  readonly statistics: RunStatistics | undefined;
}

/** Looks for each job in these folders. Warns of repeated runs that differ. */
export function seeCells(
  jobs: readonly Job[],
  folders: readonly string[],
  terminal: Terminal,
): Promise<Cell[]> {
  return inTurn(jobs, (job) => seeCell(job, folders, terminal));
}

async function seeCell(job: Job, folders: readonly string[], terminal: Terminal): Promise<Cell> {
  const found: Cell[] = await inTurn(folders, (folder) => seeIn(job, folder));
  const finished = found.filter(({ state }) => state === "finished");
  const [first] = finished;
  const other = finished.find(({ statistics }) => !isSame(statistics, first?.statistics));
  if (first && other) {
    terminal.warn(`${labelOf(job)}: ${first.path} and ${other.path} differ; the first counts`);
  }
  const order: readonly Cell["state"][] = ["running", "begun", "failed", "other settings"];
  const rest = order.flatMap((state) => found.filter((cell) => cell.state === state));
  return first ?? rest[0] ?? { ...nothing, job };
}

const nothing = {
  state: "missing",
  reason: undefined,
  path: undefined,
  statistics: undefined,
} as const;

async function seeIn(job: Job, folder: string): Promise<Cell> {
  const path = join(folder, job.folder);
  const cell = { ...nothing, job, path };
  try {
    const seen = await seeRun(path);
    if (seen?.ended) {
      const wrong = await differences(job, seen.record);
      if (wrong.length > 0) return { ...cell, state: "other settings", reason: wrong.join("; ") };
      return { ...cell, state: "finished", statistics: statisticsOf(seen.evaluations) };
    }
    const holder = await lockHolder(lockOf(path));
    if (holder) return { ...cell, state: "running", reason: holder };
    const reason = await failureIn(path);
    if (reason !== undefined) return { ...cell, state: "failed", reason };
    return seen ? { ...cell, state: "begun" } : cell;
  } catch (error) {
    return { ...cell, state: "failed", reason: (error as Error).message };
  }
}

async function failureIn(path: string): Promise<string | undefined> {
  try {
    const { message } = JSON.parse(await readFile(failureOf(path), "utf8")) as {
      message?: unknown;
    };
    return String(message);
  } catch {
    return undefined;
  }
}

function statisticsOf(evaluations: readonly EpochMetrics[]): RunStatistics {
  const values = evaluations.map(({ metrics }): Values => {
    const pairs = Object.entries(metrics).map(([k, v]) => [
      k,
      typeof v === "number" ? v : Number.NaN,
    ]);
    return Object.fromEntries(pairs);
  });
  return runStatistics(values);
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** A table of the reference, and whose. */
export interface Table {
  readonly setting: string;
  readonly dataset: string;
  readonly path: string;
  readonly average: MetricsRow;
}

/**
 * Writes all tables into the output: for each setting and data set `<setting>/<method>_<dataset>_last.csv` and `_best.csv`, with
 * several seeds also their spread (`_std`), summary.csv and errors.json. One process at a time, so that the last one counts all.
 */
export async function writeTables(
  output: string,
  see: () => Promise<readonly Cell[]>,
): Promise<{ readonly cells: readonly Cell[]; readonly tables: readonly Table[] }> {
  const lock = await awaitLock(join(output, "tables.lock"));
  try {
    const cells = await see();
    const tables: Table[] = [];
    for (const group of groupsOf(cells)) tables.push(await writeGroup(output, group));
    await writeWhole(join(output, "summary.csv"), summaryCsv(cells.flatMap(summaryOf)));
    await writeErrors(join(output, "errors.json"), cells);
    return { cells, tables };
  } finally {
    await lock.release();
  }
}

/** The cells of each setting and data set, both in the order of the plan. */
function groupsOf(cells: readonly Cell[]): (readonly [Cell, ...Cell[]])[] {
  const groups = new Map<string, [Cell, ...Cell[]]>();
  for (const cell of cells) {
    const key = JSON.stringify([cell.job.arm.name, cell.job.data.name]);
    const group = groups.get(key);
    if (group) group.push(cell);
    else groups.set(key, [cell]);
  }
  return [...groups.values()];
}

async function writeGroup(output: string, group: readonly [Cell, ...Cell[]]): Promise<Table> {
  const { arm, data, method } = group[0].job;
  const start = join(output, safeName(arm.name), `${method.name}_${safeName(data.name)}`);
  const seeds = new Set(group.map(({ job }) => job.seed)).size;
  const measured = group.flatMap(({ statistics }) => (statistics ? [statistics.final] : []));
  const found = columnsOf(measured);
  const columns = found.length > 0 ? found : [...defaultColumns];
  const tables = { last: "final", best: "peak" } as const;
  let average: MetricsRow | undefined;
  for (const [name, statistic] of Object.entries(tables)) {
    const classes = classesIn(group, statistic);
    const rows = meanRows(classes, columns);
    const mean = averageOf(rows, columns);
    average ??= mean;
    await writeWhole(`${start}_${name}.csv`, resultsCsv(rows, mean, columns));
    const spread = `${start}_${name}_std.csv`;
    if (seeds < 2)
      await rm(spread, { force: true }); // of an earlier plan
    else {
      const rest = averageSpread(classes, columns);
      await writeWhole(spread, resultsCsv(spreadRows(classes, columns), rest, columns));
    }
  }
  const path = `${start}_last.csv`;
  return { setting: arm.name, dataset: data.name, path, average: average as MetricsRow };
}

function classesIn(group: readonly Cell[], statistic: keyof RunStatistics): ClassResults[] {
  const classes = new Map<string, Map<number, Values>>();
  for (const { job, statistics } of group) {
    const bySeed = classes.get(job.className) ?? new Map<number, Values>();
    classes.set(job.className, bySeed);
    if (statistics) bySeed.set(job.seed, statistics[statistic]);
  }
  return [...classes].map(([name, bySeed]) => ({ name, bySeed }));
}

function summaryOf({ job, statistics }: Cell): SummaryRow[] {
  const { arm, data, className, seed } = job;
  const { family = "", role = "" } = arm;
  const of = { name: arm.name, family, role, dataset: data.name, class: className, seed };
  return columnsOf(statistics ? [statistics.final] : []).flatMap((metric) =>
    (["final", "last5", "peak"] as const).map((statistic) => ({
      ...of,
      metric,
      statistic,
      value: statistics?.[statistic][metric] ?? Number.NaN,
    })),
  );
}

async function writeErrors(path: string, cells: readonly Cell[]): Promise<void> {
  const failed = cells.filter(({ state }) => state === "failed" || state === "other settings");
  const list = failed.map(({ job, state, reason, path: run }) => {
    const { arm, data, className, seed } = job;
    return { setting: arm.name, dataset: data.name, class: className, seed, run, state, reason };
  });
  if (list.length === 0) await rm(path, { force: true });
  else await writeWhole(path, `${JSON.stringify(list, null, 2)}\n`);
}

/** One after the other: a thousand folders at once would open too many files. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
