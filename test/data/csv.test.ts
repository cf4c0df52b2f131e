import { expect, test } from "vitest";
import { parseCsv } from "../../src/data/csv.ts";

const cells = (text: string) => parseCsv(text).map((row) => row.cells);

test("cells are separated by commas, rows by LF or CRLF, and empty lines are left out", () => {
  expect(parseCsv("a,b\r\n\r\n,c\n\nd,")).toEqual([
    { line: 1, cells: ["a", "b"] },
    { line: 3, cells: ["", "c"] },
    { line: 5, cells: ["d", ""] },
  ]);
  expect([cells(""), cells("\n"), cells("x")]).toEqual([[], [], [["x"]]]);
});

test("quoted cells hold commas, quotes and lines, and lines are still counted", () => {
  expect(parseCsv('"a,""b""","c\nd"\ne,""\n"""",f')).toEqual([
    { line: 1, cells: ['a,"b"', "c\nd"] },
    { line: 3, cells: ["e", ""] },
    { line: 4, cells: ['"', "f"] },
  ]);
});

test("a quote that is never closed, or that stands within a cell, stops nothing", () => {
  expect(cells('a,"b\nc')).toEqual([["a", "b\nc"]]);
  expect(cells('a"b"c,d\n"a"b,c\nd')).toEqual([
    ['a"b"c', "d"],
    ["a", "", "c"], // what follows a closed quote is no CSV
    ["d"],
  ]);
});
