/** Training and test items of methods that cut their images. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { imageCache } from "../../src/data/cache.ts";
import type { Sample } from "../../src/data/dataset.ts";
import { encodePng } from "../../src/data/encode.ts";
import type { Finding } from "../../src/data/finding.ts";
import { frame, frameMask, outsideOf, placeOf } from "../../src/data/frame.ts";
import type { Framing } from "../../src/data/framing.ts";
import { type Image, makeImage, toRgb } from "../../src/data/image.ts";
import { denormalise } from "../../src/data/normalise.ts";
import { seededRandom } from "../../src/data/random.ts";
import { resize } from "../../src/data/resize.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { readShown } from "../../src/data/shown.ts";
import {
  type LoadOptions,
  type Transform,
  testTransform,
  trainTransform,
} from "../../src/data/transforms.ts";
import { namedImage, pngFile, pngRows } from "./pixels.ts";
import { btadFiles, makePublished, mvtec3dFiles } from "./published.ts";
import { makeTree } from "./tree.ts";

const cfa: Framing = { size: 28, shorter: 32, filters: "lanczos" };
const wild: Framing = { ...cfa, wild: { degrees: 10 } };
const memory = (files: Record<string, Uint8Array>) => (path: string) =>
  Promise.resolve(files[path]!);

function sampleOf(path: string, maskPath?: string): Sample {
  const rest = maskPath === undefined ? {} : { maskPath };
  return { path, label: maskPath ? 1 : 0, defect: "x", className: "c", ...rest };
}

async function load(transform: Transform, sample: Sample, size: number, index = 0) {
  const image = new Float32Array(size * size * 3);
  const mask = new Float32Array(size * size);
  await transform(sample, index, image, mask);
  return { pixels: denormalise(image), mask };
}

/** Columns to the right of `left` are marked. */
function marked(width: number, height: number, left: number, right = width): Image {
  const mask = makeImage(width, height, 1);
  for (let y = 0; y < height; y++) mask.data.fill(255, y * width + left, y * width + right);
  return mask;
}

test.each([
  [52, 40],
  [40, 52],
  [100, 10],
  [10, 100],
  [28, 28],
  [20, 11],
  [3, 1],
  [1, 1],
])("an image of %ix%i is framed alike in training, testing and for its picture", async (w, h) => {
  const photo = namedImage(`photo ${w}x${h}`, w, h, 3);
  const root = await makeTree([["a.png", encodePng(photo)]]);
  const sample = sampleOf(join(root, "a.png"));
  const expected = frame(photo, cfa).image.data;
  const tested = await load(testTransform(cfa), sample, 28);
  expect([...tested.pixels]).toEqual([...expected]);
  const cache = imageCache();
  const train = { ...cfa, seed: 1, epoch: 0, anomalies: false, cache } as const;
  for (let epoch = 0; epoch < 2; epoch++) {
    const trained = await load(trainTransform({ ...train, epoch }), sample, 28);
    expect(trained.pixels).toEqual(tested.pixels);
  }
  expect(cache.bytes()).toBe(28 * 28 * 3);
  expect((await readShown(sample.path, cfa)).photo.data).toEqual(expected);
  expect((await readShown(sample.path, { size: 28 })).photo).toEqual(photo);
});

test("grey images and images with an alpha channel are framed as their RGB pixels", async () => {
  const grey = namedImage("grey", 40, 36, 1);
  const samples = Array.from({ length: 36 }, (_, y) =>
    Array.from({ length: 40 }, (_, x) => {
      const v = grey.data[y * 40 + x]!;
      return [v, v, v, (x * 7) % 256];
    }).flat(),
  );
  const alpha = pngFile({
    width: 40,
    height: 36,
    depth: 8,
    colour: 6,
    raw: pngRows(samples, 8, 4),
  });
  const read = memory({ "grey.png": encodePng(grey), "alpha.png": alpha });
  const expected = frame(toRgb(grey), cfa).image.data;
  for (const name of ["grey.png", "alpha.png"]) {
    const { pixels } = await load(testTransform({ ...cfa, read }), sampleOf(name), 28);
    expect([...pixels]).toEqual([...expected]);
  }
});

test.each([
  [60, 44],
  [44, 60],
])(
  "a mask at another scale marks the same part of a %ix%i image as one at its size",
  async (w, h) => {
    const files: Record<string, Uint8Array> = { "a.png": encodePng(namedImage("a", w, h, 3)) };
    for (const scale of [0.5, 1, 2]) {
      const [mw, mh] = [w * scale, h * scale];
      files[`${scale}.png`] = encodePng(marked(mw, mh, mw / 2));
    }
    const transform = testTransform({ ...cfa, read: memory(files) });
    const [half, same, twice] = await Promise.all(
      [0.5, 1, 2].map((scale) => load(transform, sampleOf("a.png", `${scale}.png`), 28)),
    );
    expect(half!.mask).toEqual(same!.mask);
    expect(twice!.mask).toEqual(same!.mask);
    const right = same!.mask.filter((_, i) => i % 28 >= 14);
    expect(right.every((v) => v === 1)).toBe(true);
    expect(same!.mask.reduce((a, b) => a + b)).toBe(28 * 14);
  },
);

