/**
 * From a folder to a data set. The layouts are tried in order of this table; a further kind of data set is one more
 * file in `layouts/` and one more row here.
 */
import { listFiles, readFile } from "#codec";
import { LoupeError } from "../error.ts";
import {
  byCodePoint,
  type Dataset,
  type Folder,
  grouped,
  type Layout,
  type Sample,
  type ScanOptions,
} from "./dataset.ts";
import type { Finding } from "./finding.ts";
import { btad } from "./layouts/btad.ts";
import { mvtec } from "./layouts/mvtec.ts";
import { mvtec3d } from "./layouts/mvtec3d.ts";
import { sortedSet } from "./layouts/names.ts";
import { plain } from "./layouts/plain.ts";
import { realiad } from "./layouts/realiad.ts";
import { visa } from "./layouts/visa.ts";

/**
 * All kinds of data set that are read, the more particular ones first: `mvtec` would also read the folders of `mvtec3d` and
 * `btad`, and `plain` those of `visa` and `realiad`, the first and the last with wrong pairs and labels.
 */
export const layouts: readonly Layout[] = [realiad, visa, mvtec3d, btad, mvtec, plain];

/**
 * Sorts the images below a folder into classes, training and test. Nothing is opened; use `checkFolder` for that.
 * Each problem is a finding, the other files go on. Throws `LoupeError("io")` when the folder can't be listed,
 * `LoupeError("data")` when no layout fits or a class is unknown.
 */
export async function scanFolder(root: string, options: ScanOptions = {}): Promise<Dataset> {
  return readDataset(await openFolder(root), options);
}

/** Lists a folder on disk. Throws `LoupeError("io")`. */
export async function openFolder(root: string): Promise<Folder> {
  const listing = await listFiles(root);
  const files = [...listing.files].sort(byCodePoint);
  const read = (file: string, most?: number) => readFile(`${listing.root}/${file}`, most);
  return { root: listing.root, files, findings: listing.findings, read };
}

/** As `scanFolder`, for files from elsewhere, such as a folder picked in a page. */
export async function readDataset(whole: Folder, options: ScanOptions = {}): Promise<Dataset> {
  // what `data index` and CDO write into a data set is no part of it
  const folder = { ...whole, files: whole.files.filter((file) => !metaFiles.test(file)) };
  const layout = chooseLayout(folder, options.layout ?? "auto");
  const found = await layout.read(folder, options);
  if (found.classes.length === 0) throw nothingFound(folder, layout);
  const classes = chooseClasses(folder.root, sortedSet(found.classes), options.classes);
  const wanted = new Set(classes);
  const chosen = (samples: readonly Sample[]) =>
    samples.filter(({ className }) => wanted.has(className)).sort(bySample);
  const [train, test] = [chosen(found.train), chosen(found.test)];
  const known = new Set(found.classes);
  const noticed = [...folder.findings, ...found.findings].filter(({ file }) => {
    const name = classIn(known, file.slice(folder.root.length + 1));
    return name === undefined || wanted.has(name);
  });
  const findings = [
    ...noticed,
    ...idleFraction(folder.root, layout, options),
    ...shortages(folder.root, classes, train, test),
  ];
  return { root: folder.root, layout: found.layout ?? layout.name, classes, train, test, findings };
}

const metaFiles = /^meta(?:_[a-z0-9_]+)?\.json$/;

/** The class whose folder a file lies in, the innermost. */
function classIn(classes: ReadonlySet<string>, file: string): string | undefined {
  for (let at = file.lastIndexOf("/"); at > 0; at = file.lastIndexOf("/", at - 1)) {
    const name = file.slice(0, at);
    if (classes.has(name)) return name;
  }
  return undefined;
}

/** The layout that a name or the name of a variant means. */
export function layoutNamed(name: string): Layout | undefined {
  return layouts.find((l) => l.name === name || l.variants?.includes(name));
}

function chooseLayout(folder: Folder, name: string): Layout {
  if (name !== "auto") {
    const layout = layoutNamed(name);
    if (layout) return layout;
    const names = layouts.flatMap((l) => [l.name, ...(l.variants ?? [])]).join(", ");
    throw new LoupeError("config", `scan: unknown layout "${name}"; there is auto, ${names}`);
  }
  const layout = layouts.find((l) => l.matches(folder));
  if (layout) return layout;
  const folders = sortedSet(
    folder.files.map((path) => path.split("/").slice(0, -1).join("/") || "."),
  );
  const seen = folders.slice(0, 8).join(", ") + (folders.length > 8 ? ", ..." : "");
  const what = folder.files.length === 0 ? "it is empty" : `it has files in: ${seen}`;
  const known = layouts.map((l) => `\n  ${l.name}: ${l.looksLike}`).join("");
  const next = "put the normal images into a folder named good";
  throw new LoupeError(
    "data",
    `scan: ${folder.root}: no known layout; ${what}. Looked for${known}\n${next}`,
  );
}

function nothingFound({ root, files }: Folder, { name, looksLike }: Layout): LoupeError {
  const rule = `none of its ${files.length} files is an image at a place of layout ${name}`;
  const next = `expected ${looksLike}; check the folder, or leave out --layout`;
  return new LoupeError("data", `scan: ${root}: ${rule}; ${next}`);
}

function chooseClasses(
  root: string,
  found: readonly string[],
  wanted: readonly string[] | undefined,
): readonly string[] {
  if (!wanted) return found;
  for (const name of wanted) {
    if (found.includes(name)) continue;
    const known = found.length > 0 ? found.join(", ") : "none";
    throw new LoupeError("data", `scan: ${root}: no class "${name}"; there is ${known}`);
  }
  return found.filter((name) => wanted.includes(name));
}

function bySample(a: Sample, b: Sample): number {
  return byCodePoint(a.className, b.className) || byCodePoint(a.path, b.path);
}

const untrained = "no normal images to train on";
const unmeasured = "scores can't be measured";

/** What matters of a data set that is only trained on, or only tested on. */
export function findingsFor(part: "train" | "test", findings: readonly Finding[]): Finding[] {
  const idle = part === "train" ? unmeasured : untrained;
  return findings.filter(({ message }) => !message.includes(idle));
}

/** Says that a share to hold back was given where the layout has test images of its own. */
function idleFraction(root: string, { name }: Layout, { testFraction }: ScanOptions): Finding[] {
  if (testFraction === undefined || name === "plain") return [];
  const message = `no share of the good images is held back, the layout has test images of its own: ${name}`;
  return [{ level: "info", file: root, message }];
}

function shortages(
  root: string,
  classes: readonly string[],
  train: readonly Sample[],
  test: readonly Sample[],
): Finding[] {
  const findings: Finding[] = [];
  const trained = new Set(train.map(({ className }) => className));
  const testedOf = grouped(test, ({ className }) => className);
  for (const name of classes) {
    const add = (level: Finding["level"], message: string) =>
      void findings.push({ level, file: root, message: `${message}: class ${name}` });
    const tested = testedOf.get(name) ?? [];
    if (!trained.has(name)) {
      add("error", `${untrained} (put some into good or train/good)`);
    }
    if (tested.every(({ label }) => label === 0)) {
      add("warning", `no defective test images, ${unmeasured}`);
    } else if (tested.every(({ label }) => label === 1)) {
      add("warning", `no normal test images, ${unmeasured}`);
    }
  }
  return findings;
}
