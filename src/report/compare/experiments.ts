/**
 * Which run is which cell: rows are experiments by their names, columns classes, and a seed makes one of several runs in a
 * cell. Of runs that claim the same place one counts, and the others are told.
 */
import type { Run } from "./run.ts";

export interface Experiment {
  readonly name: string;
  readonly isBaseline: boolean;
  readonly role: string | undefined;
  /** By class, then by seed. */
  readonly runs: ReadonlyMap<string, ReadonlyMap<number, Run>>;
}

export interface Arranged {
  /** Baselines first, then by name. */
  readonly experiments: readonly Experiment[];
  /** Classes, by name. */
  readonly columns: readonly string[];
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

const collator = new Intl.Collator("en", { numeric: true });
export const byName = (a: string, b: string): number =>
  collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/** @param wanted names of baselines, in this order; without them those that call themselves so */
export function arrange(runs: readonly Run[], wanted: readonly string[]): Arranged {
  const notes: string[] = [];
  const columnOf = columnNames(runs);
  const nameOf = rowNames(runs, columnOf);
  const rows = new Map<string, Map<string, Map<number, Run>>>();
  for (const run of [...runs].sort(laterLast)) {
    const cells = at(rows, nameOf(run), () => new Map<string, Map<number, Run>>());
    const cell = at(cells, columnOf(run), () => new Map<number, Run>());
    const other = cell.get(run.seed);
    if (other) {
      notes.push(`${other.path}: repeated by the later ${run.path}, which counts`);
    }
    cell.set(run.seed, run);
  }
  const experiments = [...rows].map(([name, cells]): Experiment => {
    const roles = [...cells.values()].flatMap((cell) => [...cell.values()].map((r) => r.role));
    const role = roles.find((r) => r !== undefined);
    const isBaseline =
      wanted.length > 0
        ? wanted.includes(name)
        : role === undefined
          ? /^(baseline|none(?![\p{L}\p{N}]))/iu.test(name)
          : role === "baseline";
    return { name, isBaseline, role, runs: cells };
  });
  return {
    experiments: experiments.sort(
      (a, b) =>
        Number(b.isBaseline) - Number(a.isBaseline) ||
        wanted.indexOf(a.name) - wanted.indexOf(b.name) ||
        byName(a.name, b.name),
    ),
    columns: [...new Set(runs.map(columnOf))].sort(byName),
    notes,
  };
}

/** Finished ones after unfinished ones, then by when they began. */
function laterLast(a: Run, b: Run): number {
  const finished = Number(a.unfinished === undefined) - Number(b.unfinished === undefined);
  return finished || byName(a.started, b.started) || byName(a.path, b.path);
}

/** The class; with the data set before it when one experiment has a class of this name in two of them. */
function columnNames(runs: readonly Run[]): (run: Run) => string {
  const seen = new Map<string, string>();
  const isAmbiguous = runs.some(({ name, className, seed, dataset }) => {
    const key = JSON.stringify([name, className, seed]);
    const before = seen.get(key) ?? dataset;
    seen.set(key, dataset);
    return before !== dataset;
  });
  return ({ className, dataset }) => (isAmbiguous ? `${dataset}-${className}` : className);
}

/**
 * The run's own name. Where all runs have the same and are nevertheless several in one place, they were kept apart by
 * folders: then the first one that differs is the name, as in the fork's script.
 */
function rowNames(runs: readonly Run[], columnOf: (run: Run) => string): (run: Run) => string {
  const own = ({ name }: Run) => name;
  if (new Set(runs.map(own)).size !== 1) return own;
  const places = new Set(runs.map((run) => JSON.stringify([columnOf(run), run.seed])));
  if (places.size === runs.length) return own;
  const shortest = runs.reduce((n, { folders }) => Math.min(n, folders.length), Infinity);
  let depth = 0;
  const first = runs[0]!.folders;
  while (depth < shortest && runs.every(({ folders }) => folders[depth] === first[depth])) depth++;
  return ({ folders, name }) => folders[Math.min(depth, folders.length - 1)] ?? name;
}

function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
