import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { metricsCsv, scoresCsv } from "../../src/report/index.ts";

/** An RFC 4180 reader, to read back what was written. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    row.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"'));
    if (end === "\n") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

describe("the metrics table", () => {
  test("has the reference's form: a first column without a title, percent with two decimals, no average", () => {
    const rows = [
      { name: "carpet", metrics: { mAUROC_sp_max: 0.99876, mAUPRO_px: 0.5 } },
      { name: "grid", metrics: { mAUROC_sp_max: 1, mAUPRO_px: 0.98125 } },
    ];
    expect(metricsCsv(rows)).toBe(
      ",mAUROC_sp_max,mAUPRO_px\ncarpet,99.88,50.00\ngrid,100.00,98.12\n",
    );
    expect(metricsCsv(rows, ["mAUPRO_px"])).toBe(",mAUPRO_px\ncarpet,50.00\ngrid,98.12\n");
  });

  test("leaves a missing metric empty and puts b before a name of digits", () => {
    const rows = [
      { name: "01", metrics: { a: 0.1 } },
      { name: "x1", metrics: { b: Number.NaN } },
    ];
    expect(metricsCsv(rows)).toBe(",a,b\nb01,10.00,\nx1,,\n");
    expect(metricsCsv([])).toBe("\n");
  });

  test("gives a spreadsheet no formula", () => {
    expect(metricsCsv([{ name: "=1+1", metrics: { a: -0.5 } }])).toBe(",a\n'=1+1,-50.00\n");
  });
});

describe("the scores table", () => {
  test("has path, label, score with all its digits, and verdict", () => {
    const rows = [
      { path: "good/1.png", label: 0, score: 0.1 + 0.2 },
      { path: "bad/1.png", label: 1, score: 0.5 },
      { path: "new.png", score: 1e-9, verdict: "defective" as const },
    ];
    expect(scoresCsv(rows, 0.5)).toBe(
      "path,label,score,verdict\n" +
        "good/1.png,good,0.30000000000000004,good\n" +
        "bad/1.png,defective,0.5,defective\n" +
        "new.png,,1e-9,defective\n",
    );
    expect(scoresCsv(rows.slice(0, 1))).toBe(
      "path,label,score,verdict\ngood/1.png,good,0.30000000000000004,\n",
    );
  });

  test("quotes commas, quotes, line breaks and outer spaces", () => {
    const paths = ["a,b.png", 'a"b.png', "a\nb.png", "a\rb.png", " a.png"];
    const text = scoresCsv(paths.map((path) => ({ path, score: 1 })));
    expect(text).toBe(
      'path,label,score,verdict\n"a,b.png",,1,\n"a""b.png",,1,\n"a\nb.png",,1,\n"a\rb.png",,1,\n" a.png",,1,\n',
    );
  });

  test("puts ./ before a path that a spreadsheet would run, and leaves negative scores alone", () => {
    const paths = ["=cmd|' /C calc'!A0", "+1", "-1.png", "@x", "\ta", "＝1"];
    const read = readCsv(scoresCsv(paths.map((path) => ({ path, score: -1 }))));
    expect(read.slice(1).map(([path]) => path)).toEqual(paths.map((path) => `./${path}`));
    expect(read.slice(1).map((row) => row[2])).toEqual(paths.map(() => "-1"));
  });

  test("reads back to the same paths and scores, whatever they are", () => {
    const path = fc.string({ unit: fc.constantFrom(..."ab,\"\n\r' ;/é瓶") });
    const row = fc.record({ path, score: fc.double({ noNaN: true }) });
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const read = readCsv(scoresCsv(rows)).slice(1);
        // A path that begins with a line break gets ./ in front.
        expect(read.map((r) => r[0]!.replace(/^\.\/(?=[\r\n])/, ""))).toEqual(
          rows.map((r) => r.path),
        );
        expect(read.map((r) => (Number(r[2]) === 0 ? 0 : Number(r[2])))).toEqual(
          rows.map((r) => (r.score === 0 ? 0 : r.score)),
        );
      }),
    );
  });
});
