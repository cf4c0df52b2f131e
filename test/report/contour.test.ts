import { describe, expect, test } from "vitest";
import { contourLines, contourStroke, drawContour } from "../../src/report/index.ts";
import { differences, disc, gridFrom, pixel, plain } from "./pictures.ts";

const radiusOf = ([x, y]: readonly [number, number], cx: number, cy: number) =>
  Math.hypot(x - cx, y - cy);

describe("contour lines", () => {
  test("follow a circle to a hundredth of a pixel where the map is smooth", () => {
    const lines = contourLines(disc(64, 30.3, 33.7, 15, true), 0.5);
    expect(lines).toHaveLength(1);
    expect(lines[0]!.length).toBeGreaterThan(80);
    for (const p of lines[0]!) expect(Math.abs(radiusOf(p, 30.3, 33.7) - 15)).toBeLessThan(0.02);
  });

  test("stay within a pixel of a binary disc", () => {
    const [line, ...more] = contourLines(disc(64, 32, 32, 12), 0.5);
    expect(more).toEqual([]);
    for (const p of line!) expect(Math.abs(radiusOf(p, 32, 32) - 12)).toBeLessThan(1);
  });

  test("of a ring are two, the hole included", () => {
    const ring = gridFrom(40, 40, (x, y) =>
      Math.abs(Math.hypot(x - 20, y - 20) - 10) < 3 ? 1 : 0,
    );
    expect(contourLines(ring, 0.5)).toHaveLength(2);
  });

  test("count a value at the level as inside", () => {
    const dot = gridFrom(5, 5, (x, y) => (x === 2 && y === 2 ? 0.7 : 0));
    const [line] = contourLines(dot, dot.data[12]!);
    for (const point of line!) expect(point).toEqual([2.5, 2.5]);
    expect(contourLines(dot, 0.71)).toEqual([]);
  });

  test("of a map all above go around its edge, of a map all below are none, of 1x1 too", () => {
    const [edge] = contourLines(
      gridFrom(6, 4, () => 1),
      0.5,
    );
    expect(Math.max(...edge!.map(([x]) => x))).toBe(6);
    expect(Math.min(...edge!.map(([, y]) => y))).toBe(0);
    expect(
      contourLines(
        gridFrom(6, 4, () => 1),
        1.5,
      ),
    ).toEqual([]);
    expect(contourLines({ width: 1, height: 1, data: [3] }, 2)).toHaveLength(1);
    expect(contourLines({ width: 1, height: 1, data: [1] }, 2)).toEqual([]);
  });

  test("refuse a level or a map that is no number", () => {
    expect(() =>
      contourLines(
        gridFrom(2, 2, () => 0),
        Number.NaN,
      ),
    ).toThrow("the level is NaN");
    expect(() =>
      contourLines(
        gridFrom(2, 2, () => Number.NaN),
        1,
      ),
    ).toThrow("at row 0, column 0");
  });
});

describe("the drawn contour", () => {
  const stroke = contourStroke.prediction;

  test("has pixels of its colour within one pixel of the circle, all around, and none elsewhere", () => {
    const photo = plain(96, 96);
    const out = drawContour(photo, disc(96, 48, 48, 30), 0.5, stroke);
    const reach = stroke.width / 2 + (stroke.halo?.width ?? 0) + 1;
    const directions = new Set<number>();
    for (const [x, y] of differences(out, photo)) {
      const off = Math.abs(Math.hypot(x + 0.5 - 48, y + 0.5 - 48) - 30);
      expect(off).toBeLessThan(reach + 1);
      if (pixel(out, x, y).join() !== stroke.colour.join()) continue;
      expect(off).toBeLessThan(1.5);
      directions.add(Math.floor((Math.atan2(y + 0.5 - 48, x + 0.5 - 48) / Math.PI + 1) * 18));
    }
    expect(directions.size).toBe(36);
  });

  test.each([
    ["white", [255, 255, 255]],
    ["black", [0, 0, 0]],
    ["its own colour", stroke.colour],
  ] as const)("shows light and dark side by side on %s", (_, colour) => {
    const out = drawContour(plain(64, 64, colour), disc(64, 32, 32, 20), 0.5, stroke);
    const profile = Array.from({ length: 12 }, (_, i) =>
      pixel(out, 6 + i, 32).reduce((a, b) => a + b),
    );
    const light = Math.max(...profile);
    const dark = Math.min(...profile);
    expect(light - dark).toBeGreaterThan(200);
  });

  test("of a smaller map lies where the map says, in the photo's pixels", () => {
    const photo = plain(128, 64);
    const small = gridFrom(32, 16, (x) => (x < 16 ? 0 : 1));
    const out = drawContour(photo, small, 0.5, stroke);
    const brightest = Array.from({ length: 120 }, (_, x) => [pixel(out, x, 32)[0]!, x] as const);
    const best = brightest.reduce((a, b) => (b[0] > a[0] ? b : a))[1];
    expect(Math.abs(best + 0.5 - 64)).toBeLessThanOrEqual(1);
  });

  test("of a larger map shows a single hot pixel that shrinking would average away", () => {
    const photo = plain(32, 32);
    const spike = gridFrom(512, 512, (x, y) => (x === 256 && y === 256 ? 1 : 0));
    const out = drawContour(photo, spike, 0.5, stroke);
    expect(differences(out, photo).length).toBeGreaterThan(4);
  });

  test("along the edge of the photo is inside it", () => {
    const out = drawContour(
      plain(20, 20, [0, 0, 0]),
      gridFrom(20, 20, () => 1),
      0.5,
      stroke,
    );
    expect(pixel(out, 0, 10)[0]).toBeGreaterThan(150);
    expect(pixel(out, 19, 10)[0]).toBeGreaterThan(150);
    expect(pixel(out, 10, 10)).toEqual([0, 0, 0]);
    expect(
      drawContour(
        plain(1, 1),
        gridFrom(3, 3, () => 1),
        0.5,
        stroke,
      ).data,
    ).toHaveLength(3);
  });
});
