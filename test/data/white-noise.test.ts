import { expect, test } from "vitest";
import { estimateBackground } from "../../src/data/background.ts";
import { detourSize } from "../../src/data/detour.ts";
import { makeImage } from "../../src/data/image.ts";
import { drawPatches, type Patch, paintMask, paintPatches } from "../../src/data/patches.ts";
import { seededRandom } from "../../src/data/random.ts";
import { resize, wholeWindow } from "../../src/data/resize.ts";
import { cleanImage, whiteNoise } from "../../src/data/white-noise.ts";
import { type Draw, fixture, fnvBytes, namedImage, recorded } from "./pixels.ts";

type Golden2025 = {
  numpy_seed: number;
  draw_order: Draw[];
  boxes: { rows: [number, number]; cols: [number, number] }[];
  mask_pixels_1024: number;
  mask256_sum: number;
  mask256_nonzero: number;
  mask256_fractional: number;
  mask64_abnormal: number;
  mask64_abnormal_indices_first40: number[];
};
type Golden2023 = {
  estimate_background: {
    background_pixels: number;
    change_columns_at_rows_10_64_128_200: number[][];
  };
  transform_image: {
    numpy_seed: number;
    skip_background: boolean;
    draw_order: Draw[];
    mask_pixels: number;
  }[];
};
type Background = { size: [number, number]; pixels: string; count: number; fnv: number };
const golden2025 = fixture<{ cases: Golden2025[] }>("white-noise-2025").cases;
const golden2023 = fixture<Golden2023>("opencv-2023");

const square = (side: number) => ({ width: side, height: side });

/** The plain way: the whole image at 1024, noise, the whole image down again. */
function plainly(source: ReturnType<typeof namedImage>, size: number, patches: readonly Patch[]) {
  const large = resize(source, square(detourSize), "bicubic");
  const image = makeImage(detourSize, detourSize, 3, large.data.slice());
  const mask = makeImage(detourSize, detourSize, 1);
  paintPatches(wholeWindow(image), patches);
  paintMask(wholeWindow(mask), patches);
  return {
    large,
    noisy: image,
    whole: mask,
    image: resize(image, square(size), "bilinear"),
    mask: resize(mask, square(size), "bilinear"),
  };
}

test.each(golden2025)(
  "2025 golden, NumPy seed $numpy_seed: same boxes, masks and borders from the recorded draws",
  (golden) => {
    const random = recorded(golden.draw_order);
    const source = namedImage("img", 30, 20, 3);
    const { mask, patches } = whiteNoise(source, 256, random, { order: "reference" });
    expect(random.left()).toBe(0);
    expect(patches.map(({ box }) => [box.top, box.bottom, box.left, box.right])).toEqual(
      golden.boxes.map((b) => [...b.rows, ...b.cols]),
    );
    const whole = makeImage(1024, 1024, 1);
    paintMask(wholeWindow(whole), patches);
    expect(whole.data.filter((v) => v === 255).length).toBe(golden.mask_pixels_1024);
    const sum = mask.data.reduce((a, v) => a + v / 255, 0);
    expect(sum).toBeCloseTo(golden.mask256_sum, 3);
    expect(mask.data.filter((v) => v > 0).length).toBe(golden.mask256_nonzero);
    expect(mask.data.filter((v) => v > 0 && v < 255).length).toBe(golden.mask256_fractional);
    const cells = [...Array(4096).keys()].filter((i) => {
      return mask.data[Math.floor(i / 64) * 4 * 256 + (i % 64) * 4] !== 0;
    });
    expect(cells.length).toBe(golden.mask64_abnormal);
    expect(cells.slice(0, 40)).toEqual(golden.mask64_abnormal_indices_first40);
  },
);

test.each([
  [30, 20, 64],
  [256, 256, 128],
  [300, 200, 77],
  [1024, 1024, 100],
  [1100, 40, 256],
  [5, 5, 1024],
  [8, 8, 1500],
])("a %ix%i image to %i: recomputing around the patches equals the whole detour", (w, h, size) => {
  const source = namedImage("source", w, h, 3);
  const clean = cleanImage(source, size);
  let seen = 0;
  for (let seed = 0; seen < 6; seed++) {
    const got = whiteNoise(source, size, seededRandom(seed), {}, clean);
    if (got.patches.length === 0) {
      expect(got.image).toEqual(clean);
      continue;
    }
    seen += got.patches.length;
    const want = plainly(source, size, got.patches);
    expect(Buffer.compare(got.image.data, want.image.data)).toBe(0);
    expect(Buffer.compare(got.mask.data, want.mask.data)).toBe(0);
  }
});

test("noise replaces the patch and nothing else, and runs over 0..254", () => {
  const source = namedImage("img", 30, 20, 3);
  const patches = drawPatches(seededRandom(2), 1024);
  const { large, noisy, whole } = plainly(source, 64, patches);
  const outside = [...whole.data.keys()].filter((i) => whole.data[i] === 0);
  expect(outside.every((i) => noisy.data[i * 3] === large.data[i * 3])).toBe(true);
  const noise = new Set(patches.flatMap(({ pixels }) => [...pixels]));
  expect([Math.min(...noise), Math.max(...noise), noise.size]).toEqual([0, 254, 255]);
});

