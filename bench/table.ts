/** Results as text: tables for the terminal, and in Markdown for the README. */
import { formatBytes } from "../src/core/index.ts";
import { type Column, formatTable, type Row as Line, markdownTable } from "../src/report/index.ts";
import {
  type Ceiling,
  type PeerFailure,
  type PeerRow,
  type Result,
  type Row,
  rateOf,
  shareOf,
} from "./result.ts";

const times: readonly Column[] = [
  { key: "first", title: "first ms", format: "fixed", digits: 0 },
  { key: "median", title: "median ms", format: "fixed", digits: 2 },
  { key: "min", title: "min ms", format: "fixed", digits: 2 },
];

const own: readonly Column[] = [
  { key: "name", title: "task" },
  { key: "rate", title: "rate" },
  { key: "share", title: "of ceiling, %", format: "percent", digits: 0 },
  ...times,
  { key: "cpu", title: "CPU ms", format: "fixed", digits: 1 },
  { key: "launches" },
  { key: "host", title: "host µs/launch", format: "fixed", digits: 1 },
  { key: "peak", title: "peak memory" },
];

function lineOf(row: Row, ceiling: Ceiling | undefined): Line {
  const { value, unit } = rateOf(row);
  return {
    name: row.name,
    rate: `${value.toFixed(1)} ${unit}`,
    share: shareOf(row, ceiling),
    first: row.firstMs,
    median: row.medianMs,
    min: row.minMs,
    cpu: row.cpuMs,
    launches: row.launches,
    host: row.hostUs,
    peak: row.peakBytes === undefined ? undefined : formatBytes(row.peakBytes),
  };
}

/** One task as soon as it is measured. */
export function formatRow(row: Row, ceiling: Ceiling | undefined): string {
  const { rate, share } = lineOf(row, ceiling);
  const part = share === undefined ? "" : `${Math.round(100 * (share as number))} %`;
  const host =
    row.hostUs === undefined ? "" : `, host ${row.hostUs.toFixed(1)} µs × ${row.launches}`;
  const ms = `${row.medianMs.toFixed(2)} ms (min ${row.minMs.toFixed(2)}, first ${row.firstMs.toFixed(0)}${host})`;
  return `${row.name.padEnd(62)} ${String(rate).padStart(14)} ${part.padStart(5)}   ${ms}`;
}

/** How fast gradients are beside their forward: `[layer, input, weight]`, as shares of its rate. */
export function gradientShares(rows: readonly Row[]): [string, number, number][] {
  const ms = new Map(rows.map((row) => [row.name, row.minMs]));
  return rows.flatMap(({ name, minMs }): [string, number, number][] => {
    const [, layer, suffix] = name.match(/^(conv .*) forward(|, f16)$/) ?? [];
    const of = (what: string) => ms.get(`${layer} ${what} gradient${suffix}`);
    const [input, weight] = [of("input"), of("weight")];
    return layer && input && weight ? [[layer + suffix, minMs / input, minMs / weight]] : [];
  });
}

/** Everything, for the terminal or, with `markdown`, for the README. */
export function formatResult(result: Result, markdown = false): string {
  const table = markdown ? markdownTable : formatTable;
  const parts = [headOf(result)];
  if (result.rows.length) {
    const lines = result.rows.map((row) => lineOf(row, result.ceiling));
    parts.push(table(lines, own));
  }
  const shares = gradientShares(result.rows);
  if (shares.length) {
    const lines = shares.map(([name, input, weight]) => ({ name, input, weight }));
    parts.push(table(lines, gradientColumns));
  }
  if (result.peers?.length) parts.push(peerTable(result.peers, table));
  return parts.join("\n\n");
}

const gradientColumns: readonly Column[] = [
  { key: "name", title: "gradient's rate, % of the forward's" },
  { key: "input", format: "percent", digits: 0 },
  { key: "weight", format: "percent", digits: 0 },
];

function headOf({ adapter, host, date, ceiling, engines }: Result): string {
  const where = `${adapter.name} (${adapter.driver}); ${host.cpu}, ${host.cores} cores, Node ${host.node}`;
  const most = ceiling
    ? `; ceiling ${ceiling.gflops.toFixed(0)} GFLOP/s, copy ${ceiling.gbps.toFixed(1)} GB/s`
    : "";
  const about = Object.values(engines ?? {}).map((text) => `\n${text}`);
  return `${date}, commit ${host.commit}: ${where}${most}${about.join("")}`;
}

type Table = (rows: readonly Line[], columns: readonly Column[]) => string;

/** A line for each task, a column of medians for each engine; the ratio is to the fastest other JavaScript engine. */
export function peerTable(peers: readonly (PeerRow | PeerFailure)[], table: Table): string {
  const engines = [...new Set(peers.map((row) => row.peer))];
  const tasks = [...new Set(peers.map((row) => row.task))];
  const lines = tasks.map((task): Line => {
    const of = peers.filter((row) => row.task === task);
    const cells = of.map((row) => [row.peer, "error" in row ? "failed" : row.medianMs]);
    const ratios = {
      ratio: peerRatio(of),
      least: peerRatio(of, "minMs"),
      cpu: peerRatio(of, "cpuMs"),
    };
    return { task, ...Object.fromEntries(cells), ...ratios };
  });
  const columns: Column[] = [
    { key: "task", title: "median ms" },
    ...engines.map((key): Column => ({ key, format: "fixed", digits: 1 })),
    { key: "ratio", title: "best JS peer ÷ ours", format: "fixed", digits: 2 },
    { key: "least", title: "fastest runs", format: "fixed", digits: 2 },
    { key: "cpu", title: "CPU time", format: "fixed", digits: 2 },
  ];
  const failures = peers.flatMap((row) =>
    "error" in row ? [`${row.peer}, ${row.task}: ${row.error}`] : [],
  );
  return [table(lines, columns), ...failures].join("\n");
}

/** The name that our own rows have among the engines. */
export const ours = "tensorloupe";

/**
 * How many times longer the fastest other JavaScript engine takes, or how much more of the CPU; undefined where there is none. PyTorch
 * is no JavaScript engine, and runs on the CPU or through CUDA.
 */
export function peerRatio(
  rows: readonly (PeerRow | PeerFailure)[],
  by: "medianMs" | "minMs" | "cpuMs" = "medianMs",
): number | undefined {
  const done = rows.filter((row) => !("error" in row)) as readonly PeerRow[];
  const own = done.find((row) => row.peer === ours)?.[by];
  const rivals = done.filter((row) => row.peer !== ours && row.peer !== "PyTorch");
  const others = rivals.flatMap((row) => row[by] ?? []);
  return own && others.length ? Math.min(...others) / own : undefined;
}
