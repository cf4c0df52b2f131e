/** Regions against scikit-image's labels, stored, and against flood fill. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { labelRegions } from "../../src/metrics/components.ts";
import { holesOf } from "../../src/metrics/holes.ts";
import { connectedComponents } from "../../src/metrics/index.ts";
import { readPixels } from "../../src/metrics/pixels.ts";
import scikit from "../fixtures/metrics/scikit.json" with { type: "json" };
import { bit } from "./arbitrary.ts";
import { labelsByFlood } from "./brute.ts";

test("labels equal scikit-image's for both connectivities", () => {
  for (const { mask, height, width, four, eight } of scikit.labelled) {
    expect([...connectedComponents(Uint8Array.from(mask), height, width, 4).labels]).toEqual(four);
    const byDefault = connectedComponents(Uint8Array.from(mask), height, width);
    expect([...byDefault.labels]).toEqual(eight);
    expect(byDefault.count).toBe(Math.max(...eight));
  }
});

test("holes are those scikit-image fills: not those open at a corner, and through nested regions", () => {
  for (const { mask, height, width, holes } of scikit.labelled) {
    // The same mask a second time checks that pixels and regions are numbered over all images.
    const masks = Uint8Array.from([...mask, ...mask]);
    const pixels = readPixels("test", {
      maps: new Float32Array(masks.length),
      masks,
      height,
      width,
    });
    const regions = labelRegions(pixels);
    const again = holes.map(([pixel, region]) => [
      pixel! + mask.length,
      region! + regions.count / 2,
    ]);
    const found = holesOf(pixels, regions).map(({ pixel, region }) => [pixel, region]);
    expect(found.sort((a, b) => a[0]! - b[0]!)).toEqual([...holes, ...again]);
  }
  expect(scikit.labelled.flatMap((c) => c.holes)).toHaveLength(25);
});

test("labels equal flood fill on random masks, single rows and columns included", () => {
  const size = fc.integer({ min: 1, max: 9 });
  const masks = fc.tuple(size, size).chain(([height, width]) => {
    const mask = fc.array(bit, { minLength: height * width, maxLength: height * width });
    return fc.record({ height: fc.constant(height), width: fc.constant(width), mask });
  });
  fc.assert(
    fc.property(masks, fc.constantFrom<4 | 8>(4, 8), ({ height, width, mask }, connectivity) => {
      const { labels, count } = connectedComponents(
        Uint8Array.from(mask),
        height,
        width,
        connectivity,
      );
      const wanted = labelsByFlood(mask, width, connectivity);
      expect([...labels]).toEqual(wanted);
      expect(count).toBe(Math.max(...wanted));
    }),
    { numRuns: 500 },
  );
});

test("a chequerboard has the most regions a mask can have", () => {
  const mask = Uint8Array.from({ length: 15 }, (_, i) => (i % 2 === 0 ? 255 : 0));
  expect(connectedComponents(mask, 3, 5, 4).count).toBe(8);
  expect(connectedComponents(mask, 3, 5, 8).count).toBe(1);
});

test("a spiral, which joins its arms late, is one region", () => {
  const rows = ["#######", "#.....#", "#.###.#", "#.#.#.#", "#.#...#", "#.#####", "#......"];
  const mask = Uint8Array.from(rows.join(""), (c) => (c === "#" ? 1 : 0));
  expect(connectedComponents(mask, 7, 7, 4).count).toBe(1);
});

test("a wrong size or connectivity is refused in words", () => {
  expect(() => connectedComponents(new Uint8Array(5), 2, 3)).toThrow(
    "connectedComponents: mask must hold 2 x 3 = 6 values, got 5",
  );
  expect(() => connectedComponents(new Uint8Array(6), 2, 3, 6 as 8)).toThrow(
    "connectedComponents: connectivity must be 4 or 8, got 6",
  );
});
