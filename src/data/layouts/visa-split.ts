/** The lists of VisA, `split_csv/*.csv`: one row per image, `object,split,label,image,mask`, paths from the folder of `split_csv`. */
import { type CsvRow, parseCsv } from "../csv.ts";
import type { Folder, Found, Sample } from "../dataset.ts";
import type { Finding } from "../finding.ts";
import {
  absentClass,
  FileSet,
  leftOutTogether,
  listError,
  missingImage,
  missingMask,
  namedAgain,
  pathBelow,
  readList,
} from "./lists.ts";
import { isImage, sortedSet } from "./names.ts";

const columns = ["object", "split", "label", "image", "mask"] as const;
type Column = (typeof columns)[number];
/** One row, its paths from the root of the folder. */
type Entry = {
  readonly line: number;
  readonly object: string;
  readonly split: "train" | "test";
  readonly label: 0 | 1;
  readonly image: string;
  readonly mask?: string;
};

/** The data set as a list has it. Throws `LoupeError("data")` naming the line of a row that makes no sense. */
export async function readVisaSplit(
  folder: Folder,
  list: string,
  wanted: readonly string[] | undefined,
): Promise<Found> {
  const entries = readRows(folder, list, parseCsv(await readList(folder, list)));
  const files = new FileSet(folder.files);
  const named = sortedSet(entries.map(({ object }) => object));
  const present = new Set(entries.filter((e) => files.find(e.image)).map(({ object }) => object));
  const [train, test]: [Sample[], Sample[]] = [[], []];
  const findings: Finding[] = named
    .filter((name) => !present.has(name))
    .map((name) => absentClass(folder, list, name, wanted));
  const used = new Set<string>();
  for (const entry of entries.filter(({ object }) => present.has(object))) {
    const { sample, finding } = sampleOf(folder, files, entry, list);
    if (finding) findings.push(finding);
    if (!sample) continue;
    if (used.has(sample.path)) {
      findings.push(namedAgain(sample.path, `${list}, line ${entry.line}`));
      continue;
    }
    used.add(sample.path);
    (entry.split === "train" ? train : test).push(sample);
  }
  const others = folder.files.filter((path) => {
    return isImage(path) && !/(?:^|\/)masks\//i.test(path) && !used.has(`${folder.root}/${path}`);
  });
  findings.push(
    ...leftOutTogether(folder, list, "images that the list does not name", others.length),
  );
  return { classes: [...present], train, test, findings };
}

function readRows(folder: Folder, list: string, [head, ...rows]: readonly CsvRow[]): Entry[] {
  const names = head?.cells.map((cell) => cell.trim().toLowerCase()) ?? [];
  const places = new Map(columns.map((column) => [column, names.indexOf(column)]));
  const missing = columns.filter((column) => places.get(column)! < 0);
  if (missing.length > 0) {
    const rule = `its first line must be "${columns.join(",")}", it has no ${missing.join(", ")}`;
    throw listError(folder, list, `${rule}; download it again`);
  }
  if (rows.length === 0) throw listError(folder, list, "it names no images; download it again");
  const base = list.split("/").slice(0, -2).join("/");
  return rows.map((row) => readRow(folder, list, row, places, base));
}

function readRow(
  folder: Folder,
  list: string,
  { line, cells }: CsvRow,
  places: ReadonlyMap<Column, number>,
  base: string,
): Entry {
  const cell = (column: Column) => (cells[places.get(column)!] ?? "").trim();
  const wrong = (message: string) =>
    listError(folder, list, `line ${line}: ${message}; correct it or download the list again`);
  const pathOf = (column: "image" | "mask") => {
    const path = pathBelow(base, cell(column));
    if (path !== undefined) return path;
    throw wrong(`${column} must be a path below the data set, got "${cell(column)}"`);
  };
  const [object, split, label] = [cell("object"), cell("split"), cell("label")];
  if (object === "") throw wrong("object is empty");
  if (split !== "train" && split !== "test")
    throw wrong(`split must be train or test, got "${split}"`);
  if (label !== "normal" && label !== "anomaly") {
    throw wrong(`label must be normal or anomaly, got "${label}"`);
  }
  const entry = {
    line,
    object,
    split,
    label: label === "anomaly" ? 1 : 0,
    image: pathOf("image"),
  } as const;
  return entry.label === 0 || cell("mask") === "" ? entry : { ...entry, mask: pathOf("mask") };
}

function sampleOf(
  folder: Folder,
  files: FileSet,
  entry: Entry,
  list: string,
): { sample?: Sample; finding?: Finding } {
  const image = files.find(entry.image);
  if (image === undefined) {
    return { finding: missingImage(folder, entry.image, `${list}, line ${entry.line}`) };
  }
  const path = `${folder.root}/${image}`;
  const className = entry.object;
  if (entry.label === 0) return { sample: { path, label: 0, defect: "good", className } };
  const sample = { path, label: 1, defect: "anomaly", className } as const;
  const mask = entry.mask === undefined ? undefined : files.find(entry.mask);
  if (mask !== undefined) return { sample: { ...sample, maskPath: `${folder.root}/${mask}` } };
  return { sample, finding: missingMask(folder, image, entry.mask ?? "the list names none") };
}
