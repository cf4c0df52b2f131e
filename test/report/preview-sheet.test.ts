import { describe, expect, test } from "vitest";
import { makeImage } from "../../src/data/index.ts";
import { previewSheet } from "../../src/report/index.ts";
import { part, pixel, plain } from "./pictures.ts";

const columns = [{ title: "s = 0" }, { title: "s = 1", detail: "freq 1" }];
const photo = plain(150, 150, [10, 60, 110]);
const left = (i: number) => 20 + 118 + i * 156;
const top = (r: number) => 58 + 32 + r * (150 + 30);

/** A mask with a square of ones in the middle. */
function square(side: number) {
  const mask = makeImage(side, side, 1);
  for (let y = side / 3; y < (2 * side) / 3; y++) {
    mask.data.fill(255, y * side + side / 3, y * side + (2 * side) / 3);
  }
  return mask;
}

describe("a preview sheet", () => {
  test("has its images where rows and columns meet, pixel by pixel", () => {
    const other = plain(150, 150, [200, 10, 10]);
    const rows = [
      { title: "freq", cells: [{ image: photo }, { image: other }] },
      { title: "amp", details: ["a", "b"], cells: [{ image: other, caption: "a = 12" }] },
    ];
    const sheet = previewSheet({ title: "All", subtitle: "of it", columns, rows });
    expect([sheet.width, sheet.height]).toEqual([2 * 20 + 118 + 2 * 156 - 6, top(2) + 10]);
    expect(part(sheet, left(0), top(0), 150, 150)).toEqual(photo);
    expect(part(sheet, left(1), top(0), 150, 150)).toEqual(other);
    expect(part(sheet, left(0), top(1), 150, 150)).toEqual(other);
    expect(pixel(sheet, left(1) + 5, top(1) + 5)).toEqual([255, 255, 255]);
  });

  test("outlines the mask and leaves the rest of the image alone", () => {
    const cells = [{ image: photo, mask: square(150) }];
    const sheet = previewSheet({ title: "t", columns, rows: [{ title: "r", cells }] });
    const shown = part(sheet, left(0), top(0), 150, 150);
    for (const [x, y] of [
      [75, 75],
      [20, 20],
      [130, 75],
    ] as const) {
      expect(pixel(shown, x, y)).toEqual([10, 60, 110]);
    }
    for (const at of [49, 100]) expect(pixel(shown, at, 75)).not.toEqual([10, 60, 110]);
  });

  test("enlarges small images by a whole number, and makes large ones smaller", () => {
    const small = makeImage(2, 1, 3, Uint8Array.of(9, 9, 9, 80, 80, 80));
    const sheet = previewSheet({
      title: "t",
      columns: [],
      rows: [{ title: "", cells: [{ image: small }] }],
    });
    expect(pixel(sheet, left(0) + 63, top(0) + 63)).toEqual([9, 9, 9]);
    expect(pixel(sheet, left(0) + 64, top(0) + 63)).toEqual([80, 80, 80]);
    expect(pixel(sheet, left(0) + 64, top(0) + 70)).toEqual([243, 243, 245]);
    const large = { image: plain(900, 450), mask: makeImage(900, 450, 1) };
    const wide = previewSheet({ title: "t", columns: [], rows: [{ title: "", cells: [large] }] });
    expect(wide.width).toBe(2 * 20 + 118 + 320);
  });

  test("says what it can't do", () => {
    expect(() => previewSheet({ title: "t", columns, rows: [] })).toThrow(
      "previewSheet: needs at least one image, got none",
    );
    const cells = Array.from({ length: 120 }, () => ({ image: photo }));
    expect(() => previewSheet({ title: "t", columns, rows: [{ title: "", cells }] })).toThrow(
      "previewSheet: 18872x280 pixels are more than 16384; show fewer rows or columns",
    );
  });
});
