import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { batches } from "../../src/data/batches.ts";
import type { Sample } from "../../src/data/dataset.ts";
import type { Finding } from "../../src/data/finding.ts";
import { seededRandom } from "../../src/data/random.ts";
import { scanFolder } from "../../src/data/scan.ts";
import type { Survival, Synthesis } from "../../src/data/synthesis/synthesis.ts";
import { type LoaderOptions, trainLoader } from "../../src/data/train-loader.ts";
import type { Transform } from "../../src/data/transforms.ts";
import { startWorkers } from "../../src/data/workers.node.ts";
import { pngFile, pngRows } from "./pixels.ts";
import { makeTree, numbered } from "./tree.ts";

const root = await makeTree(numbered("good", 11));
const { train } = await scanFolder(root, { testFraction: 0 });
const options: LoaderOptions = { size: 24, seed: 7 };
const side = options.size;
const hook = pathToFileURL(resolve(import.meta.dirname, "../../scripts/ts-hook.mjs"));
/** Threads run TypeScript from this checkout. */
const execArgv = [
  "--import",
  `data:text/javascript,import{register}from"node:module";register("${hook}")`,
];
const closing: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));

function threads(count: number, report?: (finding: Finding) => void) {
  const workers = startWorkers(count, options, 1e6, report, execArgv);
  closing.push(workers.close);
  return workers;
}

async function load(samples: readonly Sample[], transform: Transform, shuffle = seededRandom(1)) {
  const images: unknown[] = [];
  for await (const batch of batches(samples, { batchSize: 4, side, transform, shuffle })) {
    images.push([batch.indices, batch.images, batch.masks, batch.synthetic]);
  }
  return images;
}

test("any number of threads gives the same bits, epoch after epoch", async () => {
  const loader = trainLoader(options);
  for (const count of [1, 3]) {
    const workers = threads(count);
    for (const epoch of [0, 1, 0]) {
      const want = await load(train, loader.transform(epoch));
      expect(await load(train, workers.transform(epoch))).toEqual(want);
    }
  }
  expect(await load(train, loader.transform(0))).not.toEqual(
    await load(train, loader.transform(1)),
  );
});

test("each epoch has its synthesis, in threads as without, and tells how much of it counts", async () => {
  const loader = trainLoader(options);
  const workers = threads(2);
  const synthesisOf = (s: number): Synthesis => ({
    texture: { kind: "freq", strength: { kind: "fixed", s } },
    opacity: { strength: { kind: "uniform" }, most: 1, exponent: 1 },
  });
  const images: unknown[] = [];
  for (const s of [0, 1]) {
    const want = await load(train, loader.transform(0, synthesisOf(s)));
    expect(await load(train, workers.transform(0, synthesisOf(s)))).toEqual(want);
    images.push(want);
  }
  expect(images[0]).not.toEqual(images[1]);
  expect(await load(train, loader.transform(0))).not.toEqual(images[0]);
  const told: (Survival | undefined)[] = [];
  for (const { transform } of [loader, workers]) {
    const given = { batchSize: 11, side, transform: transform(0, synthesisOf(0.5)) };
    for await (const { synthetic } of batches(train, given)) told.push(synthetic);
  }
  expect(told[0]).toEqual(told[1]);
  const { painted, survived } = told[0]!;
  expect(survived).toBeGreaterThan(0);
  expect(survived).toBeLessThan(painted);
  const bad = { size: { kind: "fixed", s: 2 } } as const;
  expect(() => loader.transform(0, bad)).toThrow("synthesis: size: s must be 0 to 1, got 2");
  await expect(load(train, workers.transform(0, bad))).rejects.toThrow(
    "synthesis: size: s must be 0 to 1, got 2",
  );
});

test("a real defect is never painted on", async () => {
  const synthesis: Synthesis = { count: { kind: "fixed", s: 0 } };
  const defective = train.map((sample) => ({ ...sample, label: 1 as const }));
  const plain = trainLoader({ ...options, anomalies: false });
  const want = await load(defective, plain.transform(0));
  expect(await load(defective, trainLoader(options).transform(0, synthesis))).toEqual(want);
  expect(await load(train, plain.transform(0, synthesis))).toEqual(want);
});

test("an error in a thread names its file, and what a thread notices is reported", async () => {
  const clipped = pngFile({
    width: 1,
    height: 1,
    depth: 16,
    colour: 0,
    raw: pngRows([[999]], 16, 1),
  });
  const odd = await makeTree([
    ["good/0.png", clipped],
    ["good/1.png", "no image"],
  ]);
  const { train: samples } = await scanFolder(odd, { testFraction: 0 });
  const findings: Finding[] = [];
  const transform = threads(2, (finding) => void findings.push(finding)).transform(0);
  const [image, mask] = [new Float32Array(side * side * 3), new Float32Array(side * side)];
  await transform(samples[0]!, 0, image, mask);
  expect(findings.map(({ file }) => file)).toEqual([`${odd}/good/0.png`]);
  await expect(transform(samples[1]!, 1, image, mask)).rejects.toMatchObject({
    name: "LoupeError",
    code: "data",
    message: expect.stringContaining(`decode: ${odd}/good/1.png: it is not an image`),
  });
});

test("a thread that can't start or has ended is an error, not a wait without end", async () => {
  const bad = startWorkers(1, options, 1e6, undefined, [
    "--import",
    "data:text/javascript,throw 1",
  ]);
  closing.push(bad.close);
  await expect(load(train, bad.transform(0))).rejects.toThrow(
    /^loading thread: it (failed|has ended)/,
  );
  const ended = threads(1);
  await ended.close();
  await expect(load(train, ended.transform(0))).rejects.toThrow("loading thread: it has ended");
});

test("bad options are refused before a thread is started", () => {
  expect(() => trainLoader({ ...options, workers: 1.5 })).toThrow(
    "workers: must be a whole number of 0 to 64, got 1.5",
  );
  const read = () => Promise.reject(new Error("unused"));
  expect(() => trainLoader({ ...options, workers: 1, read })).toThrow(
    "workers: they read files themselves; leave out read or workers",
  );
  expect(() => trainLoader({ ...options, size: 0, workers: 1 })).toThrow(
    "size: must be a whole number",
  );
});
