/** Which files belong to a run, and removing those and no others. */
import { joinPath, listFolder, removeEmptyFolder, removeFile } from "#store";
import { LoupeError } from "../error.ts";
import { type Entry, finishedName } from "./store.ts";

/** What a run writes: files by name, and in folders everything with an ending. */
const ownFiles: readonly string[] = [
  "run.json",
  "checkpoint.safetensors",
  "frozen.safetensors",
  "model.safetensors",
  "thresholds.json",
  "colour-scale.json",
  "framing.json",
  "metrics.json",
  "metrics.csv",
  "scores.csv",
  "log.jsonl",
];
const ownFolders: Readonly<Record<string, string>> = { maps: ".npy", images: ".png" };

const isOwn = ({ name }: Entry) => ownFiles.includes(name) || Object.hasOwn(ownFolders, name);

/** The name of a file of the run that a crash left unfinished. */
const isUnfinished = ({ name, kind }: Entry) =>
  kind === "file" && ownFiles.includes(finishedName(name) ?? "");

/** The names in a folder, without what a crash left unfinished. */
export async function contentsOf(path: string): Promise<string[]> {
  return (await listFolder(path)).filter((e) => !isUnfinished(e)).map(({ name }) => name);
}

/** Removes what a crash left unfinished. */
export async function sweep(path: string): Promise<void> {
  for (const entry of await listFolder(path)) {
    if (isUnfinished(entry)) await removeFile(joinPath(path, entry.name));
  }
}

/** Removes what a run wrote; other files stay. run.json goes last, so that a run half removed is still known as one. */
export async function clearRun(path: string): Promise<void> {
  await sweep(path);
  const own = (await listFolder(path)).filter(isOwn);
  for (const { name, kind } of own) {
    const expected = ownFiles.includes(name) ? "file" : "folder";
    if (kind === expected) continue;
    const found = joinPath(path, name);
    throw new LoupeError(
      "io",
      `${found}: is not a ${expected} that a run wrote; move it away, or give another --output`,
    );
  }
  for (const { name } of own) {
    const ending = ownFolders[name];
    if (ending !== undefined) await clearFolder(joinPath(path, name), ending);
    else if (name !== "run.json") await removeFile(joinPath(path, name));
  }
  if (own.some(({ name }) => name === "run.json")) await removeFile(joinPath(path, "run.json"));
}

/** Removes the files with an ending, and folders that are empty then. Links are left alone. */
async function clearFolder(path: string, ending: string): Promise<void> {
  for (const { name, kind } of await listFolder(path)) {
    const inside = joinPath(path, name);
    const isOwn = (finishedName(name) ?? name).endsWith(ending);
    if (kind === "folder") await clearFolder(inside, ending);
    else if (kind === "file" && isOwn) await removeFile(inside);
  }
  await removeEmptyFolder(path);
}

/** The parts of a name such as `maps/crack/003.npy`. Throws for one that could lead out of its folder. */
export function partsOf(folder: string, name: string): string[] {
  const parts = name.split(/[\\/]/);
  const isPlain = (part: string) => !["", ".", ".."].includes(part) && !part.includes("\0");
  if (parts.every(isPlain)) return parts;
  const shown = JSON.stringify(name.slice(0, 100));
  throw new LoupeError("io", `${folder}: ${shown} is no name of a file in this folder`);
}
