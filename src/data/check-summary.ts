/** What a data set consists of, class by class: the numbers of `loupe data check`. */
import { type Dataset, grouped, type Sample } from "./dataset.ts";

/**
 * What one class consists of. `trainDefective`: how many of the training images are real anomalies, absent for none.
 * `sizes`: how many images have which size, as "256x256".
 */
export type ClassSummary = {
  readonly name: string;
  readonly train: number;
  readonly trainDefective?: number;
  readonly testGood: number;
  readonly defects: Readonly<Record<string, { images: number; masks: number }>>;
  readonly sizes: Readonly<Record<string, number>>;
};

/** A summary of each class. `sizeOf`: size by path of those images that could be opened. */
export function summaries(dataset: Dataset, sizeOf: ReadonlyMap<string, string>): ClassSummary[] {
  const trained = grouped(dataset.train, ({ className }) => className);
  const tested = grouped(dataset.test, ({ className }) => className);
  return dataset.classes.map((name) => {
    return summary(name, trained.get(name) ?? [], tested.get(name) ?? [], sizeOf);
  });
}

function summary(
  name: string,
  train: readonly Sample[],
  test: readonly Sample[],
  sizeOf: ReadonlyMap<string, string>,
): ClassSummary {
  const bad = grouped(
    test.filter(({ label }) => label === 1),
    ({ defect }) => defect,
  );
  const defects = [...bad].map(([defect, samples]) => {
    const masks = samples.filter(({ maskPath }) => maskPath !== undefined).length;
    return [defect, { images: samples.length, masks }] as const;
  });
  const paths = new Set([...train, ...test].map(({ path }) => path));
  const sizes = [...grouped(paths, (path) => sizeOf.get(path) ?? "unknown")];
  const testGood = test.filter(({ label }) => label === 0).length;
  const trainDefective = train.filter(({ label }) => label === 1).length;
  return {
    name,
    train: train.length,
    ...(trainDefective > 0 ? { trainDefective } : {}),
    testGood,
    defects: Object.fromEntries(defects), // any name is a key of its own, __proto__ too
    sizes: Object.fromEntries(sizes.map(([size, of]) => [size, of.length])),
  };
}
