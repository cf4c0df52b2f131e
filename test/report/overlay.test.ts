import { describe, expect, test } from "vitest";
import { decodeImage, encodePng, makeImage } from "../../src/data/index.ts";
import {
  colourScale,
  contourStroke,
  drawOverlay,
  drawPanels,
  drawTruth,
  gridOf,
  type Sample,
} from "../../src/report/index.ts";
import { differences, disc, gridFrom, part, pixel, plain } from "./pictures.ts";

const scale = colourScale({ low: 0, threshold: 0.5, high: 1 });
const photo = plain(64, 64, [70, 80, 90]);
const sample: Sample = {
  photo,
  map: disc(64, 40, 24, 12, true),
  mask: disc(64, 20, 44, 9),
  name: "broken/000.png",
  score: 0.8,
  label: 1,
};
const options = { scale, threshold: 0.6, panel: 64 };

describe("a row", () => {
  test("holds photo, heat, prediction and truth in this order with white gaps of four pixels", () => {
    const row = drawOverlay(sample, options);
    const panels = drawPanels(sample, scale, 64);
    expect([row.width, row.height]).toEqual([4 * 64 + 3 * 4, 64 + 30]);
    const order = [panels.photo, panels.heat, panels.prediction, panels.truth];
    order.forEach((panel, i) => {
      expect(part(row, i * 68, 0, 64, 64)).toEqual(panel);
    });
    for (const left of [64, 132, 200]) {
      expect(part(row, left, 0, 4, 64).data.every((v) => v === 255)).toBe(true);
    }
  });

  test("has three panels without a mask, and no caption without a score", () => {
    const { mask: _, score: __, ...rest } = sample;
    const row = drawOverlay(rest, options);
    expect([row.width, row.height]).toEqual([3 * 64 + 2 * 4, 64]);
  });

  test("is the same bytes every time, and a PNG that reads back", async () => {
    const first = encodePng(drawOverlay(sample, options));
    expect(encodePng(drawOverlay(sample, options))).toEqual(first);
    expect(await decodeImage(first)).toEqual(drawOverlay(sample, options));
  });

  test("keeps the photo's shape, at 256 pixels unless told otherwise", () => {
    const wide = { ...sample, photo: plain(300, 100) };
    expect(drawOverlay(wide, { scale })).toMatchObject({ width: 4 * 256 + 12, height: 85 + 30 });
    const thin = { ...sample, photo: plain(2000, 1) };
    expect(drawOverlay(thin, { scale })).toMatchObject({ width: 4 * 256 + 12, height: 1 + 30 });
  });

  test("can be drawn from the smallest of everything, and from grey", () => {
    const tiny: Sample = {
      photo: makeImage(1, 1, 1, Uint8Array.of(9)),
      map: { width: 1, height: 1, data: [0.7] },
      mask: { width: 1, height: 1, data: [1] },
      score: 0.7,
      name: "a name that is far too long for four pixels",
    };
    expect(drawOverlay(tiny, { ...options, panel: 1 })).toMatchObject({ width: 16, height: 31 });
    const grey = { ...sample, photo: makeImage(64, 64, 1, new Uint8Array(4096).fill(80)) };
    const rgb = { ...sample, photo: plain(64, 64, [80, 80, 80]) };
    expect(drawOverlay(grey, options)).toEqual(drawOverlay(rgb, options));
  });

  test("of a calm good image with an empty mask shows the photo four times", () => {
    const calm: Sample = { photo, map: gridFrom(8, 8, () => -1), mask: gridFrom(8, 8, () => 0) };
    const row = drawOverlay(calm, options);
    for (const i of [0, 1, 2, 3]) expect(part(row, i * 68, 0, 64, 64)).toEqual(photo);
  });

  test("works when the threshold lies outside the map and when all values are equal", () => {
    const flat = { ...sample, map: gridFrom(16, 16, () => 0.4) };
    for (const threshold of [-5, 0.4, 5]) {
      const own = colourScale({ low: 0.4, threshold, high: 0.4 });
      const { prediction } = drawPanels(flat, own, 64);
      const touched = differences(prediction, photo);
      // At or above the threshold everywhere: the frame; below: nothing.
      const frame = Math.fround(0.4) >= threshold;
      expect(touched.length > 0).toBe(frame);
      expect(touched.every(([x, y]) => Math.min(x, y, 63 - x, 63 - y) < 5)).toBe(true);
    }
  });

  test("refuses a panel size that makes no sense", () => {
    for (const panel of [0, 1.5, 5000, Number.NaN]) {
      expect(() => drawOverlay(sample, { scale, panel })).toThrow(
        `drawPanels: the size must be 1 to 4096 pixels, got ${panel}`,
      );
    }
  });
});

