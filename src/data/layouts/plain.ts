/**
 * The layout of one's own pictures: `good`, beside it `bad` or a folder for each kind of defect, and `mask` or `masks`.
 * A seeded share of the good images is held back for testing. Several classes are several such folders.
 */

import { LoupeError } from "../../error.ts";
import type { Folder, Found, Layout, Sample, ScanOptions } from "../dataset.ts";
import type { Finding } from "../finding.ts";
import { permutation, seededRandom } from "../random.ts";
import { MaskIndex } from "./masks.ts";
import { defectOf } from "./mvtec.ts";
import { baseName, goodNames, imagesOf, maskNames, sortedSet } from "./names.ts";

export const plain: Layout = {
  name: "plain",
  looksLike: "good, bad (or a folder per defect), mask",
  matches: (folder) => folder.files.some((path) => goodHome(path) !== undefined),
  read,
};

/** The folder that holds the folder `good`, or nothing. */
function goodHome(path: string): string | undefined {
  const parts = path.split("/").slice(0, -1);
  const at = parts.findIndex((part) => goodNames.test(part));
  return at < 0 ? undefined : parts.slice(0, at).join("/");
}

function read(folder: Folder, options: ScanOptions): Found {
  const { images, findings } = imagesOf(folder);
  const homes = sortedSet(images.flatMap((path) => goodHome(path) ?? []));
  const byHome = new Map<string, string[]>(homes.map((home) => [home, []]));
  for (const path of images) {
    const home = nearestHome(path, byHome);
    const below = path.slice(home ? home.length + 1 : 0);
    if (home === undefined || !below.includes("/")) {
      const message = "not in a folder named good, mask or after its defect, left out";
      findings.push({ level: "warning", file: `${folder.root}/${path}`, message });
    } else byHome.get(home)!.push(below);
  }
  const classes = homes.map((home) => readClass(folder, home, byHome.get(home)!, options));
  return {
    classes: classes.flatMap((c) => c.classes),
    train: classes.flatMap((c) => c.train),
    test: classes.flatMap((c) => c.test),
    findings: [...findings, ...classes.flatMap((c) => c.findings)],
  };
}

/** The innermost of the homes that a file lies in. */
function nearestHome(path: string, homes: ReadonlyMap<string, unknown>): string | undefined {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    const folder = path.slice(0, at);
    if (homes.has(folder)) return folder;
  }
  return homes.has("") ? "" : undefined;
}

function readClass(
  folder: Folder,
  home: string,
  belows: readonly string[],
  options: ScanOptions,
): Found {
  const className = home === "" ? baseName(folder.root) : home;
  const full = (below: string) => (home === "" ? below : `${home}/${below}`);
  const isMask = (below: string) =>
    below
      .split("/")
      .slice(0, -1)
      .some((p) => maskNames.test(p));
  const masks = new MaskIndex(
    folder.root,
    belows.filter(isMask).map((below) => {
      const parts = below.split("/").filter((part) => !maskNames.test(part));
      return { path: full(below), below: parts.join("/") };
    }),
  );
  const findings: Finding[] = [];
  const good: Sample[] = [];
  const bad: Sample[] = [];
  for (const below of belows.filter((b) => !isMask(b))) {
    const defect = defectOf(below)!;
    const path = `${folder.root}/${full(below)}`;
    if (defect === "good") {
      good.push({ path, label: 0, defect, className });
      continue;
    }
    const { mask, finding } = masks.find(full(below), below);
    if (finding) findings.push(finding);
    const sample = { path, label: 1, defect, className } as const;
    bad.push(mask === undefined ? sample : { ...sample, maskPath: mask });
  }
  const held = heldBack(good.length, options);
  return {
    classes: [className],
    train: good.filter((_, i) => !held.has(i)),
    test: [...good.filter((_, i) => held.has(i)), ...bad],
    findings: [...findings, ...masks.leftOver()],
  };
}

/** Which of `count` sorted good images are tested on. At least one is if there are two; never all. */
function heldBack(count: number, { testFraction = 0.2, seed = 0 }: ScanOptions): Set<number> {
  if (!(testFraction >= 0 && testFraction < 1)) {
    throw new LoupeError(
      "config",
      `testFraction: must be at least 0 and below 1, got ${testFraction}`,
    );
  }
  if (testFraction === 0 || count < 2) return new Set();
  const wanted = Math.round(count * testFraction);
  const held = Math.min(count - 1, Math.max(1, wanted));
  return new Set(permutation(count, seededRandom(seed)).subarray(0, held));
}
