/** Finds run folders below the folders that are given and reads what a comparison needs of them. */
import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { join, resolve } from "node:path";
import { LoupeError } from "../error.ts";
import { type Run, readRuns } from "../report/index.ts";

/** The runs, and what could not be read. */
export interface FoundRuns {
  readonly runs: readonly Run[];
  readonly problems: readonly string[];
}

const deepest = 40;
const mostBytes = { "run.json": 2 ** 24, "log.jsonl": 2 ** 28, "metrics.json": 2 ** 26 } as const;
type FileName = keyof typeof mostBytes;

/** A folder is a run when it holds run.json; nothing is looked for inside a run. Links are not followed. */
export async function findRuns(folders: readonly string[]): Promise<FoundRuns> {
  const problems: string[] = [];
  const seen = new Set<string>();
  const runs: Run[] = [];
  for (const folder of folders) {
    const found = await runFolders(folder, 0, problems);
    if (found.length === 0 && problems.length === 0) problems.push(`${folder}: holds no run`);
    for (const path of found) {
      const real = await realpath(path);
      if (seen.has(real)) continue;
      seen.add(real);
      runs.push(...(await readFolder(path, real, problems)));
    }
  }
  return { runs, problems };
}

async function runFolders(folder: string, depth: number, problems: string[]): Promise<string[]> {
  if (depth > deepest) {
    problems.push(`${folder}: more than ${deepest} folders deep; not looked at`);
    return [];
  }
  const entries = await readdir(folder, { withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      problems.push(`${folder}: ${reasonOf(cause)}`);
      return [];
    },
  );
  if (entries.some((entry) => entry.name === "run.json" && entry.isFile())) return [folder];
  const below: string[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isDirectory()) continue; // a link is none
    below.push(...(await runFolders(join(folder, entry.name), depth + 1, problems)));
  }
  return below;
}

async function readFolder(path: string, real: string, problems: string[]): Promise<Run[]> {
  try {
    const record = await textOf(path, "run.json");
    const log = await textOf(path, "log.jsonl");
    const metrics = await textOf(path, "metrics.json");
    return readRuns({
      path,
      folders: resolve(real).split(/[\\/]/).filter(Boolean),
      record: record ?? "",
      ...(log === undefined ? {} : { log }),
      ...(metrics === undefined ? {} : { metrics }),
    });
  } catch (error) {
    if (!(error instanceof LoupeError)) throw error;
    problems.push(error.message);
    return [];
  }
}

/** undefined when there is no such file. Throws `io` for one that is too large, a link, or can't be read. */
async function textOf(folder: string, name: FileName): Promise<string | undefined> {
  const path = join(folder, name);
  try {
    const found = await lstat(path);
    if (!found.isFile()) throw new LoupeError("io", `${path}: is not a plain file; left out`);
    if (found.size > mostBytes[name]) {
      const rule = `${found.size} bytes are more than the ${mostBytes[name]} that are read`;
      throw new LoupeError("io", `${path}: ${rule}; the run is left out`);
    }
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof LoupeError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new LoupeError("io", `${path}: ${reasonOf(cause)}; the run is left out`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such folder";
  if (code === "ENOTDIR") return "is not a folder; give a run folder or one above it";
  return `can't be read: ${message}`;
}
