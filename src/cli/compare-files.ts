/** The files of `loupe compare`: which format an ending means, and that nothing that is there is ever overwritten. */
import { mkdir, open, rm } from "node:fs/promises";
import { dirname, extname, relative } from "node:path";
import { encodePng } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Comparison,
  comparisonCsv,
  comparisonHtml,
  comparisonMarkdown,
  curvesScene,
  sceneImage,
  sceneSvg,
  tablesScene,
} from "../report/index.ts";
import { writeWhole } from "./files.ts";

type Content = string | Uint8Array;
type Scene = ReturnType<typeof tablesScene>;

const picture: Readonly<Record<string, (scene: Scene, title: string) => Content>> = {
  ".png": (scene) => encodePng(sceneImage(scene)),
  ".svg": sceneSvg,
};

const tables: Readonly<
  Record<string, (comparison: Comparison, images: readonly string[]) => Content>
> = {
  ".png": (comparison) => picture[".png"]!(tablesScene(comparison), ""),
  ".svg": (comparison) => sceneSvg(tablesScene(comparison), "Comparison of experiments"),
  ".md": comparisonMarkdown,
  ".csv": comparisonCsv,
  ".html": comparisonHtml,
};

/** The files that are asked for. */
export interface Asked {
  readonly output?: readonly string[] | undefined;
  readonly curves?: readonly string[] | undefined;
  readonly distributions?: readonly string[] | undefined;
  readonly sheet?: readonly string[] | undefined;
}

const formatsOf = {
  output: tables,
  curves: picture,
  distributions: picture,
  sheet: { ".png": picture[".png"]! },
} as const;

/** Throws `config` for an ending that is no format. Called before any work is done. */
export function checkFormats(asked: Asked): void {
  for (const [key, formats] of Object.entries(formatsOf)) {
    const flag = `--${key}`;
    for (const path of asked[key as keyof Asked] ?? []) {
      if (Object.hasOwn(formats, endingOf(path))) continue;
      const known = Object.keys(formats).join(", ");
      throw new LoupeError("config", `${flag}: "${path}" must end in one of ${known}`);
    }
  }
}

const endingOf = (path: string) => extname(path).toLowerCase();

/** Writes all; returns the paths as they became. */
export async function writeComparison(
  comparison: Comparison,
  outputs: readonly string[],
  curves: readonly string[],
): Promise<string[]> {
  const drawn: string[] = [];
  if (curves.length > 0) {
    const scene = curvesScene(comparison);
    if (!scene) {
      throw new LoupeError("config", "compare: --curves: these runs have no curves to draw");
    }
    drawn.push(...(await writeScene(scene, "Learning curves and schedules", curves)));
  }
  const written: string[] = [];
  for (const path of outputs) {
    const images = drawn.map((image) => relative(dirname(path), image).replaceAll("\\", "/"));
    written.push(await writeNew(path, tables[endingOf(path)]!(comparison, images)));
  }
  return [...written, ...drawn];
}

/** A picture of shapes to files; returns the paths as they became. */
export async function writeScene(
  scene: Scene,
  title: string,
  paths: readonly string[],
): Promise<string[]> {
  const written: string[] = [];
  for (const path of paths) {
    written.push(await writeNew(path, picture[endingOf(path)]!(scene, title)));
  }
  return written;
}

const mostSuffixes = 10_000;

/**
 * Writes a file that was not there: where the name is taken, `_1`, `_2`, … goes before its ending. The name is reserved first, so
 * that two calls at one time don't get the same. Folders are made. Returns the path. Throws `io`.
 */
export async function writeNew(path: string, content: Content): Promise<string> {
  const ending = extname(path);
  const start = path.slice(0, path.length - ending.length);
  await attempt(path, () => mkdir(dirname(path), { recursive: true }));
  for (let n = 0; n < mostSuffixes; n++) {
    const free = n === 0 ? path : `${start}_${n}${ending}`;
    if (!(await reserve(free))) continue;
    try {
      await writeWhole(free, content);
    } catch (error) {
      await rm(free, { force: true });
      throw error;
    }
    return free;
  }
  throw new LoupeError("io", `${path}: ${mostSuffixes} files of this name are there; remove some`);
}

/** Makes an empty file; false when something of this name is there. */
async function reserve(path: string): Promise<boolean> {
  try {
    await (await open(path, "wx")).close();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw failure(path, cause);
  }
}

async function attempt(path: string, action: () => Promise<unknown>): Promise<void> {
  await action().catch((cause) => {
    throw failure(path, cause);
  });
}

const failure = (path: string, cause: unknown) =>
  new LoupeError("io", `${path}: can't be written: ${(cause as Error).message}`, { cause });