test("a mask that comes with an image from the cache is checked against the image's stored size", async () => {
  const files = {
    "a.png": encodePng(namedImage("a", 60, 44, 3)),
    "m.png": encodePng(marked(44, 60, 5)),
  };
  const cache = imageCache();
  const options = {
    ...cfa,
    seed: 1,
    epoch: 0,
    anomalies: false,
    cache,
    read: memory(files),
  } as const;
  await load(trainTransform(options), sampleOf("a.png"), 28);
  await expect(load(trainTransform(options), sampleOf("a.png", "m.png"), 28)).rejects.toThrow(
    "mask has another size than its image, so it is not used (draw it at that size): 44x60, a.png is 60x44",
  );
});

test("a defect outside the square leaves its image defective, and that is told", async () => {
  const files = {
    "a.png": encodePng(namedImage("a", 90, 30, 3)),
    "m.png": encodePng(marked(90, 30, 0, 10)),
  };
  const findings: Finding[] = [];
  const frames: unknown[] = [];
  const options: LoadOptions = {
    ...cfa,
    read: memory(files),
    report: (finding) => void findings.push(finding),
    onFrame: (path, stored, place) => void frames.push([path, stored, outsideOf(place)]),
  };
  const { mask } = await load(testTransform(options), sampleOf("a.png", "m.png"), 28);
  expect(mask.some((v) => v > 0)).toBe(false);
  expect(findings).toEqual([
    {
      level: "warning",
      file: "m.png",
      message:
        "nothing is left of the mask at this size where the image is cut, its image stays defective: 28",
    },
  ]);
  expect(frames).toEqual([["a.png", { width: 90, height: 30 }, 1 - 28 ** 2 / (32 * 96)]]);
});

test("what lies outside is the share of the area, none where black is added", () => {
  const share = (width: number, height: number, framing: Framing) =>
    outsideOf(placeOf({ width, height }, framing));
  expect(share(500, 500, { size: 224, shorter: 256 })).toBeCloseTo(1 - (224 / 256) ** 2, 12);
  expect(share(512, 256, { size: 256, shorter: 256 })).toBe(0.5);
  expect(share(512, 256, { size: 256 })).toBe(0);
  expect(share(10, 10, { size: 9, shorter: 5 })).toBe(0);
});

test("wild: image and mask are turned and cut by the same draw", async () => {
  const mask = marked(80, 50, 37, 52);
  const image = toRgb(mask);
  const files = { "a.png": encodePng(image), "m.png": encodePng(mask) };
  const options = { ...wild, filters: "lanczos", read: memory(files) } as const;
  for (let index = 0; index < 5; index++) {
    const train = trainTransform({ ...options, seed: 4, epoch: 2, anomalies: false });
    for (const transform of [train, testTransform(options)]) {
      const seen = await load(transform, sampleOf("a.png", "m.png"), 28, index);
      const bright = Uint8Array.from({ length: 28 * 28 }, (_, i) =>
        seen.pixels[i * 3]! > 127 ? 1 : 0,
      );
      const differing = bright.filter((v, i) => v !== seen.mask[i]).length;
      expect(differing).toBeLessThan(40); // the borders, where one is smooth and the other nearest
      expect(seen.mask.some((v) => v > 0)).toBe(true);
    }
  }
});

test("wild: training draws anew by seed, epoch and place, testing always the same whatever the name", async () => {
  const photo = encodePng(namedImage("w", 80, 50, 3));
  const files = {
    "a.png": photo,
    "b/c.png": photo,
    "d.png": encodePng(namedImage("x", 80, 50, 3)),
  };
  const read = memory(files);
  const cache = imageCache();
  const trained = async (seed: number, epoch: number, index: number) => {
    const options = { ...wild, seed, epoch, anomalies: false, read, cache } as const;
    return (await load(trainTransform(options), sampleOf("a.png"), 28, index)).pixels;
  };
  const first = await trained(1, 0, 0);
  expect(await trained(1, 0, 0)).toEqual(first);
  for (const other of [await trained(2, 0, 0), await trained(1, 1, 0), await trained(1, 0, 1)]) {
    expect(other).not.toEqual(first);
  }
  expect(cache.bytes()).toBe(51 * 32 * 3);
  const tested = async (path: string, index: number) =>
    (await load(testTransform({ ...wild, read }), sampleOf(path), 28, index)).pixels;
  const shown = await tested("a.png", 0);
  expect(await tested("b/c.png", 7)).toEqual(shown);
  expect(frame(namedImage("w", 80, 50, 3), wild).image.data).toEqual(Uint8Array.from(shown));
  expect(await tested("d.png", 0)).not.toEqual(shown);
});

