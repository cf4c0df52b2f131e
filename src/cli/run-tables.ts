/**
 * From run folders to tables. Nothing but the folders is read, so it does not matter which process trained what, nor when: missing
 * runs are marked, and of repeated ones (in folders of several machines) the first counts.
 */
import { rm } from "node:fs/promises";
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
  type SummaryRow,
  spreadRows,
  summaryCsv,
  type Values,
} from "../report/index.ts";
import { writeWhole } from "./files.ts";
import type { Cell } from "./run-cells.ts";
import { awaitLock } from "./run-lock.ts";
import { safeName } from "./train-folder.ts";

/** A table of the reference, and whose. */
export interface Table {
  readonly setting: string;
  readonly dataset: string;
  readonly path: string;
  /** Of the last epoch. */
  readonly rows: readonly MetricsRow[];
  readonly average: MetricsRow;
}

/**
 * Writes all tables into the output: for each setting and data set `<setting>/<method>_<dataset>_last.csv` and `_best.csv`, with
 * several seeds also their spread (`_std`); with several settings for each metric `by-metric/<dataset>_<metric>.csv` with a column for
 * each of them; summary.csv and errors.json. One process at a time, so that the last one counts all.
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
    await writePivots(join(output, "by-metric"), tables);
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
  const found = columnsOf(group.flatMap(({ rows }) => [...rows.values()].map((row) => row.final)));
  const columns = found.length > 0 ? found : [...defaultColumns];
  const write = async (name: string, statistic: keyof RunStatistics) => {
    const classes = classesIn(group, statistic);
    const rows = meanRows(classes, columns);
    const average = averageOf(rows, columns);
    const [path, spread] = [`${start}_${name}.csv`, `${start}_${name}_std.csv`];
    await writeWhole(path, resultsCsv(rows, average, columns));
    if (seeds > 1) {
      const rest = averageSpread(classes, columns);
      await writeWhole(spread, resultsCsv(spreadRows(classes, columns), rest, columns));
    } else await rm(spread, { force: true }); // of an earlier plan
    return { setting: arm.name, dataset: data.name, path, rows, average };
  };
  await write("best", "peak");
  return write("last", "final");
}

/** The same values by metric: classes below each other, settings beside each other. As CDO 2025, aggregate_csv.py. */
async function writePivots(folder: string, tables: readonly Table[]): Promise<void> {
  for (const dataset of new Set(tables.map((table) => table.dataset))) {
    const own = tables.filter((table) => table.dataset === dataset);
    if (own.length < 2) continue;
    const settings = own.map(({ setting }) => setting);
    const classes = new Set(own.flatMap(({ rows }) => rows.map(({ name }) => name)));
    for (const metric of columnsOf(own.map(({ average }) => average.metrics))) {
      const rows = [...classes].map((name) => ({
        name,
        metrics: valuesBySetting(own, name, metric),
      }));
      const text = resultsCsv(rows, averageOf(rows, settings), settings);
      await writeWhole(join(folder, `${safeName(dataset)}_${safeName(metric)}.csv`), text);
    }
  }
}

function valuesBySetting(tables: readonly Table[], name: string, metric: string): Values {
  const pairs = tables.map(({ setting, rows }) => {
    const row = rows.find((r) => r.name === name);
    return [setting, row?.metrics[metric] ?? Number.NaN];
  });
  return Object.fromEntries(pairs);
}

function classesIn(group: readonly Cell[], statistic: keyof RunStatistics): ClassResults[] {
  const classes = new Map<string, Map<number, Values>>();
  for (const name of rowNames(group)) classes.set(name, new Map());
  for (const { job, rows } of group) {
    for (const [name, row] of rows) classes.get(name)?.set(job.seed, row[statistic]);
  }
  return [...classes].map(([name, bySeed]) => ({ name, bySeed }));
}

/** In the order of the plan. A joint training that nobody has seen yet has the rows of its classes. */
function rowNames(group: readonly Cell[]): Set<string> {
  const known = group.flatMap(({ rows }) => [...rows.keys()]);
  const isJoint = group[0]?.job.settings.joint === true;
  const planned = group.flatMap(({ job }) => (isJoint ? job.classes : [job.className]));
  return new Set(isJoint && known.length > 0 ? known : planned);
}

function summaryOf({ job, rows }: Cell): SummaryRow[] {
  const { arm, data, seed } = job;
  const { family = "", role = "" } = arm;
  const of = { name: arm.name, family, role, dataset: data.name, seed };
  return [...rows].flatMap(([name, row]) =>
    columnsOf([row.final]).flatMap((metric) =>
      (["final", "last5", "peak"] as const).map((statistic) => {
        return { ...of, class: name, metric, statistic, value: row[statistic][metric] as number };
      }),
    ),
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
