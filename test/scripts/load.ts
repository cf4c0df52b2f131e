/** Loads a module of scripts/, which is plain JavaScript without types, and makes folders for it to work on. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { onTestFinished } from "vitest";

/** The folder with package.json. */
export const root: string = resolve(import.meta.dirname, "../..");

/** Returns the exports of `scripts/<name>`. */
export async function script(name: string) {
  return await import(/* @vite-ignore */ pathToFileURL(join(root, "scripts", name)).href);
}

/** Returns a new folder with these files in it (path to text); it is deleted after the test. */
export function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "scripts-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}
