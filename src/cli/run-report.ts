/** What `loupe run` prints: the jobs and what is there of them, or the averages of the tables and what is missing. */
import { join } from "node:path";
import { type Column, columnsOf, formatTable } from "../report/index.ts";
import type { Outcome as Printed } from "./command.ts";
import type { ExitCode } from "./exit.ts";
import { metricTitle } from "./results.ts";
import type { Cell } from "./run-cells.ts";
import { type Job, labelOf } from "./run-jobs.ts";
import type { Shard } from "./run-shard.ts";
import type { Table } from "./run-tables.ts";
import { isDone, type Outcome } from "./run-worker.ts";

/** @param total of all parts */
export function describeJobs(
  cells: readonly Cell[],
  total: number,
  shard: Shard | undefined,
): Printed {
  const rows = cells.map(({ job, state, reason }) => ({
    setting: job.arm.name,
    data: job.data.name,
    class: job.className,
    seed: job.seed,
    state: reason === undefined ? state : `${state}: ${reason}`,
  }));
  const columns = ["setting", "data", "class", "seed", "state"].map((key) => ({ key }));
  const part = shard ? `, part ${shard.index + 1} of ${shard.count} (${shard.source})` : "";
  const count = shard ? `${cells.length} of ${total} jobs` : `${total} jobs`;
  const { length: done } = cells.filter(({ state }) => state === "finished");
  return {
    text: `${formatTable(rows, columns)}\n\n${count}${part}, ${done} finished`,
    json: { jobs: cells.map(cellJson), total, shard: shard ?? null },
  };
}

const mostShown = 20;

/** @param outcomes what this process did; undefined: it only looked */
export function describeTables(
  { cells, tables }: { readonly cells: readonly Cell[]; readonly tables: readonly Table[] },
  folder: string,
  outcomes: ReadonlyMap<Job, Outcome> = new Map(),
): Printed {
  const missing = cells.filter(({ state }) => state !== "finished");
  const lines = missing.slice(0, mostShown).map(({ job, state, reason }) => {
    return `${labelOf(job)}: ${state}${reason === undefined ? "" : `, ${reason}`}`;
  });
  const more = missing.length - lines.length;
  const files = "_best: chosen on the test images, not a result";
  const text = [
    averages(tables),
    "",
    `${cells.length - missing.length} of ${cells.length} runs finished`,
    ...lines,
    ...(more > 0 ? [`and ${more} more`] : []),
    `tables: ${join(folder, "summary.csv")}, and in each setting's folder (${files})`,
  ];
  const failed = [...outcomes.values()].find(({ state }) => state === "failed");
  return {
    text: text.join("\n"),
    json: {
      output: folder,
      tables: tables.map(({ setting, dataset, path, average }) => {
        return { setting, dataset, path, over: average.name, average: average.metrics };
      }),
      runs: cells.map(cellJson),
      trained: [...outcomes.values()].filter(({ state }) => isDone(state)).length,
    },
    exit: (failed?.state === "failed" ? failed.error.exit : 0) as ExitCode,
  };
}

function averages(tables: readonly Table[]): string {
  const names = columnsOf(tables.map(({ average }) => average.metrics));
  const columns: Column[] = [
    { key: "setting", title: "last epoch, %" },
    { key: "dataset", title: "data" },
    { key: "over", title: "" },
    ...names.map((key) => ({ key, title: metricTitle(key), format: "percent" as const })),
  ];
  const rows = tables.map(({ setting, dataset, average }) => {
    return { setting, dataset, over: average.name, ...average.metrics };
  });
  return formatTable(rows, columns);
}

function cellJson({ job, state, reason, path, statistics }: Cell) {
  const { arm, data, className, seed } = job;
  return {
    setting: arm.name,
    dataset: data.name,
    class: className,
    seed,
    state,
    ...(reason === undefined ? {} : { reason }),
    run: path ?? null,
    ...(statistics ? { metrics: statistics.final } : {}),
  };
}
