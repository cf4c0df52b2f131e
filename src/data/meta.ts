/**
 * The metadata files of CDO 2025: JSON that names the images of a split, by class, relative to the root of the data set. Written
 * to the byte as Python's `json.dumps(…, indent=4)` writes them. Source: CDO 2025, data/gen_metadata.
 */
import { type Dataset, grouped, type Sample } from "./dataset.ts";
import { type Mode, modes, shortageOf, splitMode } from "./modes.ts";

/** One image. `mask_path` is "" where there is none; `specie_name`: kind of defect, "" in VisA. */
export type MetaEntry = {
  readonly img_path: string;
  readonly mask_path: string;
  readonly cls_name: string;
  readonly specie_name: string;
  readonly anomaly: 0 | 1;
};

/** The entries of each class. */
export type Meta = Readonly<
  Record<"train" | "test", Readonly<Record<string, readonly MetaEntry[]>>>
>;

/** A file to write: `meta.json`, `meta_semi5.json`, ... */
export type MetaFile = {
  readonly name: string;
  readonly text: string;
  readonly train: number;
  readonly test: number;
};

/** The files of all modes, and why some can't be made. */
export type MetaIndex = {
  readonly files: readonly MetaFile[];
  readonly skipped: readonly { readonly mode: Mode; readonly reason: string }[];
};

/** `meta_few_shot4.json` */
export const metaName = (mode: Mode): string => `meta_${mode}.json`;

/**
 * The metadata files of a data set: the split that it comes with, then each mode that its images are enough for. The same
 * images and seed give the same files.
 */
export function indexDataset(dataset: Dataset, seed = 0): MetaIndex {
  const files = [metaFile("meta.json", dataset)];
  const skipped: { mode: Mode; reason: string }[] = [];
  for (const mode of modes) {
    const reason = shortageOf(dataset, mode);
    if (reason !== undefined) skipped.push({ mode, reason });
    else files.push(metaFile(metaName(mode), splitMode(dataset, mode, seed)));
  }
  return { files, skipped };
}

function metaFile(name: string, dataset: Dataset): MetaFile {
  const { train, test } = dataset;
  return { name, text: metaText(metaOf(dataset)), train: train.length, test: test.length };
}

/** The data set's lists as entries. */
export function metaOf({ root, layout, classes, train, test }: Dataset): Meta {
  const below = (path: string | undefined) => path?.slice(root.length + 1) ?? "";
  const entry = ({ path, maskPath, className, defect, label }: Sample): MetaEntry => ({
    img_path: below(path),
    mask_path: below(maskPath),
    cls_name: className,
    specie_name: layout.startsWith("visa") ? "" : defect, // its variants too
    anomaly: label,
  });
  const byClass = (samples: readonly Sample[]) => {
    const own = grouped(samples, (s) => s.className);
    return Object.fromEntries(classes.map((name) => [name, (own.get(name) ?? []).map(entry)]));
  };
  return { train: byClass(train), test: byClass(test) };
}

/** As Python writes it: four spaces, everything beyond ASCII escaped, a newline at the end. */
export function metaText(meta: Meta): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${JSON.stringify(meta, null, 4).replace(/[\u007f-\uffff]/g, escaped)}\n`;
}
