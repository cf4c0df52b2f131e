/**
 * Opens every file of a data set and says what was found, paired and left out, and why: the work behind
 * `loupe data check`. It never stops at a problem; what is unusable is missing from the data set it hands back.
 */
import { readFile } from "#codec";
import { type ClassSummary, summaries } from "./check-summary.ts";
import type { Dataset, Sample, ScanOptions } from "./dataset.ts";
import { decodeImage } from "./decode.ts";
import type { Finding } from "./finding.ts";
import type { Image } from "./image.ts";
import { decodeMask, type MaskOptions, sizeFinding } from "./mask.ts";
import { layoutNamed, scanFolder } from "./scan.ts";

/** The result of a check. `dataset` holds only what can be used. */
export type CheckReport = {
  readonly dataset: Dataset;
  readonly classes: readonly ClassSummary[];
  readonly findings: readonly Finding[];
};

/**
 * How to check: as scanning, and how masks are read; `progress` is told after every sample. `testLayout`: that of the test
 * images if they are another data set's.
 */
export type CheckOptions = ScanOptions &
  MaskOptions & {
    readonly progress?: (done: number, total: number) => void;
    readonly testLayout?: string;
  };

const atOnce = 4;

/**
 * Scans a folder and decodes every image and mask in it. Throws as `scanFolder` does when there is no data set at all.
 */
export async function checkFolder(root: string, options: CheckOptions = {}): Promise<CheckReport> {
  return checkDataset(await scanFolder(root, options), options);
}

/** Decodes every image and mask of a data set, each pair once. */
export async function checkDataset(
  dataset: Dataset,
  options: Omit<CheckOptions, keyof ScanOptions> = {},
): Promise<CheckReport> {
  const listed = [...dataset.train, ...dataset.test];
  const samples = [...new Map(listed.map((sample) => [keyOf(sample), sample])).values()];
  const { layout, test } = dataset;
  const [own, others] = [layout, options.testLayout ?? layout].map((name) => {
    const numbered = layoutNamed(name)?.numberedMasks ?? false;
    return numbered ? { maskThreshold: 0, ...options } : options;
  });
  const tested = new Set(test.map(keyOf));
  const opening = (sample: Sample) => (tested.has(keyOf(sample)) ? others! : own!);
  const opened: Opened[] = [];
  for (let at = 0; at < samples.length; at += atOnce) {
    const group = samples.slice(at, at + atOnce);
    opened.push(...(await Promise.all(group.map((sample) => openSample(sample, opening(sample))))));
    options.progress?.(opened.length, samples.length);
  }
  const openedBy = new Map(samples.map((sample, i) => [keyOf(sample), opened[i]!]));
  const keep = (all: readonly Sample[]) =>
    all.flatMap((sample) => usablePart(sample, openedBy.get(keyOf(sample))!));
  const found = opened.flatMap((o) => o.findings);
  const findings = [...dataset.findings, ...found, ...copies(opened, dataset)];
  const kept = { ...dataset, train: keep(dataset.train), test: keep(dataset.test), findings };
  return { dataset: kept, classes: summaries(kept, sizesOf(opened)), findings };
}

/** The same image may be listed twice, as another class's or with another mask. */
const keyOf = ({ path, maskPath = "" }: Sample) => `${path}\0${maskPath}`;

/** The sample without its mask if that can't be read; nothing if it can't be used. */
function usablePart(sample: Sample, { image, mask }: Opened): Sample[] {
  if (!image || mask) return image ? [sample] : [];
  const { maskPath: _, ...rest } = sample;
  return [rest];
}

/** Whether image and mask, if there is one, can be used. */
type Opened = {
  readonly path: string;
  readonly image: boolean;
  readonly mask: boolean;
  readonly size?: string;
  readonly hash?: string;
  readonly findings: readonly Finding[];
};

async function openSample(sample: Sample, options: CheckOptions): Promise<Opened> {
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const limit = options.maxPixels ? { maxPixels: options.maxPixels } : {};
  const { path, maskPath } = sample;
  try {
    const bytes = await readFile(path);
    const image = await decodeImage(bytes, { file: path, report, ...limit });
    const mask = maskPath ? await openMask(path, image, maskPath, { ...options, report }) : true;
    const size = `${image.width}x${image.height}`;
    return { path, image: true, mask, size, hash: await digest(bytes), findings };
  } catch (error) {
    findings.push({ level: "error", file: path, message: reason(error, path) });
    return { path, image: false, mask: false, findings };
  }
}

/** Whether the mask can be used; what is wrong with it goes to `report`. */
async function openMask(
  path: string,
  image: Image,
  maskPath: string,
  options: MaskOptions & { report: (finding: Finding) => void },
): Promise<boolean> {
  try {
    const mask = await decodeMask(await readFile(maskPath), maskPath, options);
    const { width, height } = mask;
    const size = sizeFinding({ ...image, path }, { path: maskPath, width, height });
    if (size) options.report(size);
    if (!mask.data.includes(255)) {
      const message = `no pixel of the mask is marked, but its image is defective: ${path}`;
      options.report({ level: "warning", file: maskPath, message });
    }
    return size?.level !== "error";
  } catch (error) {
    options.report({ level: "error", file: maskPath, message: reason(error, maskPath) });
    return false;
  }
}

/** The message of an error without the parts that a finding has in its own fields. */
function reason(error: unknown, file: string): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^(decode|read): /, "").replace(`${file}: `, "");
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, "0")).join("");
}

const sizesOf = (opened: readonly Opened[]) =>
  new Map(opened.flatMap(({ path, size }) => (size ? [[path, size] as const] : [])));

/** Files with equal bytes; a test image that was trained on makes results look better than they are. */
function copies(opened: readonly Opened[], dataset: Dataset): Finding[] {
  const trained = new Set(dataset.train.map(({ path }) => path));
  const first = new Map<string, string>();
  const findings: Finding[] = [];
  for (const { path, hash } of opened) {
    if (hash === undefined) continue;
    const other = first.get(hash);
    if (other === undefined) first.set(hash, path);
    if (other === undefined || other === path) continue;
    const both = trained.has(other) !== trained.has(path);
    const why = both ? "tested on and trained on (remove one)" : "used twice";
    findings.push({
      level: "warning",
      file: path,
      message: `same bytes as another file, ${why}: ${other}`,
    });
  }
  return findings;
}
