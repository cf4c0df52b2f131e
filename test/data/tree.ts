/** Folders of small images for the tests of this room, made in a temporary place. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { encodePng } from "../../src/data/encode.ts";
import { type Image, makeImage } from "../../src/data/image.ts";
import { namedImage } from "./pixels.ts";

/** An image of its own for each path; names with `_mask`, or in a folder of masks, get a mask with one marked corner. */
export function pictureFor(path: string): Image {
  if (!/_mask\.|mask/.test(path)) return namedImage(path, 12, 8, 3);
  const mask = makeImage(12, 8, 1);
  for (let y = 0; y < 4; y++) mask.data.fill(255, y * 12, y * 12 + 6);
  return mask;
}

/**
 * Writes files below a new temporary folder, which is removed after the tests of this file. A path alone becomes a
 * picture, a pair is a path and its contents.
 */
export async function makeTree(
  files: readonly (string | readonly [string, Uint8Array | string])[],
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "tree-"));
  afterAll(() => rm(root, { recursive: true, force: true }));
  for (const file of files) {
    const [path, contents] =
      typeof file === "string" ? ([file, encodePng(pictureFor(file))] as const) : file;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), contents);
  }
  return root;
}

/** `prefix/000.png`, `prefix/001.png`, ... */
export function numbered(prefix: string, count: number, ending = ".png"): string[] {
  return Array.from(
    { length: count },
    (_, i) => `${prefix}/${String(i).padStart(3, "0")}${ending}`,
  );
}
