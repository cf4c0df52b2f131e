/** The images that `loupe preview` paints on: a user's training images, or some that the demo paints itself. */
import {
  demoImage,
  demoProducts,
  encodePng,
  type LoadOptions,
  type Sample,
  scanFolder,
} from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { requireTraining } from "./class-data.ts";
import { defined } from "./defined.ts";
import type { Terminal } from "./terminal.ts";

export interface PreviewImages {
  /** What they are, for a title. */
  readonly name: string;
  /** The training images of one class, in the order of their places. */
  readonly samples: readonly Sample[];
  readonly read?: NonNullable<LoadOptions["read"]>;
}

interface Choice {
  readonly data?: string | undefined;
  readonly class?: string | undefined;
  readonly layout?: string | undefined;
  readonly testFraction?: number | undefined;
}

/** Opens no image yet. Throws `io` or `data` for a folder without normal images, `config` for a product that the demo lacks. */
export async function previewImages(choice: Choice, terminal: Terminal): Promise<PreviewImages> {
  const { data, class: chosen, layout, testFraction } = choice;
  if (data === undefined) return demoImages(chosen);
  const classes = chosen === undefined ? undefined : [chosen];
  const options = defined({ classes, layout, testFraction });
  const dataset = await scanFolder(data, options);
  const name = dataset.classes[0] ?? "";
  if (dataset.classes.length > 1) {
    terminal.info(`${data}: class ${name}; --class chooses one of ${dataset.classes.join(", ")}`);
  }
  const train = dataset.train.filter(({ className, label }) => className === name && label === 0);
  requireTraining({ ...dataset, train, classes: [name] });
  return { name, samples: train };
}

const demoCount = 24;

function demoImages(product = "tile"): PreviewImages {
  const known = demoProducts.map(({ name }) => name);
  if (!known.includes(product)) {
    const next = `give --data, or one of ${known.join(", ")}`;
    throw new LoupeError("config", `--class: the demo has no product ${product}; ${next}`);
  }
  const samples = Array.from({ length: demoCount }, (_, i): Sample => {
    const path = `${product}/train/good/${String(i).padStart(3, "0")}.png`;
    return { path, label: 0, defect: "good", className: product };
  });
  const read = (path: string): Promise<Uint8Array> => {
    const index = samples.findIndex((sample) => sample.path === path);
    const { image } = demoImage(product, { part: "train", index, size: 256 });
    return Promise.resolve(encodePng(image));
  };
  return { name: product, samples, read };
}
