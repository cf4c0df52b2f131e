/** How hard images are by a list of scores, such as `loupe predict` writes of the training images of a finished run. */
import { parseCsv } from "../../data/index.ts";
import { LoupeError } from "../../error.ts";
import type { PathScore } from "./difficulty-config.ts";

/**
 * The columns `path` and `score` of a CSV table; the others don't matter.
 * @param file its name, for messages
 * @throws LoupeError `data` naming the line
 */
export function parseScores(text: string, file: string): PathScore[] {
  const [head, ...rows] = parseCsv(text);
  const [path, score] = ["path", "score"].map((name) => head?.cells.indexOf(name) ?? -1);
  if (path === undefined || score === undefined || path < 0 || score < 0) {
    const got = `its first line is ${JSON.stringify((head?.cells.join() ?? "").slice(0, 80))}`;
    throw new LoupeError("data", `scores: ${file} needs the columns path and score, ${got}`);
  }
  return rows.map(({ line, cells }) => {
    const value = Number(cells[score] || Number.NaN);
    if (cells[path] && Number.isFinite(value)) return [cells[path], value];
    const got = JSON.stringify(cells.join().slice(0, 80));
    throw new LoupeError("data", `scores: ${file}: line ${line} needs a path and a number, ${got}`);
  });
}

/**
 * The score of each path. A path of the list may be the end of the image's, or the other way round, as folders move: whole names
 * count, and the longest match. The list may hold other images, too.
 * @throws LoupeError `data` naming an image without a score, or two images with the same one
 */
export function scoresOfPaths(
  scores: readonly PathScore[],
  paths: readonly string[],
): readonly number[] {
  const byName = new Map<string, Row[]>();
  for (const [path, score] of scores) {
    const parts = partsOf(path);
    const name = parts.at(-1) ?? "";
    const rows = byName.get(name);
    if (rows) rows.push({ parts, score });
    else byName.set(name, [{ parts, score }]);
  }
  const taken = new Map<Row, string>();
  const missing: string[] = [];
  const found = paths.map((path) => {
    const parts = partsOf(path);
    const row = bestRow(byName.get(parts.at(-1) ?? "") ?? [], parts, path);
    if (!row) return missing.push(path);
    const other = taken.get(row);
    if (other !== undefined) {
      const what = `${row.parts.join("/")} could be ${other} or ${path}`;
      throw new LoupeError("data", `scores: ${what}; give longer paths`);
    }
    taken.set(row, path);
    return row.score;
  });
  if (missing.length === 0) return found;
  const some = missing.slice(0, 3).join(", ");
  const rule = `${missing.length} of ${paths.length} normal training images have no score`;
  const next = "predict all of them with the run that the scores are from";
  throw new LoupeError("data", `scores: ${rule}: ${some}; ${next}`);
}

interface Row {
  readonly parts: readonly string[];
  readonly score: number;
}

function bestRow(rows: readonly Row[], parts: readonly string[], path: string): Row | undefined {
  const fitting = rows.filter((row) => endsAlike(row.parts, parts));
  const longest = Math.max(0, ...fitting.map((row) => row.parts.length));
  const [best, second] = fitting.filter((row) => row.parts.length === longest);
  if (!second) return best;
  throw new LoupeError(
    "data",
    `scores: ${path} is there twice, with ${best?.score} and ${second.score}`,
  );
}

function partsOf(path: string): readonly string[] {
  return path.split(/[\\/]+/).filter((part) => part !== "" && part !== ".");
}

/** Whether the shorter one is the end of the longer one. */
function endsAlike(a: readonly string[], b: readonly string[]): boolean {
  const length = Math.min(a.length, b.length);
  for (let k = 1; k <= length; k++) if (a.at(-k) !== b.at(-k)) return false;
  return length > 0;
}
