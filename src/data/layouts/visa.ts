/**
 * The layout of VisA: `<object>/Data/Images/{Normal,Anomaly}`, `<object>/Data/Masks/Anomaly`, and which image is for what in
 * `split_csv/1cls.csv`; also copies that were rearranged into `1cls/<object>/train/good` and so on. Source: arXiv 2207.14315.
 */
import { LoupeError } from "../../error.ts";
import {
  type Folder,
  type Found,
  grouped,
  type Layout,
  type Sample,
  type ScanOptions,
} from "../dataset.ts";
import type { Finding } from "../finding.ts";
import { leftOutTogether } from "./lists.ts";
import { MaskIndex } from "./masks.ts";
import { mvtec } from "./mvtec.ts";
import { baseName, isImage, sortedSet } from "./names.ts";
import { readVisaSplit } from "./visa-split.ts";

/** An image or mask by its place. `home`: the folder of its object, "" for the root. */
type Entry = { path: string; home: string; kind: "normal" | "anomaly" | "mask"; name: string };

const place = /^(?:(.*)\/)?Data\/(Images|Masks)\/(Normal|Anomaly)\/(.+)$/i;

export const visa: Layout = {
  name: "visa",
  looksLike:
    "<object>/Data/Images/<Normal|Anomaly> and split_csv/1cls.csv, or 1cls/<object>/train/good",
  variants: ["visa_2cls_highshot", "visa_2cls_fewshot"],
  numberedMasks: true,
  matches: (folder) =>
    convertedHome(folder) !== undefined ||
    folder.files.some((path) => /(?:^|\/)Data\/Images\/(?:Normal|Anomaly)\//i.test(path)),
  read,
};

async function read(folder: Folder, { layout = "visa", classes }: ScanOptions): Promise<Found> {
  const split = layout.startsWith("visa_") ? layout.slice("visa_".length) : "1cls";
  const name = split === "1cls" ? {} : { layout };
  const ending = `split_csv/${split}.csv`;
  const lists = folder.files.filter((path) => path === ending || path.endsWith(`/${ending}`));
  const list = lists.sort((a, b) => a.length - b.length)[0];
  const home = convertedHome(folder);
  if (list !== undefined) {
    // the list may have stayed when the images were moved into 1cls
    const isRearranged = home !== undefined && !folder.files.some((path) => entryOf(path));
    if (!isRearranged) return { ...(await readVisaSplit(folder, list, classes)), ...name };
  }
  if (split !== "1cls") {
    const next = "download it with the data set, or leave out --layout";
    throw new LoupeError("data", `scan: ${folder.root}: there is no ${ending}; ${next}`);
  }
  return home === undefined ? readWithoutSplit(folder) : readConverted(folder, home);
}

/** The folder `1cls` of a rearranged copy, if there is one that is no object's own folder; "" when it is the root. */
function convertedHome({ root, files }: Folder): string | undefined {
  const looks = /^(?:(.*\/)?1cls\/)?[^/]+\/(?:train\/good|test\/(?:good|bad))\/[^/]+$/i;
  const below = files.map((path) => looks.exec(path)).find((match) => match?.[0].includes("1cls/"));
  if (below) return `${below[1] ?? ""}1cls`;
  const isRoot = baseName(root) === "1cls" && files.some((path) => looks.test(path));
  return isRoot ? "" : undefined;
}

/** A rearranged copy is the layout of MVTec AD with `bad` for the one kind of defect. */
async function readConverted(folder: Folder, home: string): Promise<Found> {
  if (home === "") return mvtec.read(folder, {});
  const files = folder.files.filter((path) => path.startsWith(`${home}/`));
  const inner = files.map((path) => path.slice(home.length + 1));
  const found = await mvtec.read({ ...folder, root: `${folder.root}/${home}`, files: inner }, {});
  const count = folder.files.length - files.length;
  const others = leftOutTogether(folder, "", `only ${home} is read`, count);
  return { ...found, findings: [...others, ...found.findings] };
}

/** Without a list the last tenth of an object's sorted normal images is tested on, as many as in the published list. */
function readWithoutSplit(folder: Folder): Found {
  const entries = folder.files.flatMap((path) => entryOf(path) ?? []);
  const rule = "no split_csv/1cls.csv, the last tenth of the normal images is tested on";
  const message = `${rule} (results differ from published ones; download the list)`;
  const found = [...grouped(entries, (e) => e.home)].map(([home, some]) =>
    readObject(folder, home, some),
  );
  return {
    classes: sortedSet(found.flatMap((f) => f.classes)),
    train: found.flatMap((f) => f.train),
    test: found.flatMap((f) => f.test),
    findings: [
      { level: "warning", file: folder.root, message },
      ...leftOutTogether(
        folder,
        "",
        "not an image of an object",
        folder.files.length - entries.length,
      ),
      ...found.flatMap((f) => f.findings),
    ],
  };
}

function entryOf(path: string): Entry | undefined {
  const [, home = "", what, which, name] = place.exec(path) ?? [];
  if (!what || !which || !name || !isImage(path)) return undefined;
  const anomaly = /^anomaly$/i.test(which) ? "anomaly" : "normal";
  return { path, home, kind: /^masks$/i.test(what) ? "mask" : anomaly, name };
}

function readObject(folder: Folder, home: string, entries: readonly Entry[]): Found {
  const className = home === "" ? baseName(folder.root) : home;
  const masks = new MaskIndex(
    folder.root,
    entries.filter(({ kind }) => kind === "mask").map(({ path, name }) => ({ path, below: name })),
  );
  const good: Sample[] = [];
  const bad: Sample[] = [];
  const findings: Finding[] = [];
  for (const { path: inside, kind, name } of entries) {
    const path = `${folder.root}/${inside}`;
    if (kind === "normal") good.push({ path, label: 0, defect: "good", className });
    if (kind !== "anomaly") continue;
    const { mask, finding } = masks.find(inside, name);
    if (finding) findings.push(finding);
    const sample = { path, label: 1, defect: "anomaly", className } as const;
    bad.push(mask === undefined ? sample : { ...sample, maskPath: mask });
  }
  const tested = Math.min(good.length - 1, Math.max(1, Math.round(good.length / 10)));
  const from = good.length - Math.max(0, tested);
  return {
    classes: [className],
    train: good.slice(0, from),
    test: [...good.slice(from), ...bad],
    findings: [...findings, ...masks.leftOver()],
  };
}
