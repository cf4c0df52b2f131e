/** How hard a normal image is: the measures there are, as plain JSON. None of them looks at a test image. */
import { fields } from "../../detector/index.ts";
import { type NamedForm, namedConfig } from "./named-config.ts";

export type DifficultyConfig =
  /**
   * How unlike the other images the expert finds it: mean distance of its locations to the nearest one in a random share `bank` of
   * all locations (default 0.05), those of the image itself left out.
   */
  | { readonly name: "teacher-knn"; readonly bank?: number }
  /**
   * How far from a Gaussian for each location over all images, `shrinkage` of whose variance is that of all channels (default 0.1):
   * 99th percentile over the locations. Channels count as independent.
   */
  | { readonly name: "teacher-mahalanobis"; readonly shrinkage?: number }
  /** Mean squared gradient of the grey image; entropy of its values, bits; bytes of the image as PNG. */
  | { readonly name: "gradient" | "entropy" | "png-size" }
  | { readonly name: "random" }
  /** As given for each image, larger where harder: those that a finished run gave to its training images. See `parseScores`. */
  | { readonly name: "scores"; readonly scores: readonly PathScore[] };

/** An image by its path, or the end of it, and how hard it is. */
export type PathScore = readonly [path: string, score: number];

const isScore = (v: unknown) =>
  Array.isArray(v) && v.length === 2 && typeof v[0] === "string" && Number.isFinite(v[1]);

const forms: Readonly<Record<DifficultyConfig["name"], NamedForm>> = {
  "teacher-knn": {
    rules: { bank: fields.number("a share above 0, at most 1", (v) => v > 0 && v <= 1) },
    defaults: { bank: 0.05 },
  },
  "teacher-mahalanobis": {
    rules: { shrinkage: fields.number("a share above 0, at most 1", (v) => v > 0 && v <= 1) },
    defaults: { shrinkage: 0.1 },
  },
  gradient: { rules: {} },
  entropy: { rules: {} },
  "png-size": { rules: {} },
  random: { rules: {} },
  scores: {
    rules: {
      scores: {
        rule: "a list of [path, number]",
        holds: (v) => Array.isArray(v) && v.length > 0 && v.every(isScore),
      },
    },
  },
};

export const difficultyNames = Object.keys(forms) as readonly DifficultyConfig["name"][];
/** Names of what each takes besides a schedule. */
export const difficultySettings = (name: DifficultyConfig["name"]): readonly string[] =>
  Object.keys(forms[name].rules);

/**
 * Complete and checked.
 * @param where the place it stands in
 * @throws LoupeError `config` naming the field and its rule
 */
export function difficultyConfig(given: unknown, where: string): DifficultyConfig {
  return namedConfig(given, where, forms) as DifficultyConfig;
}
