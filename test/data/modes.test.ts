import { expect, test } from "vitest";
import type { Dataset, Sample } from "../../src/data/dataset.ts";
import { type Mode, modes, shortages, splitMode } from "../../src/data/modes.ts";
import { fixture } from "./pixels.ts";

type Recorded = Readonly<Record<string, Record<"train" | "test", readonly string[]>>>;
const { splits } = fixture<{ splits: { files: Recorded } }>("splits-2025");

const name = (i: number) => `${String(i).padStart(3, "0")}.png`;

/** Classes with so many normal training, normal test and anomalous test images. */
function made(counts: Readonly<Record<string, readonly [number, number, number]>>): Dataset {
  const list = (className: string, folder: string, count: number, label: 0 | 1): Sample[] =>
    Array.from({ length: count }, (_, i) => {
      const path = `/data/${className}/${folder}/${name(i)}`;
      if (label === 0) return { path, label, defect: "good", className };
      const maskPath = `/data/${className}/ground_truth/crack/${name(i)}`;
      return { path, maskPath, label, defect: "crack", className };
    });
  const classes = Object.keys(counts).sort();
  const each = (f: (c: string, n: readonly [number, number, number]) => Sample[]) =>
    classes.flatMap((c) => f(c, counts[c]!));
  return {
    root: "/data",
    layout: "mvtec",
    classes,
    train: each((c, [train]) => list(c, "train/good", train, 0)),
    test: each((c, [, good, bad]) => [
      ...list(c, "test/crack", bad, 1),
      ...list(c, "test/good", good, 0),
    ]),
    findings: [],
  };
}

const paths = (samples: readonly Sample[]) => samples.map(({ path }) => path);
const anomalous = (samples: readonly Sample[]) => samples.filter(({ label }) => label === 1);
const one = made({ cls: [12, 4, 11] });

test.each(modes)("%s has as many images of each kind as the reference's file", (mode) => {
  const { train, test: tested } = splitMode(one, mode, 5);
  const reference = splits.files[`meta_${mode}.json`]!;
  const kinds = (list: readonly string[]) => [
    list.filter((path) => path.includes("/train/good/")).length,
    list.filter((path) => path.includes("/test/good/")).length,
    list.filter((path) => path.includes("/test/crack/")).length,
  ];
  expect(kinds(paths(train))).toEqual(kinds(reference.train));
  expect(kinds(paths(tested))).toEqual(kinds(reference.test));
});

test("unsupervised is the data set itself, zero_shot trains on its test images, normal ones first", () => {
  const { train, test: tested, findings } = splitMode(one, "unsupervised", 3);
  expect({ train, tested, findings }).toEqual({ train: one.train, tested: one.test, findings: [] });
  const zero = splitMode(one, "zero_shot");
  expect(zero.test).toEqual(one.test);
  expect(zero.train).toEqual([...one.test.slice(11), ...one.test.slice(0, 11)]);
});

test("few-shot images come from eight that are drawn once, sorted, and need not be nested", () => {
  const large = made({ cls: [40, 1, 1] });
  const eight = paths(splitMode(large, "few_shot8", 2).train);
  expect(new Set(eight).size).toBe(8);
  expect(eight).toEqual([...eight].sort());
  const few = (["few_shot1", "few_shot2", "few_shot4"] as const).map((mode) =>
    paths(splitMode(large, mode, 2).train),
  );
  expect(few.map((list) => list.length)).toEqual([1, 2, 4]);
  for (const list of few) expect(eight).toEqual(expect.arrayContaining(list));
  const nested = [...Array(30).keys()].filter((seed) => {
    const [one, two] = (["few_shot1", "few_shot2"] as const).map((mode) =>
      paths(splitMode(large, mode, seed).train),
    );
    return two!.includes(one![0]!);
  });
  expect(nested.length).toBeGreaterThan(0);
  expect(nested.length).toBeLessThan(30);
});

