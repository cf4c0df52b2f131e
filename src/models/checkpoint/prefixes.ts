/**
 * Names without the wrapper's prefix. The same backbone is saved as `conv1.weight`, `module.conv1.weight` (data parallel),
 * `model.conv1.weight` (CDO 2023), `net_s.model.conv1.weight` (CDO 2025). A prefix goes only if every name carries it.
 */

/** CDO's two networks: the trained apprentice and the frozen expert. */
export type Part = "student" | "teacher";

const common = ["module.", "_orig_mod.", "model."];
/** How each version of CDO names its two networks: 2025, then 2023 (`model.MA`, `model.ME` behind `model.`). */
const parts: readonly Readonly<Record<Part, string>>[] = [
  { student: "net_s.", teacher: "net_t." },
  { student: "MA.", teacher: "ME." },
];
/** Wrappers nest a few levels; a name of a thousand `module.` is no wrapper. */
const maxRounds = 8;

/** Names before and after, and what was done. */
export interface Stripped {
  /** Name in the file to name without prefix. */
  readonly names: ReadonlyMap<string, string>;
  /** Prefixes taken off, outermost first. */
  readonly stripped: readonly string[];
  /** Which of CDO's networks this is, where the prefixes say so. */
  readonly part: Part | undefined;
  /** Names of the other network, left out. */
  readonly other: readonly string[];
}

const all = (names: Iterable<string>, prefix: string) =>
  [...names].every((n) => n.startsWith(prefix) && n.length > prefix.length);

/**
 * Takes known prefixes off. A file that holds both networks gives the `part` asked for; one that holds a single network gives that,
 * and says which it is.
 */
export function stripPrefixes(fileNames: Iterable<string>, wanted: Part = "student"): Stripped {
  let names = new Map([...fileNames].map((n) => [n, n]));
  const stripped: string[] = [];
  let part: Part | undefined;
  const other: string[] = [];
  const strip = (prefix: string) => {
    names = new Map([...names].map(([file, name]) => [file, name.slice(prefix.length)]));
    stripped.push(prefix);
  };
  const stripPart = (pair: Readonly<Record<Part, string>>): boolean => {
    const values = [...names.values()];
    const both = values.every((n) => n.startsWith(pair.student) || n.startsWith(pair.teacher));
    if (part !== undefined || !both) return false;
    const single = (["student", "teacher"] as const).find((p) => all(values, pair[p]));
    part = single ?? wanted;
    const prefix = pair[part];
    for (const [file, name] of names) {
      if (name.startsWith(prefix)) continue;
      other.push(file);
      names.delete(file);
    }
    strip(prefix);
    return true;
  };
  for (let round = 0; round < maxRounds && names.size > 0; round++) {
    const prefix = common.find((p) => all(names.values(), p));
    if (prefix !== undefined) strip(prefix);
    else if (!parts.some(stripPart)) break;
  }
  return { names, stripped, part, other };
}