test("wild: angles reach both ends and cuts every place; without an angle nothing is turned", () => {
  const places = Array.from({ length: 400 }, (_, i) =>
    placeOf(
      { width: 41, height: 37 },
      { size: 30, shorter: 32, wild: { degrees: 12 } },
      seededRandom(i),
    ),
  );
  const angles = places.map(({ degrees }) => degrees);
  expect(Math.min(...angles)).toBeGreaterThanOrEqual(-12);
  expect(Math.min(...angles)).toBeLessThan(-11);
  expect(Math.max(...angles)).toBeLessThanOrEqual(12);
  expect(Math.max(...angles)).toBeGreaterThan(11);
  expect([...new Set(places.map(({ top }) => top))].sort()).toEqual([0, 1, 2]);
  expect([...new Set(places.map(({ left }) => left))].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  const still = placeOf(
    { width: 9, height: 9 },
    { size: 20, shorter: 9, wild: { degrees: 0 } },
    seededRandom(1),
  );
  expect(Math.abs(still.degrees)).toBe(0);
  expect(still).toMatchObject({
    resized: { width: 9, height: 9 },
    size: 20,
    top: -5,
    left: -5,
  });
});

test("BTAD and MVTec 3D-AD are cut from the middle, images and masks as one by one", async () => {
  const framing: Framing = { size: 32, shorter: 32, filters: "lanczos" };
  const roots = [await makePublished(btadFiles()), await makePublished(mvtec3dFiles("bagel"))];
  for (const root of roots) {
    const { test: samples, layout } = await scanFolder(root);
    const defective = samples.filter(({ label }) => label === 1);
    expect([layout, defective.length > 2]).toEqual([layout === "btad" ? "btad" : "mvtec3d", true]);
    for (const sample of samples) {
      const { pixels, mask } = await load(testTransform(framing), sample, 32);
      const { photo, place } = await readShown(sample.path, framing);
      expect([...pixels]).toEqual([...photo.data]);
      expect(mask.every((v) => v === 0 || v === 1)).toBe(true);
      if (sample.label === 0) expect(mask.some((v) => v > 0)).toBe(false);
      // the defects of these trees are dark
      const dark = [...mask.keys()].filter((i) => mask[i] === 1 && pixels[i * 3]! < 60).length;
      const all = mask.reduce((a, b) => a + b, 0);
      if (all > 4) expect(dark / all).toBeGreaterThan(0.5);
      expect(place?.size).toBe(32);
    }
  }
});

test("masks that are cut keep OpenCV's and Pillow's rules of their filters", () => {
  const mask = marked(50, 34, 17, 23);
  for (const [filters, filter] of [
    ["2025", "bilinear"],
    ["2023", "cv2-nearest"],
    ["lanczos", "nearest"],
  ] as const) {
    const framing: Framing = { size: 20, shorter: 22, filters };
    const place = placeOf(mask, framing);
    const whole = resize(mask, place.resized, filter);
    const at = (i: number) =>
      whole.data[(place.top + Math.floor(i / 20)) * whole.width + place.left + (i % 20)]!;
    const expected = Uint8Array.from({ length: 400 }, (_, i) => at(i));
    expect(frameMask(mask, place, framing).data).toEqual(expected);
  }
});

test("a framing that can't be, an image that is too narrow, and anomalies on cut images are refused", async () => {
  expect(() => testTransform({ size: 0 })).toThrow("size: must be a whole number of pixels, got 0");
  expect(() => testTransform({ size: 8, shorter: 2.5 })).toThrow(
    "shorter: must be a whole number of pixels, got 2.5",
  );
  for (const degrees of [-1, 181, Number.NaN]) {
    expect(() => testTransform({ size: 8, wild: { degrees } })).toThrow(
      `wild: degrees must be 0 to 180, got ${degrees}`,
    );
  }
  const training = { seed: 1, epoch: 0 };
  const refused = (framing: Framing, got: string) =>
    expect(() => trainTransform({ ...framing, ...training })).toThrow(
      `synthetic anomalies are painted on images that filters 2025 or 2023 stretch to the square, got ${got}; leave out shorter and wild, or set anomalies to false`,
    );
  refused({ size: 64, filters: "lanczos" }, '{"filters":"lanczos"}');
  refused({ size: 64, shorter: 70 }, '{"shorter":70}');
  refused(
    { size: 64, filters: "2023", wild: { degrees: 3 } },
    '{"filters":"2023","wild":{"degrees":3}}',
  );
  const read = memory({ "a.png": encodePng(makeImage(1, 3000, 3)) });
  await expect(load(testTransform({ ...cfa, read }), sampleOf("a.png"), 28)).rejects.toThrow(
    "frame: a.png: 1x3000 pixels are too narrow to be cut after a resize: the longer side would become 96000 pixels; cut the image or stretch it",
  );
});
