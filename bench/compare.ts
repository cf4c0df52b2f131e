/** Two results side by side. The fastest runs are compared: they have the least of what else the machine did. */
import type { Result, Row } from "./result.ts";

export interface Change {
  readonly name: string;
  readonly oldMs: number;
  readonly newMs: number;
  /** New time over old time: above 1 is slower. */
  readonly ratio: number;
  readonly regression: boolean;
}

/** Slower by more than this share is a regression. */
const tolerance = 0.1;

/** What both have measured, in the order of the new one. */
export function compareResults(before: Result, now: Result): Change[] {
  const old = new Map(before.rows.map((row) => [row.name, row]));
  return now.rows.flatMap((row) => {
    const other = old.get(row.name);
    return other ? [changeOf(other, row)] : [];
  });
}

function changeOf(before: Row, now: Row): Change {
  const ratio = now.minMs / before.minMs;
  const regression = !(ratio <= 1 + tolerance); // also when it is no number
  return { name: now.name, oldMs: before.minMs, newMs: now.minMs, ratio, regression };
}

/** As text: a line for each, regressions marked, then what only one of them has. */
export function formatComparison(before: Result, now: Result): string {
  const changes = compareResults(before, now);
  const lines = changes.map(({ name, oldMs, newMs, ratio, regression }) => {
    const times = `${oldMs.toFixed(2)} → ${newMs.toFixed(2)} ms`;
    const mark = regression ? "  REGRESSION" : "";
    return `${name.padEnd(62)} ${times.padStart(24)}  × ${ratio.toFixed(2)}${mark}`;
  });
  const names = new Set(now.rows.map((row) => row.name));
  const gone = before.rows.filter((row) => !names.has(row.name)).length;
  const added = now.rows.length - changes.length;
  const slower = changes.filter((change) => change.regression).length;
  const other = before.adapter.name === now.adapter.name ? [] : [differs(before, now)];
  const counts = `${changes.length} compared, ${slower} slower by over ${100 * tolerance} %`;
  return [...other, ...lines, `${counts}, ${added} new, ${gone} not measured now`].join("\n");
}

function differs(before: Result, now: Result): string {
  return `adapters differ: ${before.adapter.name} before, ${now.adapter.name} now`;
}