test("semi modes leave all ten drawn images out of the test, for every k, and train on k of them with masks", () => {
  const large = made({ cls: [20, 6, 30] });
  const splitsOf = (["semi1", "semi5", "semi10"] as const).map((mode) => splitMode(large, mode, 9));
  const ten = paths(anomalous(splitsOf[2]!.train));
  expect(new Set(ten).size).toBe(10);
  for (const [i, { train, test: tested }] of splitsOf.entries()) {
    const drawn = anomalous(train);
    expect(drawn).toHaveLength([1, 5, 10][i]!);
    expect(ten).toEqual(expect.arrayContaining(paths(drawn)));
    expect(drawn.every(({ maskPath }) => maskPath?.includes("ground_truth"))).toBe(true);
    expect(paths(tested)).toEqual(paths(large.test).filter((path) => !ten.includes(path)));
    expect(train.slice(0, 20)).toEqual(large.train);
  }
});

test("the draws of a class are those of (seed, class), whatever other classes there are", () => {
  const both = made({ a: [20, 2, 20], b: [20, 2, 20] });
  const alone = made({ b: [20, 2, 20] });
  const ofB = (dataset: Dataset, mode: Mode, seed: number) =>
    splitMode(dataset, mode, seed).train.filter(({ className }) => className === "b");
  for (const mode of ["few_shot4", "semi5"] as const) {
    expect(ofB(both, mode, 1)).toEqual(ofB(alone, mode, 1));
    expect(ofB(both, mode, 1)).not.toEqual(ofB(both, mode, 2));
  }
  const drawn = splitMode(both, "few_shot4", 1).train.map(({ path }) => path.replace(/.*\//, ""));
  expect(drawn.slice(0, 4)).not.toEqual(drawn.slice(4)); // one class does not repeat the other
});

test("each image is drawn equally often", () => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 600; seed++) {
    for (const path of paths(splitMode(one, "few_shot4", seed).train)) {
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  expect(counts.size).toBe(12); // 200 expected each, deviation 11.5
  for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(50);
});

test("classes with too few images are told with their numbers, and other modes go on", () => {
  const short = made({ a: [8, 4, 30], b: [30, 4, 10], c: [9, 1, 11] });
  expect(() => splitMode(short, "few_shot1")).toThrow(
    "mode few_shot1: class a has 8 normal training images; more than 8 are needed",
  );
  expect(() => splitMode(short, "semi1")).toThrow(
    "mode semi1: class b has 10 anomalous test images with a mask; more than 10 are needed",
  );
  expect(shortages(made({ a: [1, 0, 0] }), "zero_shot")).toEqual([
    "class a has no test images, which this mode trains on",
  ]);
  expect(modes.filter((mode) => shortages(short, mode).length === 0)).toEqual([
    "zero_shot",
    "unsupervised",
  ]);
  expect(modes.flatMap((mode) => shortages(made({ c: [9, 1, 11] }), mode))).toEqual([]);
});

test("an anomalous image without a mask is never trained on: it stays in the test of semi modes, and zero_shot leaves it out", () => {
  const [bare, ...rest] = one.test;
  const { maskPath: _, ...unmasked } = bare!;
  const dataset: Dataset = { ...one, test: [unmasked, ...rest] };
  expect(() => splitMode(dataset, "semi1")).toThrow(
    "class cls has 10 anomalous test images with a mask",
  );
  const zero = splitMode(dataset, "zero_shot");
  expect(zero.train).toHaveLength(14);
  expect(zero.test).toHaveLength(15);
  expect(zero.findings).toEqual([
    {
      level: "warning",
      file: "/data/cls/test/crack/000.png",
      message: "no mask, so it can't be trained on, left out of training",
    },
  ]);
  const more = made({ cls: [12, 4, 12] });
  const [first, ...others] = more.test;
  const { maskPath: __, ...open } = first!;
  const semi = splitMode({ ...more, test: [open, ...others] }, "semi10", 4);
  expect(paths(semi.test)).toContain(open.path);
});
