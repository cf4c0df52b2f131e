/**
 * Pairs masks with images by name, never by position: an image `scratch/007.png` takes the mask `scratch/007_mask.*` or
 * `scratch/007.*`, else one of that name higher up, down to a flat folder of masks. A mask of another defect never fits.
 */
import type { Finding } from "../finding.ts";
import { badNames, partsOf } from "./names.ts";

/** A mask file: its path from the root of the data set, its folders below the folder of masks. */
export type MaskFile = { readonly path: string; readonly below: string };

/** Masks of one class, looked up by image. */
export class MaskIndex {
  readonly #byName = new Map<string, MaskFile[]>();
  readonly #unused: Set<string>;
  /** Which image took a mask. */
  readonly #takers = new Map<string, string>();
  readonly #root: string;

  constructor(root: string, masks: readonly MaskFile[]) {
    this.#root = root;
    this.#unused = new Set(masks.map(({ path }) => path));
    for (const mask of masks) {
      const { folders, stem } = partsOf(mask.below);
      const key = [...folders, stem].join("/");
      this.#byName.set(key, [...(this.#byName.get(key) ?? []), mask]);
    }
  }

  /**
   * The mask of an image given by its path below the folder of its split (`scratch/007.png`), and a finding if there is
   * none or more than one.
   */
  find(path: string, below: string): { mask?: string; finding?: Finding } {
    const file = `${this.#root}/${path}`;
    const { folders, stem } = partsOf(below);
    for (const place of placesOf(folders)) {
      for (const name of [`${stem}_mask`, stem]) {
        const masks = this.#byName.get([...place, name].join("/"));
        if (!masks) continue;
        for (const mask of masks) this.#unused.delete(mask.path);
        if (masks.length === 1) return this.#take(masks[0]!.path, file);
        const names = masks.map((mask) => mask.path).join(" and ");
        const message = `more than one mask fits, none is used (remove all but one): ${names}`;
        return { finding: { level: "error", file, message } };
      }
    }
    const rule = "no mask of its name, it counts for image scores only";
    const message = `${rule}: ${stem}_mask.* or ${stem}.*`;
    return { finding: { level: "warning", file, message } };
  }

  /** A flat folder of masks can't tell `scratch/007.png` from `dent/007.png`. */
  #take(path: string, file: string): { mask: string; finding?: Finding } {
    const mask = `${this.#root}/${path}`;
    const other = this.#takers.get(path);
    this.#takers.set(path, file);
    if (other === undefined) return { mask };
    const next = "give the masks of each defect a folder of its name";
    const message = `its mask is also that of another image (${next}): ${path}, ${other}`;
    return { mask, finding: { level: "warning", file, message } };
  }

  /** A finding for each mask that no image asked for. */
  leftOver(): Finding[] {
    const message = "mask without an image of its name, left out";
    return [...this.#unused].map((path) => {
      return { level: "warning", file: `${this.#root}/${path}`, message };
    });
  }
}

/** The folder of the image, then the folders above it; `bad/scratch` is also looked for as `scratch`. */
function placesOf(folders: readonly string[]): string[][] {
  const inner = badNames.test(folders[0] ?? "") ? folders.slice(1) : [];
  const places = folders.map((_, i) => folders.slice(0, folders.length - i));
  const shorter = inner.map((_, i) => inner.slice(0, inner.length - i));
  return [...places, ...shorter, []];
}
