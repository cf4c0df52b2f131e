import { describe, expect, test } from "vitest";
import { encodePng } from "../../src/data/index.ts";
import {
  colourScale,
  heatOverlay,
  type RunsSection,
  runsSheet,
  type SheetCells,
} from "../../src/report/index.ts";
import { disc, gridFrom, part, pixel, plain } from "./pictures.ts";

const photo = plain(48, 48, [40, 80, 120]);
const map = gridFrom(12, 12, (x) => x / 12);
const narrow = colourScale({ low: 0, threshold: 0.2, high: 0.4 });
const wide = colourScale({ low: 0, threshold: 0.5, high: 1 });
const section: RunsSection = {
  title: "nut",
  runs: [
    { name: "one", scale: narrow, threshold: 0.5 },
    { name: "two", scale: wide },
  ],
  columns: [
    { name: "000", kind: "crack", label: 1 },
    { name: "001", kind: "good", label: 0 },
  ],
};
const result = { map, score: 0.7 };
const cells: SheetCells = { photo, mask: disc(48, 24, 24, 9), results: [result, result] };
const left = 20 + 190;
/** Rows of the pictures: photo, truth, then each run with a score below it. */
const row = (r: number, panel = 48) =>
  46 + 36 + (r < 2 ? r * (panel + 4) : 2 * (panel + 4) + (r - 2) * (panel + 22));

describe("a sheet of several runs", () => {
  test("has photo, truth and a heat map per run in each column, every run under its own scale", () => {
    const sheet = runsSheet([section], { panel: 48 });
    sheet.draw(0, 0, cells);
    expect(sheet.image.width).toBe(left + 2 * 52 - 4 + 20);
    expect(sheet.image.height).toBe(row(4) + 14);
    expect(part(sheet.image, left, row(0), 48, 48)).toEqual(photo);
    expect(pixel(sheet.image, left + 24, row(1) + 24)).not.toEqual([40, 80, 120]);
    expect(pixel(sheet.image, left + 2, row(1) + 2)).toEqual([40, 80, 120]);
    expect(part(sheet.image, left, row(2), 48, 48)).toEqual(heatOverlay(photo, map, narrow));
    expect(part(sheet.image, left, row(3), 48, 48)).toEqual(heatOverlay(photo, map, wide));
    expect(pixel(sheet.image, left + 53, row(0) + 5)).toEqual([255, 255, 255]);
  });

  test("is drawn column by column in any order, and goes on below", () => {
    const both = runsSheet([section], { panel: 48 });
    both.draw(0, 1, { ...cells, photo: plain(48, 48, [9, 9, 9]) });
    expect(part(both.image, left + 52, row(0), 48, 48)).toEqual(plain(48, 48, [9, 9, 9]));
    const bands = runsSheet([section, section], { panel: 48, columns: 1 });
    const band = row(4) + 14 - 46;
    expect(bands.image.height).toBe(2 * (46 + 2 * band));
    bands.draw(1, 1, cells);
    const top = 46 + 2 * band + band;
    expect(part(bands.image, left, top + row(0), 48, 48)).toEqual(photo);
  });

  test("a run without a map of an image has a light cell, and a good image no truth", () => {
    const sheet = runsSheet([section], { panel: 48 });
    sheet.draw(0, 1, { photo, results: [undefined, result] });
    expect(pixel(sheet.image, left + 54, row(1) + 2)).toEqual([243, 243, 245]);
    expect(pixel(sheet.image, left + 54, row(2) + 2)).toEqual([243, 243, 245]);
    expect(part(sheet.image, left + 52, row(3), 48, 48)).toEqual(heatOverlay(photo, map, wide));
  });

  test("names from outside stay in their place, however long and strange", () => {
    const strange = `\u0000\n<script>${"ä\u202e💥".repeat(400)}`;
    const hostile = {
      title: strange,
      detail: strange,
      runs: section.runs.map((run) => ({ ...run, name: strange, detail: strange })),
      columns: section.columns.map((column) => ({ ...column, name: strange, kind: strange })),
    };
    const sheet = runsSheet([hostile], { panel: 48 });
    sheet.draw(0, 0, cells);
    expect(part(sheet.image, left, row(2), 48, 48)).toEqual(heatOverlay(photo, map, narrow));
    const right = sheet.image.width - 19;
    expect(part(sheet.image, right, 0, 19, 40)).toEqual(plain(19, 40, [255, 255, 255]));
    expect(encodePng(sheet.image).length).toBeGreaterThan(100);
  });

  test("says what it can't do, before it takes memory", () => {
    expect(() => runsSheet([])).toThrow(
      "runsSheet: needs at least one image and one run, got none",
    );
    expect(() => runsSheet([{ ...section, runs: [] }])).toThrow("one run, got none");
    expect(() => runsSheet([section], { panel: 47 })).toThrow("48 to 1024 pixels large, got 47");
    expect(() => runsSheet([section], { columns: 0 })).toThrow("columns must be 1 to 100, got 0");
    const columns = Array.from({ length: 3000 }, () => section.columns[0]!);
    expect(() => runsSheet([{ ...section, columns }], { panel: 120 })).toThrow(
      /3000 images would make a picture of 1714 × \d+ pixels, at most 60 million are drawn; take fewer images or runs/,
    );
  });
});
