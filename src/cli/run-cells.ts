/** What is there of each job: its run, looked for in one or several outputs, with what it measured. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunStatistics, runStatistics, type Values } from "../report/index.ts";
import type { EpochMetrics } from "./results.ts";
import { type Job, labelOf } from "./run-jobs.ts";
import { lockHolder } from "./run-lock.ts";
import { differences, seeRun } from "./run-state.ts";
import { failureOf, lockOf } from "./run-worker.ts";
import type { Terminal } from "./terminal.ts";

/** What is there of a job. */
export interface Cell {
  readonly job: Job;
  readonly state: "finished" | "running" | "begun" | "failed" | "missing" | "other settings";
  /** Why it is not finished, where somebody knows. */
  readonly reason: string | undefined;
  /** The run folder that counts. */
  readonly path: string | undefined;
  readonly statistics: RunStatistics | undefined;
  /** Its rows in tables: the class, or each class of a joint training that was tested. */
  readonly rows: ReadonlyMap<string, RunStatistics>;
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
  rows: new Map<string, RunStatistics>(),
} as const;

async function seeIn(job: Job, folder: string): Promise<Cell> {
  const path = join(folder, job.folder);
  const cell = { ...nothing, job, path };
  try {
    const seen = await seeRun(path);
    if (seen?.ended) {
      const wrong = await differences(job, seen.record);
      if (wrong.length > 0) return { ...cell, state: "other settings", reason: wrong.join("; ") };
      return { ...cell, state: "finished", ...measured(job, seen.evaluations) };
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

function measured({ className }: Job, all: readonly EpochMetrics[]) {
  const statistics = runStatistics(all.map(({ metrics }) => valuesOf(metrics)));
  const names = Object.keys(all.at(-1)?.classes ?? {});
  const rows = names.map((name) => {
    return [name, runStatistics(all.map(({ classes }) => valuesOf(classes?.[name])))] as const;
  });
  return { statistics, rows: new Map(rows.length > 0 ? rows : [[className, statistics]]) };
}

function valuesOf(metrics: EpochMetrics["metrics"] = {}): Values {
  const pairs = Object.entries(metrics).map(([key, v]) => [
    key,
    typeof v === "number" ? v : Number.NaN,
  ]);
  return Object.fromEntries(pairs);
}

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** One after the other: a thousand folders at once would open too many files. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}
