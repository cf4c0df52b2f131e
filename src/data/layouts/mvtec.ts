/** The layout of MVTec AD: `<class>/train/good`, `<class>/test/<good|defect>`, `<class>/ground_truth/<defect>`. */
import { type Folder, type Found, grouped, type Layout, type Sample } from "../dataset.ts";
import type { Finding } from "../finding.ts";
import { MaskIndex } from "./masks.ts";
import { badNames, baseName, goodNames, imagesOf, maskNames, sortedSet } from "./names.ts";

type Part = "train" | "test" | "masks";
/** One image: the path of its class ("" for the root), its part of the class, and its path below that part. */
type Entry = { path: string; home: string; part: Part; below: string };

/** `<class>` may be the folder itself; folders below `good` and the defects may be nested. */
export const mvtec: Layout = {
  name: "mvtec",
  looksLike: "<class>/train/good, <class>/test/<good|defect>, <class>/ground_truth/<defect>",
  matches: (folder) => folder.files.some((path) => isSplit(entryOf(path))),
  read,
};

/** Whether an image is one of train or test; a folder with test alone can still be evaluated on. */
function isSplit(entry: Entry | undefined): boolean {
  return entry?.part === "train" || entry?.part === "test";
}

function entryOf(path: string): Entry | undefined {
  const parts = path.split("/");
  const at = parts.slice(0, -1).findIndex((part) => partNamed(part) !== undefined);
  const part = partNamed(parts[at] ?? "");
  if (at < 0 || part === undefined) return undefined;
  return { path, home: parts.slice(0, at).join("/"), part, below: parts.slice(at + 1).join("/") };
}

function partNamed(name: string): Part | undefined {
  if (/^train$/i.test(name)) return "train";
  if (/^test$/i.test(name)) return "test";
  return maskNames.test(name) ? "masks" : undefined;
}

function read(folder: Folder): Found {
  const { images, findings } = imagesOf(folder);
  const entries: Entry[] = [];
  for (const path of images) {
    const entry = entryOf(path);
    if (entry) entries.push(entry);
    else findings.push(leftOut(folder, path, "not below train, test or ground_truth"));
  }
  const byHome = grouped(entries, (e) => e.home);
  const homes = new Set(sortedSet(entries.filter(isSplit).map((e) => e.home)));
  const classes = [...homes].map((home) => readClass(folder, home, byHome.get(home)!));
  for (const entry of entries.filter((e) => !homes.has(e.home))) {
    findings.push(leftOut(folder, entry.path, "its class has no train or test folder"));
  }
  return {
    classes: classes.flatMap((c) => c.classes),
    train: classes.flatMap((c) => c.train),
    test: classes.flatMap((c) => c.test),
    findings: [...findings, ...classes.flatMap((c) => c.findings)],
  };
}

function readClass(folder: Folder, home: string, entries: readonly Entry[]): Found {
  const className = home === "" ? baseName(folder.root) : home;
  const part = (name: Part) => entries.filter((e) => e.part === name);
  const findings: Finding[] = [];
  const good = (path: string): Sample => {
    return { path: `${folder.root}/${path}`, label: 0, defect: "good", className };
  };
  const train: Sample[] = [];
  for (const { path, below } of part("train")) {
    if (goodNames.test(below.split("/")[0]!)) train.push(good(path));
    else findings.push(leftOut(folder, path, "only train/good is used for training"));
  }
  const goodMask = (below: string) => goodNames.test(below.split("/")[0]!);
  const masks = new MaskIndex(
    folder.root,
    part("masks").filter(({ below }) => !goodMask(below)),
  );
  for (const { path } of part("masks").filter(({ below }) => goodMask(below))) {
    findings.push({ ...leftOut(folder, path, "normal images need no mask"), level: "info" });
  }
  const test: Sample[] = [];
  for (const { path, below } of part("test")) {
    const defect = defectOf(below);
    if (defect === undefined) {
      findings.push(leftOut(folder, path, "not in a folder named good or after its defect"));
    } else if (defect === "good") {
      test.push(good(path));
    } else {
      const { mask, finding } = masks.find(path, below);
      if (finding) findings.push(finding);
      const bad = { path: `${folder.root}/${path}`, label: 1, defect, className } as const;
      test.push(mask === undefined ? bad : { ...bad, maskPath: mask });
    }
  }
  return { classes: [className], train, test, findings: [...findings, ...masks.leftOver()] };
}

/** `good`, the name of the defect folder, or nothing for an image without a folder. */
export function defectOf(below: string): string | undefined {
  const parts = below.split("/").slice(0, -1);
  if (parts.length === 0) return undefined;
  if (goodNames.test(parts[0]!)) return "good";
  return badNames.test(parts[0]!) ? (parts[1] ?? parts[0]) : parts[0];
}

function leftOut(folder: Folder, path: string, why: string): Finding {
  return { level: "warning", file: `${folder.root}/${path}`, message: `${why}, left out` };
}
