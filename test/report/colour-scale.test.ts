import { interpolateInferno } from "d3-scale-chromatic";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ColourScale,
  colourAt,
  colourScale,
  fitColourScale,
  scalePosition,
} from "../../src/report/index.ts";

const scale = colourScale({ low: 1, threshold: 3, high: 11 });

function inferno(position: number): number[] {
  const hex = interpolateInferno(position);
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

describe("colours", () => {
  test("are fixed at low, threshold and high", () => {
    expect(colourAt(scale, 1)).toEqual([57, 9, 99, 0]);
    expect(colourAt(scale, 3)).toEqual([198, 61, 77, 0.58]);
    expect(colourAt(scale, 11)).toEqual([248, 205, 55, 0.78]);
    expect(colourAt(scale, 11).slice(0, 3)).toEqual(inferno(0.88));
    expect(colourAt(scale, 3).slice(0, 3)).toEqual(inferno(0.53));
  });

  test("beyond the ends are those of the ends", () => {
    expect(colourAt(scale, -1e30)).toEqual(colourAt(scale, 1));
    expect(colourAt(scale, 1e30)).toEqual(colourAt(scale, 11));
  });

  test("the position runs straight between low, threshold and high", () => {
    expect([1, 2, 3, 7, 11].map((v) => scalePosition(scale, v))).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });

  test("opacity grows with the value and never hides the photo", () => {
    const values = Array.from({ length: 200 }, (_, i) => colourAt(scale, 1 + i / 20)[3]);
    expect(values.every((a, i) => i === 0 || a >= values[i - 1]!)).toBe(true);
    expect(Math.max(...values)).toBeLessThan(0.8);
  });
});

describe("a scale", () => {
  test("survives JSON unchanged", () => {
    const again = colourScale(JSON.parse(JSON.stringify(scale)) as ColourScale);
    expect(again).toEqual(scale);
    expect(colourAt(again, 4.2)).toEqual(colourAt(scale, 4.2));
  });

  test.each([
    [
      { low: 2, threshold: 2, high: 2 },
      { low: 0, threshold: 2, high: 4 },
    ],
    [
      { low: 0, threshold: 0, high: 0 },
      { low: -1, threshold: 0, high: 1 },
    ],
    [
      { low: 0, threshold: 5, high: 3 },
      { low: 0, threshold: 5, high: 10 },
    ],
    [
      { low: 4, threshold: 1, high: 6 },
      { low: -4, threshold: 1, high: 6 },
    ],
    [
      { low: 4, threshold: -3, high: -5 },
      { low: -6, threshold: -3, high: 0 },
    ],
  ])("with %o has its threshold in the middle all the same", (given, made) => {
    expect(colourScale(given)).toEqual(made);
    expect(scalePosition(colourScale(given), given.threshold)).toBe(0.5);
  });

  test("refuses what is not a finite number", () => {
    expect(() => colourScale({ low: 0, threshold: Number.NaN, high: 1 })).toThrow(
      "colourScale: all values must be finite numbers, got low 0, threshold NaN, high 1",
    );
    expect(() => colourScale({ low: "0", threshold: 1, high: 2 } as never)).toThrow("got low 0");
  });

  test("never falls as values rise, whatever it is made from", () => {
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(float, float, float, float, float, (low, threshold, high, a, b) => {
        const made = colourScale({ low, threshold, high });
        const [pa, pb] = [Math.min(a, b), Math.max(a, b)].map((v) => scalePosition(made, v));
        expect(pa).toBeLessThanOrEqual(pb!);
        expect(pa).toBeGreaterThanOrEqual(0);
        expect(pb).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("the scale of a run", () => {
  const ramp = Float32Array.from({ length: 1000 }, (_, i) => i);

  test("begins at the median of the good images and ends where one pixel in a thousand lies above", () => {
    const hot = Float32Array.from(ramp, (v) => v + 10_000);
    const made = fitColourScale(
      [
        { label: 0, map: ramp },
        { label: 1, map: hot },
      ],
      2000,
    );
    expect(made).toEqual({ low: 500, threshold: 2000, high: 10_998 });
  });

  test("works without good images, with one pixel, and with a threshold nothing reaches", () => {
    expect(fitColourScale([{ label: 1, map: ramp }], 600).low).toBe(500);
    expect(fitColourScale([{ label: 0, map: [7] }], 9)).toEqual({ low: 7, threshold: 9, high: 11 });
  });

  test("does not depend on how pixels are divided among images, even where it thins them", () => {
    const many = Float32Array.from({ length: 2_500_001 }, (_, i) => (i * 7919) % 10_007);
    const whole = fitColourScale([{ label: 0, map: many }], 9000);
    const cut = [0, 999_983, 1_700_001, many.length];
    const pieces = [0, 1, 2].map((i) => ({ label: 0, map: many.subarray(cut[i], cut[i + 1]) }));
    expect(fitColourScale(pieces, 9000)).toEqual(whole);
    expect(Math.abs(whole.low - 5003)).toBeLessThan(30);
  });

  test("needs a map, and finite ones", () => {
    expect(() => fitColourScale([], 1)).toThrow("fitColourScale: needs at least one map, got none");
    expect(() => fitColourScale([{ label: 0, map: [1, Number.NaN] }], 1)).toThrow("not finite");
  });
});
