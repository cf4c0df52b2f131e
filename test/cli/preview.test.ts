/** `loupe preview`: a picture of training images while their anomalies get harder. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { painter } from "../../src/cli/preview-cells.ts";
import { trainingBatches } from "../../src/cli/training-batches.ts";
import {
  denormalise,
  readImage,
  type Synthesis,
  scanFolder,
  seededRandom,
  whiteNoise,
} from "../../src/data/index.ts";
import type { Detector } from "../../src/detector/index.ts";
import { part } from "../report/pictures.ts";
import { folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const file = (name: string) => join(folder, name);
const short = ["--image-size", "150", "--no-detour"];

test("axes are drawn on the product that comes with tensorloupe, and again the same", async () => {
  const call = (name: string) =>
    loupe("preview", "--axis", "freq", "alpha:1,0.9", ...short, "-o", name, "--json");
  const { code, stdout } = await call("axes.png");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    output: file("axes.png"),
    title: "Synthetic anomalies by axis, on tile",
    rows: ["freq", "alpha:1,0.9"],
  });
  const picture = await readImage(file("axes.png"));
  expect(picture.width).toBe(2 * 20 + 118 + 5 * 156 - 6);
  // Both axes begin as white noise in the same boxes, and end differently.
  const cell = (row: number, column: number) =>
    Buffer.from(part(picture, 138 + column * 156, 90 + row * 180, 150, 150).data);
  expect(cell(0, 4).equals(cell(1, 4))).toBe(false);
  expect(cell(1, 0).equals(cell(1, 4))).toBe(false);
  await call("again.png");
  expect(readFileSync(file("again.png")).equals(readFileSync(file("axes.png")))).toBe(true);
});

test.each([
  ["cdo2025", true],
  ["cdo2025", false],
  ["cdo2023", false],
] as const)(
  "a cell is the image that a training sees: %s, detour %s",
  async (synthesis, detour) => {
    const data = await smallData(`for-${synthesis}-${detour}`);
    const { train } = await scanFolder(data);
    const version = synthesis === "cdo2023" ? "2023" : "2025";
    const size = 40;
    const images = { size, filters: version, synthesis, detour } as const;
    const seed = 5;
    const detector = { batchSize: 4, images } as unknown as Detector;
    const hard: Synthesis = { texture: { kind: "freq", strength: { kind: "uniform" } } };
    const options = { version, size, detour, seed, guard: true, outline: true } as const;
    const paint = painter({ name: "washer", samples: train }, options);
    for (const epoch of [0, 3]) {
      const plan = { synthesis: hard, scalars: {} };
      for await (const batch of trainingBatches(train, detector, seed).batches(epoch, 0, plan)) {
        for (let i = 0; i < batch.size; i++) {
          const { cell } = await paint(batch.indices[i]!, epoch, hard);
          const pixels = batch.images.subarray(i * size * size * 3, (i + 1) * size * size * 3);
          expect(Buffer.compare(cell.image.data, denormalise(pixels))).toBe(0);
          const mask = batch.masks.subarray(i * size * size, (i + 1) * size * size);
          expect([...cell.mask!.data]).toEqual([...mask].map((v) => Math.round(v * 255)));
        }
      }
    }
  },
);

test("a curriculum has a column an epoch and a row an image", async () => {
  const data = await smallData("for-preview");
  const args = ["preview", "--curriculum", "freq-step5", "--epochs", "12", "--steps", "3"];
  const more = ["--data", data, ...short, "--image-count", "2", "--no-outline"];
  const { code, stdout } = await loupe(...args, ...more);
  expect(code).toBe(0);
  expect(stdout).toBe(
    `${file("preview.png")} (${138 + 3 * 156 - 6 + 20} × ${90 + 2 * 180 + 10}): freq-step5 over 12 epochs, on washer\n`,
  );
  const picture = await readImage(file("preview.png"));
  const source = await readImage(join(data, "washer/train/good/000.png"));
  const s = [0, 0.5, 1]; // of epochs 1, 7 and 12
  for (const [i, epoch] of [0, 6, 11].entries()) {
    const texture = { kind: "freq", strength: { kind: "fixed", s: s[i]! } } as const;
    const noise = { detour: false, synthesis: { texture, guard: false } };
    const { image } = whiteNoise(source, 150, seededRandom(1, epoch, 0), noise);
    const shown = part(picture, 138 + i * 156, 90, 150, 150);
    expect(Buffer.compare(shown.data, image.data)).toBe(0);
  }
});

test("what can't be shown is told, and nothing is written", async () => {
  const cases: [string[], string][] = [
    [
      ["--axis", "size:x"],
      "--axis: must be one of amp, freq, source, alpha, size, count, shape, colour, with its numbers as in alpha:4,0.6, got size:x; for a schedule use --curriculum",
    ],
    [["--axis", "freq", "--curriculum", "freq-step5"], "--axis and --curriculum: give one of them"],
    [["--curriculum", "oom-warmup"], "--curriculum: it does not change what anomalies look like"],
    [["--curriculum", "selector"], "under a selector follows from what the network learns"],
    [["--epochs", "3"], "--epochs has no effect here; leave it out"],
    [["--curriculum", "freq-step5", "--no-guard"], "--no-guard has no effect here"],
    [
      ["--class", "bolt"],
      "the demo has no product bolt; give --data, or one of fabric, tile, washer",
    ],
    [["--image-size", "16", "--no-detour"], "needs images of at least 20 pixels, got 16"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await loupe("preview", ...args, "-o", "none.png");
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  }
  expect(existsSync(file("none.png"))).toBe(false);
});

test("of a method that paints nothing there is nothing to see", async () => {
  const run = await loupe("preview", "fod");
  expect(run.code).toBe(2);
  expect(run.stderr).toMatch(/preview: fod is trained on images as they are, .*; cdo has some/);
});