test("0 to 4 patches come equally often, with the sides of the reference", () => {
  const counts = new Uint32Array(5);
  for (let i = 0; i < 2000; i++) {
    const patches = drawPatches(seededRandom(1, i), 40);
    counts[patches.length]!++;
  }
  for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(80);
  const sides = new Set<number>();
  for (let i = 0; i < 300; i++) {
    for (const { box } of drawPatches(seededRandom(2, i), 1024)) {
      sides.add(box.bottom - box.top).add(box.right - box.left);
      expect(Math.min(box.top, box.left)).toBeGreaterThanOrEqual(0);
      expect(Math.max(box.bottom, box.right)).toBeLessThanOrEqual(1024);
    }
  }
  expect([Math.min(...sides), Math.max(...sides)]).toEqual([50, 202]);
});

test("in reference order overlapping patches show one and the same noise", () => {
  const at = (patches: readonly Patch[], y: number, x: number) =>
    patches
      .filter(({ box }) => y >= box.top && y < box.bottom && x >= box.left && x < box.right)
      .map(
        ({ box, pixels }) => pixels[((y - box.top) * (box.right - box.left) + x - box.left) * 3],
      );
  let overlaps = 0;
  for (let seed = 0; overlaps === 0 && seed < 200; seed++) {
    const patches = drawPatches(seededRandom(seed), 100, "reference");
    for (let i = 0; i < 10_000; i++) {
      const values = at(patches, Math.floor(i / 100), i % 100);
      if (values.length < 2) continue;
      overlaps++;
      expect(new Set(values).size).toBe(1);
    }
  }
  expect(overlaps).toBeGreaterThan(0);
});

test("without the detour the image is resized at once and the mask is binary", () => {
  const source = namedImage("img", 30, 20, 3);
  const direct = resize(source, square(64), "bilinear");
  expect(cleanImage(source, 64, { detour: false })).toEqual(direct);
  for (let seed = 0; seed < 5; seed++) {
    const { image, mask } = whiteNoise(source, 64, seededRandom(seed), { detour: false });
    expect(mask.data.every((v) => v === 0 || v === 255)).toBe(true);
    const changed = [...mask.data.keys()].filter((i) => image.data[i * 3] !== direct.data[i * 3]);
    expect(changed.every((i) => mask.data[i] === 255)).toBe(true);
  }
});

/** The image of the 2023 golden: a bright ground, a textured disc, a dark hole. */
function disc() {
  const image = makeImage(256, 256, 3);
  for (let y = 0; y < 256; y++) {
    for (let x = 0; x < 256; x++) {
      const r = Math.hypot(y - 128, x - 120);
      const v = r < 15 ? 10 : r < 90 ? 120 + ((y + x) % 40) : 240;
      image.data.fill(v, (y * 256 + x) * 3, (y * 256 + x) * 3 + 3);
    }
  }
  return image;
}

test("2023 golden: the background is bright or dark, cleaned and grown", () => {
  const golden = golden2023.estimate_background;
  const background = estimateBackground(disc());
  expect(background.filter((v) => v === 1).length).toBe(golden.background_pixels);
  const changes = [10, 64, 128, 200].map((y) => {
    const row = background.subarray(y * 256, (y + 1) * 256);
    return [...row.keys()].filter((x) => x < 255 && row[x] !== row[x + 1]);
  });
  expect(changes).toEqual(golden.change_columns_at_rows_10_64_128_200);
});

test("the background of other shapes equals OpenCV's median and dilation", () => {
  for (const { size, pixels, count, fnv } of fixture<Background[]>("background")) {
    const data = new Uint8Array(Buffer.from(pixels, "base64"));
    const background = estimateBackground(makeImage(size[0], size[1], 3, data));
    expect(background.reduce((a, v) => a + v, 0)).toBe(count);
    expect(fnvBytes(background)).toBe(fnv);
  }
});

test.each(golden2023.transform_image)(
  "2023 golden, NumPy seed $numpy_seed, skipping background $skip_background: patches from the recorded draws",
  (golden) => {
    const random = recorded(golden.draw_order);
    const { mask } = whiteNoise(disc(), 256, random, {
      version: "2023",
      order: "reference",
      skipBackground: golden.skip_background,
    });
    expect(random.left()).toBe(0);
    expect(mask.data.filter((v) => v > 0).length).toBe(golden.mask_pixels);
  },
);

test("an image that is all background gets no patch after 200 tries each", () => {
  const white = makeImage(64, 64, 3, new Uint8Array(64 * 64 * 3).fill(250));
  const options = { version: "2023", skipBackground: true } as const;
  const { image, mask } = whiteNoise(white, 64, seededRandom(1), options);
  expect(mask.data.every((v) => v === 0)).toBe(true);
  expect(image).toEqual(white);
});

test("too small images and options that exclude each other are refused", () => {
  const tiny = namedImage("tiny", 8, 8, 3);
  expect(() => whiteNoise(tiny, 16, seededRandom(1), { detour: false })).toThrow(
    "white noise: needs images of at least 20 pixels, got 16",
  );
  expect(() => whiteNoise(tiny, 64, seededRandom(1), { skipBackground: true })).toThrow(
    'white noise: skipBackground is not done with the detour; use version "2023" or detour: false',
  );
});

test("the same image and seed give the anomalies that test/browser/data.ts expects of a page", () => {
  const data = Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251);
  const { image, mask } = whiteNoise(makeImage(60, 40, 3, data), 64, seededRandom(42, 1, 2));
  expect(`${fnvBytes(image.data)} ${fnvBytes(mask.data)}`).toBe("1789096140 783448802");
});
