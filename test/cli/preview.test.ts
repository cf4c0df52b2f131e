/** `loupe preview`: a picture of training images while their anomalies get harder. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readImage, seededRandom, whiteNoise } from "../../src/data/index.ts";
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

test("a curriculum is drawn as a training sees its images", async () => {
  const data = await smallData("for-preview");
  const args = ["preview", "--curriculum", "amp:constant:c=0", "--epochs", "3", "--data", data];
  const { code, stdout } = await loupe(...args, ...short, "--image-count", "2", "--seed", "5");
  expect(code).toBe(0);
  expect(stdout).toContain("preview.png");
  const picture = await readImage(file("preview.png"));
  const source = await readImage(join(data, "washer/train/good/000.png"));
  let alike = 0;
  for (const epoch of [0, 1, 2]) {
    const options = {
      detour: false,
      synthesis: { texture: { kind: "amp", strength: { kind: "fixed", s: 0 } } },
    } as const;
    const { image, mask } = whiteNoise(source, 150, seededRandom(5, epoch, 0), options);
    const shown = part(picture, 138 + epoch * 156, 90, 150, 150);
    for (let i = 0; i < mask.data.length; i++) {
      // The outline covers a few pixels around the border of the mask.
      if (image.data[i * 3] === shown.data[i * 3]) alike++;
    }
  }
  expect(alike / (3 * 150 * 150)).toBeGreaterThan(0.9);
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
