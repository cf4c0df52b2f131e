/**
 * The layout of Real-IAD: one JSON per class says which image is for what, and whether the defect of an object can be seen in a
 * view. Labels and masks come from it alone: a path with `NG` may be a normal image. Source: arXiv 2403.12580.
 */
import { LoupeError } from "../../error.ts";
import type { Folder, Found, Layout, ScanOptions } from "../dataset.ts";
import { FileSet, leftOutTogether } from "./lists.ts";
import { baseName, isImage, sortedSet } from "./names.ts";
import { readRealiadClass } from "./realiad-class.ts";

const photo = /^(?:(.*)\/)?(?:OK|NG\/[^/]+)\/S\d+\/[^/]*_C[1-5]_[^/]*$/;
const listFolder = /(?:^|\/)(realiad_jsons[^/]*)\/[^/]+\.json$/;

export const realiad: Layout = {
  name: "realiad",
  looksLike:
    "realiad_jsons/<class>.json (or _sv, _fuiad_0.x) and <class>/{OK,NG}/.../S0001/*_C1_*.jpg",
  variants: ["sv", "fuiad_0.0", "fuiad_0.1", "fuiad_0.2", "fuiad_0.4"].map((v) => `realiad_${v}`),
  matches: ({ files }) => files.some((path) => photo.test(path) || listFolder.test(path)),
  read,
};

async function read(folder: Folder, { layout, classes: wanted }: ScanOptions): Promise<Found> {
  const { name, lists } = chooseLists(folder, layout === "auto" ? undefined : layout);
  const files = new FileSet(folder.files);
  const folders = foldersOf(folder.files);
  const known = [...lists.keys()];
  const chosen = wanted ? known.filter((c) => wanted.includes(c)) : known;
  const found: Found[] = [];
  for (const className of chosen) {
    const list = lists.get(className)!;
    const unlabelled = name.startsWith("realiad_fuiad");
    const options = { className, list, files, folders, unlabelled, wanted };
    found.push(await readRealiadClass(folder, options));
  }
  const [train, test] = [found.flatMap((c) => c.train), found.flatMap((c) => c.test)];
  const pictures = wanted ? 0 : folder.files.filter(isImage).length;
  const used = [...train, ...test].reduce((sum, { maskPath }) => sum + (maskPath ? 2 : 1), 0);
  const rule = "images and masks that the lists do not name or mark";
  return {
    layout: name,
    classes: wanted ? known : found.flatMap((c) => c.classes),
    train,
    test,
    findings: [
      ...leftOutTogether(folder, "", rule, Math.max(0, pictures - used)),
      ...found.flatMap((c) => c.findings),
    ],
  };
}

/** The JSON files of one set of lists by class, and the name of the layout that they make. */
function chooseLists(
  folder: Folder,
  layout?: string,
): { name: string; lists: Map<string, string> } {
  const sets = new Map<string, Map<string, string>>();
  const homes = new Set(folder.files.map((path) => baseName(photo.exec(path)?.[1] ?? folder.root)));
  for (const path of folder.files.filter((file) => file.endsWith(".json"))) {
    const className = baseName(path).replace(/\.json$/, "");
    const set = listFolder.exec(path)?.[1] ?? (homes.has(className) ? "realiad_jsons" : undefined);
    if (set === undefined) continue;
    const lists = sets.get(set) ?? new Map<string, string>();
    sets.set(set, lists);
    const other = lists.get(className);
    if (other === undefined || path.length < other.length) lists.set(className, path);
  }
  const names = sortedSet([...sets.keys()].map((set) => set.replace("realiad_jsons", "realiad")));
  const name = layout ?? (names.includes("realiad") || names.length !== 1 ? "realiad" : names[0]!);
  const lists = sets.get(name.replace("realiad", "realiad_jsons"));
  if (lists) return { name, lists };
  const where = `${name.replace("realiad", "realiad_jsons")}/<class>.json`;
  const rule = `Real-IAD needs its lists, and there is no ${where} and no <class>.json beside the images`;
  const next =
    names.length === 0
      ? "copy them into the folder; labels can't be told from paths"
      : `choose --layout ${names.join(" or ")}`;
  throw new LoupeError("data", `scan: ${folder.root}: ${rule}; ${next}`);
}

/** Every folder that holds a file or a folder, with the root as "". */
function foldersOf(files: readonly string[]): Set<string> {
  const folders = new Set<string>([""]);
  for (const file of files) {
    for (let at = file.lastIndexOf("/"); at > 0; at = file.lastIndexOf("/", at - 1)) {
      const path = file.slice(0, at);
      if (folders.has(path)) break;
      folders.add(path);
    }
  }
  return folders;
}
