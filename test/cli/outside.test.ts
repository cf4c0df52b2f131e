/** What `loupe predict` and evaluations show and say of images that a method cuts. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Failure, findImages, readableBatches } from "../../src/cli/images.ts";
import { listenForInterrupt } from "../../src/cli/interrupt.ts";
import { Outside } from "../../src/cli/outside.ts";
import { drawPrediction } from "../../src/cli/pictures.ts";
import { predictSamples } from "../../src/cli/predicting.ts";
import { framingOfMaps } from "../../src/cli/recorded-framing.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import {
  decodeImage,
  denormalise,
  encodePng,
  type Framing,
  frame,
  type Image,
  makeImage,
  resize,
} from "../../src/data/index.ts";
import type { Detector } from "../../src/detector/index.ts";
import { colourScale, heatOverlay } from "../../src/report/index.ts";
import { namedImage } from "../data/pixels.ts";
import { makeTree } from "../data/tree.ts";
import { fakeDetector, sampleOf } from "../detector/fakes.ts";
import { part } from "../report/pictures.ts";

const framing: Framing = { size: 28, shorter: 32, filters: "lanczos" };
const images = { ...framing, synthesis: "none", detour: false } as const;
const detector = { images } as Pick<Detector, "images"> as Detector;

function listening() {
  const said: string[] = [];
  const terminal = new Terminal({
    stdout: { write: () => true },
    stderr: { write: (text) => said.push(text) },
    now: () => 0,
  });
  return { terminal, said };
}

async function predicted(files: Record<string, Image>, by: Detector = detector) {
  const root = await makeTree(
    Object.entries(files).map(([name, image]) => [name, encodePng(image)]),
  );
  const { terminal, said } = listening();
  const outside = new Outside();
  const { samples } = await findImages([root], terminal);
  const failures: Failure[] = [];
  const pixels: Uint8Array[] = [];
  const read = readableBatches(samples, by, 2, failures, terminal, outside.onFrame);
  for await (const batch of read) pixels.push(denormalise(batch.images));
  outside.warn(terminal);
  const shares = samples.map(({ path }) => outside.shareOf(path));
  return { root, said, failures, pixels, shares };
}

test("one warning names the image that loses most, with numbers; each image's share can be had", async () => {
  const { root, said, shares } = await predicted({
    "a.png": namedImage("a", 40, 40, 3),
    "b.png": namedImage("b", 60, 40, 3),
    "c.png": namedImage("c", 30, 120, 3),
  });
  expect(said).toEqual([
    `warning: ${root}/c.png: 81 % of its 30x120 pixels lie outside the square that the network sees, and no defect is found there; of 1 more image over a quarter; cut such images into squares, or train with a framing that keeps them whole\n`,
  ]);
  const of = (width: number, height: number) => 1 - 28 ** 2 / (width * height);
  expect(shares).toEqual([of(32, 32), of(48, 32), of(32, 128)]);
});

test("square images lose no more than the method means them to, and nothing is said", async () => {
  const { said, pixels } = await predicted({ "a.png": namedImage("a", 500, 500, 3) });
  expect(said).toEqual([]);
  expect(pixels[0]).toEqual(
    new Uint8Array(frame(namedImage("a", 500, 500, 3), framing).image.data),
  );
});

test("sides that are rounded cut a little more than a quarter of a square, and nothing is said", async () => {
  const rounded = { images: { ...images, size: 32, shorter: 37 } } as Pick<Detector, "images">;
  const files = { "a.png": namedImage("a", 160, 160, 3) };
  const { said, shares } = await predicted(files, rounded as Detector);
  expect(shares).toEqual([1 - 32 ** 2 / 37 ** 2]); // 25.2 %
  expect(said).toEqual([]);
});

test("an image too narrow to be cut is a failure with its file, and the others go on", async () => {
  const { failures, said, pixels, root } = await predicted({
    "a.png": namedImage("a", 40, 40, 3),
    "thin.png": namedImage("thin", 2, 5000, 1),
  });
  expect(pixels).toHaveLength(1);
  const error =
    "2x5000 pixels are too narrow to be cut after a resize: the longer side would become 80000 pixels; cut the image or stretch it";
  expect(failures).toEqual([{ path: join(root, "thin.png"), error }]);
  expect(said).toEqual([`error: ${root}/thin.png: ${error}\n`]);
});

test("a defect that was cut off is told once, however often its image is looked at, and its label stays", async () => {
  const mask = makeImage(90, 30, 1);
  for (let y = 0; y < 30; y++) mask.data.fill(255, y * 90, y * 90 + 10);
  const root = await makeTree([
    ["a.png", encodePng(namedImage("a", 90, 30, 3))],
    ["m.png", encodePng(mask)],
  ]);
  const samples = [sampleOf(`${root}/a.png`, 1, `${root}/m.png`)];
  const { terminal, said } = listening();
  const fake = { ...fakeDetector().detector, images, batchSize: 1 } as Detector;
  using interrupt = listenForInterrupt(terminal, "stopping");
  const work = { terminal, interrupt, stopped: "stopped" };
  for (let epoch = 0; epoch < 3; epoch++) {
    const [prediction] = await predictSamples(fake, samples, "evaluating", work);
    expect([prediction!.label, prediction!.mask?.some((v) => v > 0)]).toEqual([1, false]);
  }
  expect(said.filter((line) => line.startsWith("warning"))).toEqual([
    `warning: ${root}/m.png: nothing is left of the mask at this size where the image is cut, its image stays defective: 28\n`,
  ]);
});

test("what maps are of is read from beside them or among them; a damaged file is told", async () => {
  const text = JSON.stringify(framing);
  const root = await makeTree([
    ["run/maps/a.npy", "x"],
    ["run/framing.json", text],
    ["results/a.npy", "x"],
    ["results/framing.json", text],
    ["other/maps/a.npy", "x"],
    ["bad/framing.json", '{"size":-1}'],
  ]);
  expect(await framingOfMaps(`${root}/run/maps`)).toEqual(framing);
  expect(await framingOfMaps(`${root}/results`)).toEqual(framing);
  expect(await framingOfMaps(`${root}/results/a.npy`)).toEqual(framing);
  expect(await framingOfMaps(`${root}/other/maps`)).toBeUndefined();
  await expect(framingOfMaps(`${root}/bad`)).rejects.toThrow(
    `${root}/bad/framing.json: it does not say what the maps are of; write it again with`,
  );
});

test.each([
  { name: "the square that was cut", cut: framing },
  { name: "the square that was turned and cut", cut: { ...framing, wild: { degrees: 10 } } },
])("a prediction is drawn over $name", async ({ cut }) => {
  const photo = namedImage("wide", 90, 45, 3);
  const root = await makeTree([["a.png", encodePng(photo)]]);
  const map = Float32Array.from({ length: 28 * 28 }, (_, i) => (i % 28) / 28);
  const prediction = { path: join(root, "a.png"), map, score: 0.5, label: 0 };
  const scale = colourScale({ low: 0, threshold: 0.5, high: 1 });
  const look = { framing: cut, scale, threshold: undefined };
  const picture = await decodeImage(await drawPrediction(prediction, "a", look));
  const seen = resize(frame(photo, cut).image, { width: 256, height: 256 }, "bicubic");
  expect(part(picture, 0, 0, 256, 256)).toEqual(seen);
  const heat = heatOverlay(seen, { width: 28, height: 28, data: map }, scale);
  expect(part(picture, 260, 0, 256, 256)).toEqual(heat);
});

test("a prediction of an image that was stretched is drawn over all of it", async () => {
  const photo = namedImage("wide", 90, 45, 3);
  const root = await makeTree([["a.png", encodePng(photo)]]);
  const map = new Float32Array(28 * 28);
  const scale = colourScale({ low: 0, threshold: 0.5, high: 1 });
  const look = { framing: { size: 28 }, scale, threshold: undefined };
  const prediction = { path: join(root, "a.png"), map, score: 0, label: 0 };
  const picture = await decodeImage(await drawPrediction(prediction, "a", look));
  const seen = resize(photo, { width: 256, height: 128 }, "bicubic");
  expect(part(picture, 0, 0, 256, 128)).toEqual(seen);
});
