/** A profile as people look at it: a table of kernels, and a trace for chrome://tracing or Perfetto. */
import type { Profile } from "../core/index.ts";
import { formatTable } from "./table.ts";

/** All launches of one kernel, or of one kernel at one shape. */
export interface KernelTime {
  readonly name: string;
  readonly count: number;
  /** Milliseconds together. */
  readonly ms: number;
  /** Of the time of all launches. */
  readonly share: number;
}

/** Time per kernel, the longest first. With `shapes`, kernels at different shapes are counted apart. */
export function kernelTimes(
  { launches }: Profile,
  options: { shapes?: boolean } = {},
): KernelTime[] {
  const sums = new Map<string, { count: number; ns: number }>();
  for (const launch of launches) {
    const shapes = launch.shapes.map((s) => `[${s.join(", ")}]`).join(" ");
    const key = options.shapes ? `${launch.name} ${shapes}` : launch.name;
    const sum = sums.get(key) ?? { count: 0, ns: 0 };
    sums.set(key, { count: sum.count + 1, ns: sum.ns + launch.duration });
  }
  const total = launches.reduce((ns, { duration }) => ns + duration, 0);
  return [...sums]
    .map(([name, { count, ns }]) => ({ name, count, ms: ns / 1e6, share: total ? ns / total : 0 }))
    .sort((a, b) => b.ms - a.ms);
}

/** The kernels that take longest, as a table. */
export function profileTable(profile: Profile, most = 20): string {
  const times = kernelTimes(profile);
  const shown = times.slice(0, most).map(({ name, count, ms, share }) => {
    return { name, count, ms, each: (1000 * ms) / count, share };
  });
  const table = formatTable(shown, [
    { key: "name", title: "kernel" },
    { key: "count", title: "launches" },
    { key: "ms", title: "ms", format: "fixed", digits: 2 },
    { key: "each", title: "µs each", format: "fixed", digits: 1 },
    { key: "share", title: "%", format: "percent", digits: 1 },
  ]);
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const rest = times.length > most ? `, ${times.length - most} more kernels` : "";
  const left = profile.left ? `; ${profile.left} later launches were not timed` : "";
  const sum = `${profile.launches.length} launches, ${total.toFixed(1)} ms on ${profile.adapter}`;
  return `${table}\n${sum}${rest}${left}`;
}

/** The launches on a time line: the JSON that chrome://tracing and ui.perfetto.dev open. */
export function chromeTrace({ adapter, launches, left }: Profile): unknown {
  return {
    displayTimeUnit: "ns",
    otherData: { adapter, notTimed: left },
    traceEvents: launches.map(({ name, shapes, start, duration }) => ({
      name,
      ph: "X",
      pid: 1,
      tid: 1,
      ts: start / 1000,
      dur: duration / 1000,
      args: { shapes: shapes.map((s) => `[${s.join(", ")}]`).join(" ") },
    })),
  };
}