describe("the caption", () => {
  const captionOf = (given: Partial<Sample>, threshold?: number) => {
    const look = { scale, panel: 128, ...(threshold === undefined ? {} : { threshold }) };
    const row = drawOverlay({ ...sample, ...given }, look);
    return part(row, 0, 128, row.width, 29);
  };
  const has = (image: ReturnType<typeof plain>, colour: readonly number[]) => {
    for (let y = 0; y < image.height; y++) {
      for (let x = 0; x < image.width; x++) {
        if (pixel(image, x, y).join() === colour.join()) return true;
      }
    }
    return false;
  };
  const red = [200, 44, 66];
  const green = [30, 142, 92];
  const amber = [196, 120, 0];

  test("is red for a defective verdict from the threshold on, green below it", () => {
    expect(has(captionOf({ score: 0.6, label: 1 }, 0.6), red)).toBe(true);
    expect(has(captionOf({ score: 0.59, label: 0 }, 0.6), green)).toBe(true);
  });

  test("is amber where the label says otherwise", () => {
    expect(has(captionOf({ score: 0.7, label: 0 }, 0.6), amber)).toBe(true);
    expect(has(captionOf({ score: 0.5, label: 1 }, 0.6), amber)).toBe(true);
    expect(has(captionOf({ score: 0.5, label: 1 }, 0.6), green)).toBe(false);
  });

  test("gives no verdict without a threshold", () => {
    const image = captionOf({ score: 0.7 });
    expect([red, green, amber].map((colour) => has(image, colour))).toEqual([false, false, false]);
    expect(image.data.some((v) => v < 100)).toBe(true);
  });
});

describe("the ground truth", () => {
  test("is tinted and outlined exactly where the mask is, on a photo of another size", () => {
    const big = plain(128, 128, [70, 80, 90]);
    const square = gridFrom(64, 64, (x, y) => (x >= 10 && x < 30 && y >= 40 && y < 50 ? 1 : 0));
    const out = drawTruth(big, square);
    const { colour } = contourStroke.truth;
    const tinted = [70, 80, 90].map((v, c) => Math.round(v + (colour[c]! - v) * 0.28));
    expect(pixel(out, 40, 90)).toEqual(tinted);
    const found = differences(out, big);
    const [xs, ys] = [found.map(([x]) => x), found.map(([, y]) => y)];
    // The outline and its halo reach 3.1 pixels beyond the square [20, 60) x [80, 100).
    const reach = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const edges = [20, 59, 80, 99];
    reach.forEach((v, i) => {
      const out = i % 2 ? v - edges[i]! : edges[i]! - v;
      expect(out).toBeGreaterThanOrEqual(2);
      expect(out).toBeLessThanOrEqual(4);
    });
  });

  test("of a single pixel shows", () => {
    const dot = gridFrom(64, 64, (x, y) => (x === 5 && y === 7 ? 1 : 0));
    expect(differences(drawTruth(photo, dot), photo).length).toBeGreaterThan(4);
  });

  test("takes a mask image through gridOf and refuses its raw bytes", () => {
    const mask = makeImage(
      64,
      64,
      1,
      Uint8Array.from(disc(64, 20, 44, 9).data as Float32Array, (v) => v * 255),
    );
    expect(drawTruth(photo, gridOf(mask))).toEqual(drawTruth(photo, disc(64, 20, 44, 9)));
    expect(() => drawTruth(photo, mask)).toThrow(
      "drawTruth: mask values must be 0 to 1, got 255; use gridOf",
    );
  });
});
