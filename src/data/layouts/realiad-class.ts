/**
 * One class of Real-IAD: the entries of its JSON found among the files. Image folders come in several resolutions, and some
 * copies have the class folder twice, so where the images lie is found out by looking for the first entries.
 */
import type { Folder, Found, Sample } from "../dataset.ts";
import type { Finding } from "../finding.ts";
import { absentClass, type FileSet, missingImage, missingMask } from "./lists.ts";
import { baseName } from "./names.ts";
import { type RealiadEntry, readRealiadList } from "./realiad-list.ts";

/** What a class is read from. `unlabelled`: the training list holds defects that nobody marked. */
export type RealiadClass = {
  readonly className: string;
  readonly list: string;
  readonly files: FileSet;
  /** All folders, the root as "". */
  readonly folders: ReadonlySet<string>;
  readonly unlabelled: boolean;
  readonly wanted: readonly string[] | undefined;
};

/** The samples of one class. Throws `LoupeError("data")` naming the entry that makes no sense. */
export async function readRealiadClass(folder: Folder, options: RealiadClass): Promise<Found> {
  const { className, list, files, wanted } = options;
  const { prefix, train, test } = await readRealiadList(folder, list, className);
  const { home, findings } = homeOf(folder, options, prefix, [...train, ...test]);
  if (home === undefined) {
    const absent = absentClass(folder, list, className, wanted);
    return { classes: [], train: [], test: [], findings: [absent] };
  }
  const samplesOf = (entries: readonly RealiadEntry[], training: boolean) =>
    entries.flatMap((entry) => {
      const path = home === "" ? entry.image : `${home}/${entry.image}`;
      const image = files.find(path);
      if (image === undefined) {
        findings.push(missingImage(folder, path, `${list}, ${entry.place}`));
        return [];
      }
      const sample = { ...partsOf(folder, image, entry), className };
      if (entry.defect === undefined) return { ...sample, label: 0 as const, defect: "good" };
      const { defect } = entry;
      if (training && options.unlabelled) {
        return { ...sample, label: 0 as const, defect, contaminated: true as const };
      }
      const mask = entry.mask && files.find(home === "" ? entry.mask : `${home}/${entry.mask}`);
      if (mask) return { ...sample, label: 1 as const, defect, maskPath: `${folder.root}/${mask}` };
      findings.push(missingMask(folder, image, entry.mask ?? "the list names none"));
      return { ...sample, label: 1 as const, defect };
    });
  const samples = { train: samplesOf(train, true), test: samplesOf(test, false) };
  const impure = samples.train.filter((s) => "contaminated" in s).length;
  if (impure > 0) {
    const rule = "training images that show a defect count as normal, as this list means it";
    const message = `${rule}: ${impure} of ${samples.train.length} of ${className}`;
    findings.push({ level: "info", file: `${folder.root}/${list}`, message });
  }
  return { classes: [className], ...samples, findings };
}

/** Side and object come from the path: `NG/HS/S0064/audiojack_0064_NG_HS_C1_20231023.jpg`. */
function partsOf(
  folder: Folder,
  image: string,
  entry: RealiadEntry,
): Pick<Sample, "path" | "view" | "sampleId"> {
  const folders = entry.image.split("/");
  const side = /_C([1-5])_/.exec(folders.pop()!)?.[1];
  const isObject = /^S\d+$/.test(folders.at(-1) ?? "");
  return {
    path: `${folder.root}/${image}`,
    ...(side ? { view: `C${side}` } : {}),
    ...(isObject ? { sampleId: folders.join("/") } : {}),
  };
}

/** The folder that the entries are relative to; of several resolutions the smallest. */
function homeOf(
  folder: Folder,
  { files, folders, className }: RealiadClass,
  prefix: string,
  entries: readonly RealiadEntry[],
): { home?: string; findings: Finding[] } {
  const isHome = (path: string) =>
    path === "" ? baseName(folder.root) === prefix : `/${path}`.endsWith(`/${prefix}`);
  const begins = new Set(entries.map(({ image }) => image.split("/")[0]!));
  const holds = (path: string) =>
    [...begins].some((name) => folders.has(path === "" ? name : `${path}/${name}`));
  const fitting = [...folders]
    .filter((path) => (prefix === "" ? holds(path) : isHome(path)))
    .filter((path) =>
      entries.some(({ image }) => files.find(path === "" ? image : `${path}/${image}`)),
    );
  const [home, ...others] = fitting.sort((a, b) => sizeIn(a) - sizeIn(b) || (a < b ? -1 : 1));
  if (home === undefined) return { findings: [] };
  const findings = others.map((other): Finding => {
    const rule = "the images are there more than once, these are not used";
    const message = `${rule} (give each set a folder of its own): ${className} is read from ${home}`;
    return { level: "warning", file: `${folder.root}/${other}`, message };
  });
  return { home, findings };
}

/** The resolution in a name such as `realiad_256/audiojack`; none is the largest. */
function sizeIn(path: string): number {
  return Number(/realiad_(\d+)/.exec(path)?.[1] ?? Number.MAX_SAFE_INTEGER);
}
