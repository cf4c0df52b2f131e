/**
 * The layout of MVTec 3D-AD, of which the RGB images are read: `<class>/train/good/rgb`, `<class>/test/<good|defect>/{rgb,gt}`.
 * Masks have their image's name and hold numbers of defects; good images have masks too, all zero. Source: arXiv 2112.09045.
 */
import { type Folder, type Found, grouped, type Layout, type Sample } from "../dataset.ts";
import type { Finding } from "../finding.ts";
import { leftOutTogether } from "./lists.ts";
import { MaskIndex } from "./masks.ts";
import { baseName, goodNames, isImage, sortedSet } from "./names.ts";

/** A file by its place: class folder ("" for the root), split, kind of defect, and its name below the kind of file. */
type Entry = {
  path: string;
  home: string;
  split: string;
  defect: string;
  of: string;
  name: string;
};

const place = /^(?:(.*)\/)?(train|validation|test)\/([^/]+)\/(rgb|xyz|gt)\/(.+)$/i;

export const mvtec3d: Layout = {
  name: "mvtec3d",
  looksLike: "<class>/train/good/rgb, <class>/test/<good|defect>/{rgb,gt}",
  numberedMasks: true,
  matches: ({ files }) => files.some((path) => /(?:^|\/)(?:train|test)\/[^/]+\/rgb\//i.test(path)),
  read,
};

function entryOf(path: string): Entry | undefined {
  const [, home = "", split, defect, of, name] = place.exec(path) ?? [];
  if (!split || !defect || !of || !name) return undefined;
  return { path, home, split: split.toLowerCase(), defect, of: of.toLowerCase(), name };
}

function read(folder: Folder): Found {
  const entries = folder.files.flatMap((path) => entryOf(path) ?? []);
  const pictures = entries.filter(({ of, path }) => of !== "xyz" && isImage(path));
  const used = pictures.filter(({ split }) => split !== "validation");
  const homes = grouped(used, ({ home }) => home);
  const validation = pictures.length - used.length;
  const others = folder.files.length - pictures.length;
  const classes = sortedSet(homes.keys()).map((home) => readClass(folder, home, homes.get(home)!));
  return {
    classes: classes.flatMap((c) => c.classes),
    train: classes.flatMap((c) => c.train),
    test: classes.flatMap((c) => c.test),
    findings: [
      ...leftOutTogether(folder, "", "only RGB images and masks are read", others),
      ...leftOutTogether(folder, "", "the validation images are not used", validation),
      ...classes.flatMap((c) => c.findings),
    ],
  };
}

function readClass(folder: Folder, home: string, entries: readonly Entry[]): Found {
  const className = home === "" ? baseName(folder.root) : home;
  const isGood = ({ defect }: Entry) => goodNames.test(defect);
  const masks = new MaskIndex(
    folder.root,
    entries
      .filter((e) => e.split === "test" && e.of === "gt" && !isGood(e))
      .map(({ path, defect, name }) => ({ path, below: `${defect}/${name}` })),
  );
  const [train, test]: [Sample[], Sample[]] = [[], []];
  const findings: Finding[] = [];
  for (const entry of entries.filter(({ of }) => of === "rgb")) {
    const path = `${folder.root}/${entry.path}`;
    if (isGood(entry)) {
      const list = entry.split === "train" ? train : test;
      list.push({ path, label: 0, defect: "good", className });
    } else if (entry.split === "train") {
      const message = "only train/good is used for training, left out";
      findings.push({ level: "warning", file: path, message });
    } else {
      const { mask, finding } = masks.find(entry.path, `${entry.defect}/${entry.name}`);
      if (finding) findings.push(finding);
      const bad = { path, label: 1, defect: entry.defect, className } as const;
      test.push(mask === undefined ? bad : { ...bad, maskPath: mask });
    }
  }
  return { classes: [className], train, test, findings: [...findings, ...masks.leftOver()] };
}
