/**
 * The embedded data set: three products painted by the programs beside this file and written as an ordinary MVTec-style
 * folder, so that everything can be tried without downloading anything. Seeded: same seed, same files.
 */
import { LoupeError } from "../../error.ts";
import { writePng } from "../encode.ts";
import { type Image, makeImage } from "../image.ts";
import { seededRandom } from "../random.ts";
import { fabric } from "./fabric.ts";
import type { Product } from "./product.ts";
import { photograph } from "./surface.ts";
import { tile } from "./tile.ts";
import { washer } from "./washer.ts";

/** The products of the demo, in the order of the alphabet. */
export const products: readonly Product[] = [fabric, tile, washer];

/** How many images per product; `defective` is split evenly over its kinds of defect. */
export type DemoCounts = {
  readonly train: number;
  readonly good: number;
  readonly defective: number;
};

/** What to write. `size`: side in pixels, default 160. */
export type DemoOptions = {
  readonly seed?: number;
  readonly size?: number;
  readonly counts?: Partial<DemoCounts>;
  /** Names of products; default all. */
  readonly products?: readonly string[];
};

const defaultCounts: DemoCounts = { train: 24, good: 6, defective: 12 };
/** Pieces for training, good and defective ones are numbered apart, so that counts don't change the images. */
const partSeeds = { train: 0, good: 1, defective: 2 };

/**
 * Writes the demo below `dir` and returns how many files that are. Existing files of the same names are replaced.
 * Throws `LoupeError("config")` for counts or sizes that can't be, `LoupeError("io")` when writing fails.
 */
export async function writeDemo(dir: string, options: DemoOptions = {}): Promise<number> {
  const { seed = 0, size = 160 } = options;
  const counts = { ...defaultCounts, ...options.counts };
  if (!Number.isSafeInteger(size) || size < 32 || size > 1024) {
    throw new LoupeError("config", `demo: size must be 32 to 1024 pixels, got ${size}`);
  }
  if (Object.values(counts).some((n) => !Number.isSafeInteger(n) || n < 0 || n > 10_000)) {
    throw new LoupeError(
      "config",
      `demo: counts must be 0 to 10000, got ${JSON.stringify(counts)}`,
    );
  }
  let files = 0;
  const save = async (path: string, image: Image) => {
    await writePng(`${dir}/${path}`, image);
    files++;
  };
  for (const product of chosen(options.products)) {
    const home = product.name;
    for (let i = 0; i < counts.train; i++) {
      const { image } = demoImage(product.name, { seed, size, part: "train", index: i });
      await save(`${home}/train/good/${numbered(i)}.png`, image);
    }
    for (let i = 0; i < counts.good; i++) {
      const { image } = demoImage(product.name, { seed, size, part: "good", index: i });
      await save(`${home}/test/good/${numbered(i)}.png`, image);
    }
    for (let i = 0; i < counts.defective; i++) {
      const piece = demoImage(product.name, { seed, size, part: "defective", index: i });
      const kinds = Object.keys(product.defects).length;
      const name = numbered(Math.floor(i / kinds));
      await save(`${home}/test/${piece.defect}/${name}.png`, piece.image);
      await save(`${home}/ground_truth/${piece.defect}/${name}_mask.png`, piece.mask);
    }
  }
  return files;
}

/** One image of the demo: which part of it and which number. */
export type DemoPiece = {
  readonly seed?: number;
  readonly size?: number;
  readonly part: "train" | "good" | "defective";
  readonly index: number;
};

/** One image of the demo with its mask (0 and 255), without writing anything. `defect` is `good` for normal ones. */
export function demoImage(
  product: string,
  { seed = 0, size = 160, part, index }: DemoPiece,
): { image: Image; mask: Image; defect: string } {
  const maker = chosen([product])[0]!;
  const place = products.indexOf(maker);
  const random = seededRandom(seed, place, partSeeds[part], index);
  const piece = maker.make(size, random);
  const mask = makeImage(size, size, 1);
  const kinds = Object.entries(maker.defects);
  let defect = "good";
  if (part === "defective") {
    const [name, apply] = kinds[index % kinds.length]!;
    defect = name;
    apply(piece, random).forEach((amount, i) => {
      mask.data[i] = amount > 0.3 ? 255 : 0;
    });
  }
  return { image: photograph(piece.surface, piece.light, random), mask, defect };
}

function chosen(names: readonly string[] | undefined): readonly Product[] {
  if (!names) return products;
  return names.map((name) => {
    const product = products.find((p) => p.name === name);
    const known = products.map((p) => p.name).join(", ");
    if (!product) throw new LoupeError("config", `demo: no product "${name}"; there is ${known}`);
    return product;
  });
}

function numbered(i: number): string {
  return String(i).padStart(3, "0");
}
