/** What a bench run leaves behind: JSON that later runs are compared with and the README's table is made from. */
import type { AdapterInfo } from "../src/core/index.ts";
import type { Work } from "./task.ts";

/** One measured task. */
export interface Row {
  readonly name: string;
  readonly work: Work;
  /** The first call, with compiling its pipelines and reading the answer back. */
  readonly firstMs: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly runs: number;
  /**
   * Software adapters: the least CPU time of a run over all cores, which hardly knows what else the machine does. It does not tell
   * whether the cores had enough to do.
   */
  readonly cpuMs?: number;
  /** Launches of one run. */
  readonly launches?: number;
  /** Host microseconds for each of them. */
  readonly hostUs?: number;
  /** Most GPU memory that existed at once, inputs included. */
  readonly peakBytes?: number;
}

/** What the probes reached. */
export interface Ceiling {
  readonly gflops: number;
  readonly gbps: number;
}

/** One engine at one of the tasks that all do. */
export interface PeerRow {
  readonly task: string;
  readonly peer: string;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly minMs: number;
  readonly runs: number;
  /** The least CPU time of a run over all cores. */
  readonly cpuMs?: number;
}

export interface PeerFailure {
  readonly task: string;
  readonly peer: string;
  readonly error: string;
}

export interface Result {
  readonly format: 2;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly adapter: AdapterInfo;
  readonly host: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    readonly commit: string;
  };
  readonly ceiling?: Ceiling;
  readonly rows: readonly Row[];
  readonly peers?: readonly (PeerRow | PeerFailure)[];
  /** What each of the engines is and runs on. */
  readonly engines?: Readonly<Record<string, string>>;
}

export interface Rate {
  readonly value: number;
  readonly unit: "GFLOP/s" | "GB/s" | "images/s";
}

/** Work per time, from the median. */
export function rateOf({ work, medianMs }: Pick<Row, "work" | "medianMs">): Rate {
  if ("flops" in work) return { value: work.flops / medianMs / 1e6, unit: "GFLOP/s" };
  if ("bytes" in work) return { value: work.bytes / medianMs / 1e6, unit: "GB/s" };
  return { value: (1000 * work.images) / medianMs, unit: "images/s" };
}

/** The share of what the adapter can do at most; there is none for images. */
export function shareOf(row: Row, ceiling: Ceiling | undefined): number | undefined {
  const { value, unit } = rateOf(row);
  if (!ceiling || unit === "images/s") return undefined;
  return value / (unit === "GFLOP/s" ? ceiling.gflops : ceiling.gbps);
}

/** The ceilings from the probes' rows: the best of each unit, and the fastest run, for nothing can be above it. */
export function ceilingOf(probes: readonly Row[]): Ceiling {
  const best = (unit: Rate["unit"]) => {
    const rates = probes.map((p) => rateOf({ work: p.work, medianMs: p.minMs }));
    return Math.max(...rates.filter((r) => r.unit === unit).map((r) => r.value));
  };
  return { gflops: best("GFLOP/s"), gbps: best("GB/s") };
}

/** Reads a result back. @throws Error when the text is none of this format */
export function parseResult(text: string, file: string): Result {
  const value = JSON.parse(text) as Partial<Result>;
  if (value.format === 2 && Array.isArray(value.rows)) return value as Result;
  throw new Error(`${file}: is no result of this bench (format 2); measure again with --json`);
}
