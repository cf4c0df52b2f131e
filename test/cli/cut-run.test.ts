/** A whole run of a method that cuts the middle out of its images, on photos twice as wide as high. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import {
  demoImage,
  encodePng,
  frame,
  type Image,
  makeImage,
  readImage,
  resize,
} from "../../src/data/index.ts";
import { readSafetensors } from "../../src/models/index.ts";
import { part } from "../report/pictures.ts";
import { folder, loupe, prepareLoupe } from "./loupe.ts";

prepareLoupe();

const file = (name: string) => join(folder, name);
const json = (name: string) => JSON.parse(readFileSync(file(name), "utf8"));

/** The picture at the left of a black one twice as wide, or in its middle. */
function widened(image: Image, left: number): Image {
  const { width, height, channels, data } = image;
  const out = makeImage(width * 2, height, channels);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width * channels, (y + 1) * width * channels);
    out.data.set(row, (y * width * 2 + left) * channels);
  }
  return out;
}

async function put(name: string, image: Image): Promise<void> {
  await mkdir(dirname(file(name)), { recursive: true });
  await writeFile(file(name), encodePng(image));
}

beforeAll(async () => {
  const size = 64;
  for (let index = 0; index < 5; index++) {
    const { image } = demoImage("washer", { part: "train", index, size });
    await put(`data/w/train/good/00${index}.png`, widened(image, 32));
  }
  for (let index = 0; index < 2; index++) {
    const { image } = demoImage("washer", { part: "good", index, size });
    await put(`data/w/test/good/00${index}.png`, widened(image, 32));
  }
  for (let index = 0; index < 3; index++) {
    const { image, mask } = demoImage("washer", { part: "defective", index, size });
    await put(`data/w/test/bad/00${index}.png`, widened(image, 32));
    await put(`data/w/ground_truth/bad/00${index}_mask.png`, widened(mask!, 32));
  }
  const mask = makeImage(128, 64, 1);
  mask.data.fill(255, 64 * 20, 64 * 20 + 9);
  await put("data/w/ground_truth/bad/009_mask.png", mask);
  const { image } = demoImage("washer", { part: "good", index: 3, size });
  await put("data/w/test/bad/009.png", widened(image, 32));
});

const cfa = ["--backbone", "resnet10_half", "--image-size", "56", "--epochs", "1"];
const warned =
  /w\/test\/\S+\.png: 62 % of its 128x64 pixels lie outside the square that the network sees, and no defect is found there; of 5 more images over a quarter; /;

test("training records what was cut, says what is not seen, and measures in the square", async () => {
  const { code, stderr } = await loupe("train", "cfa", ...cfa, "--data", "data", "--output", "run");
  expect([code, stderr]).toEqual([0, expect.stringMatching(warned)]);
  expect(stderr).toMatch(
    /009_mask.png: nothing is left of the mask at this size where the image is cut/,
  );
  const framing = { size: 56, shorter: 64, filters: "lanczos" };
  expect(json("run/run.json").framing).toEqual(framing);
  expect(json("run/framing.json")).toEqual(framing);
  const picture = await readImage(file("run/images/bad/000.png"));
  const seen = frame(await readImage(file("data/w/test/bad/000.png")), framing as never).image;
  const photo = resize(seen, { width: 256, height: 256 }, "bicubic");
  expect(part(picture, 0, 0, 256, 256)).toEqual(photo);
});

test("loupe metrics measures the run's maps against the same part of the masks", async () => {
  const maps = ["--maps", "run/maps", "--masks", "data/w/ground_truth"];
  const { code, stdout, stderr } = await loupe("metrics", ...maps, "--json");
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining("masks are resized to 128x64 and cut in the middle as the images were"),
  ]);
  const [own, again] = [json("run/metrics.json").metrics, JSON.parse(stdout).metrics];
  for (const name of ["mAUROC_px", "mAP_px", "mAUPRO_px"]) {
    expect(again[name]).toBeCloseTo(own[name], 6);
  }
});

test("a random frozen network takes its statistics from the part of the images that is trained on", async () => {
  for (let index = 0; index < 5; index++) {
    const { image } = demoImage("washer", { part: "train", index, size: 64 });
    await put(`squares/w/train/good/00${index}.png`, image);
  }
  const ways = ["--backbone", "resnet10_half", "--weights", "random", "--image-size", "64"];
  const weightsOf = async (data: string) => {
    const output = `${data}.safetensors`;
    const told = ["--data", data, "--fit", "crop", ...ways, "--output", output];
    expect((await loupe("fod", "reference-features", ...told)).code).toBe(0);
    return readSafetensors(readFileSync(file(output))).metadata.get("weights");
  };
  expect(await weightsOf("squares")).toMatch(/^[0-9a-f]{64}$/);
  expect(await weightsOf("data")).toBe(await weightsOf("squares")); // the same squares, with more beside them
});

test("predictions tell how much of each image was not looked at", async () => {
  const { code, stdout, stderr } = await loupe(
    "predict",
    "run",
    "data/w/test/bad",
    "--output",
    "p",
    "--json",
  );
  expect(code).toBe(0);
  expect(stderr).toMatch(/of 3 more images over a quarter/);
  const { predictions } = JSON.parse(stdout) as { predictions: { outside: number }[] };
  expect(predictions.map(({ outside }) => outside)).toEqual(
    Array(4).fill(1 - 56 ** 2 / (128 * 64)),
  );
  expect(readdirSync(file("p")).sort()).toEqual(
    ["000", "001", "002", "009"]
      .flatMap((name) => [`${name}.npy`, `${name}.png`])
      .concat("framing.json", "scores.csv"),
  );
});
