import { describe, expect, test } from "vitest";
import { makeImage, resize } from "../../src/data/index.ts";
import { colourAt, colourScale, gridOf, heatOverlay, resizeGrid } from "../../src/report/index.ts";
import { gridFrom, pixel, plain } from "./pictures.ts";

const scale = colourScale({ low: 0, threshold: 1, high: 2 });
const photo = plain(8, 6, [100, 150, 200]);
const tinted = (value: number, under: readonly number[]): number[] => {
  const colour = colourAt(scale, value);
  return under.map((u, c) => Math.round(u + (colour[c]! - u) * colour[3]));
};

describe("the heat map over the photo", () => {
  test("has exactly the scale's colours over the photo's", () => {
    const out = heatOverlay(
      photo,
      gridFrom(8, 6, (x) => x / 2 - 1),
      scale,
    );
    for (let x = 0; x < 8; x++)
      expect(pixel(out, x, 3)).toEqual(tinted(x / 2 - 1, [100, 150, 200]));
    expect(pixel(out, 4, 0)).toEqual([157, 98, 129]);
  });

  test("leaves a photo whose values are all low as it is, and does not touch its input", () => {
    const before = photo.data.slice();
    const calm = heatOverlay(
      photo,
      gridFrom(8, 6, () => -3),
      scale,
    );
    expect(calm).toEqual(photo);
    expect(calm.data).not.toBe(photo.data);
    heatOverlay(
      photo,
      gridFrom(8, 6, () => 5),
      scale,
    );
    expect(photo.data).toEqual(before);
  });

  test("gives a value the same colour whatever the rest of the map holds", () => {
    const alone = heatOverlay(
      photo,
      gridFrom(8, 6, () => 1.3),
      scale,
    );
    const among = heatOverlay(
      photo,
      gridFrom(8, 6, (x) => (x < 4 ? 1.3 : 900)),
      scale,
    );
    expect(pixel(among, 0, 0)).toEqual(pixel(alone, 0, 0));
  });

  test("takes a grey photo, a 1x1 map and a 1x1 photo", () => {
    const grey = makeImage(5, 3, 1, new Uint8Array(15).fill(60));
    const out = heatOverlay(grey, { width: 1, height: 1, data: [2] }, scale);
    for (let x = 0; x < 5; x++) expect(pixel(out, x, 2)).toEqual(tinted(2, [60, 60, 60]));
    const dot = heatOverlay(
      plain(1, 1, [0, 0, 0]),
      gridFrom(4, 4, () => 1),
      scale,
    );
    expect(pixel(dot, 0, 0)).toEqual(tinted(1, [0, 0, 0]));
  });

  test("interpolates a smaller map", () => {
    const out = heatOverlay(plain(4, 1, [0, 0, 0]), { width: 2, height: 1, data: [0, 2] }, scale);
    const expected = [0, 0.5, 1.5, 2].map((v) => tinted(v, [0, 0, 0]));
    expect([0, 1, 2, 3].map((x) => pixel(out, x, 0))).toEqual(expected);
  });

  test("refuses a map that is not finite or not full", () => {
    const bad = gridFrom(3, 2, (x, y) => (x === 1 && y === 1 ? Number.NaN : 0));
    expect(() => heatOverlay(photo, bad, scale)).toThrow(
      "heatOverlay: the map must be finite, got NaN at row 1, column 1",
    );
    expect(() => heatOverlay(photo, { width: 3, height: 2, data: [1] }, scale)).toThrow(
      "heatOverlay: 1 values do not fill a map [2, 3]",
    );
    expect(() => heatOverlay(photo, { width: 0, height: 0, data: [] }, scale)).toThrow("[0, 0]");
  });
});

describe("resizing a map for drawing", () => {
  test.each([
    [7, 5, 16, 9],
    [16, 9, 7, 5],
    [13, 4, 3, 11],
    [1, 6, 5, 2],
  ])("agrees with Pillow's bilinear from %ix%i to %ix%i", (w, h, width, height) => {
    const data = Uint8Array.from({ length: w * h }, (_, i) => (i * 97 + ((i * i) % 53)) % 256);
    const image = resize(makeImage(w, h, 1, data), { width, height }, "bilinear");
    const grid = resizeGrid({ width: w, height: h, data }, { width, height });
    // Pillow rounds after each axis.
    image.data.forEach((v, i) => {
      expect(Math.abs(grid.data[i]! - v)).toBeLessThanOrEqual(1);
    });
  });

  test("keeps a constant map constant and returns one of the right size itself", () => {
    const grid = gridFrom(5, 4, () => 0.25);
    expect(resizeGrid(grid, { width: 5, height: 4 })).toBe(grid);
    const { data } = resizeGrid(grid, { width: 11, height: 2 });
    for (const v of Array.from(data)) expect(v).toBeCloseTo(0.25, 14);
  });

  test("a mask image becomes a grid of 0 to 1", () => {
    const { data } = gridOf(makeImage(3, 1, 1, Uint8Array.of(0, 51, 255)));
    expect(Array.from(data)).toEqual([0, Math.fround(0.2), 1]);
  });
});
