import { describe, expect, test } from "vitest";
import {
  averageRow,
  type Column,
  displayWidth,
  formatTable,
  markdownTable,
  printable,
} from "../../src/report/index.ts";

const columns: Column[] = [
  { key: "class", title: "" },
  { key: "auroc", title: "image AUROC", format: "percent" },
  { key: "loss", format: "fixed", digits: 4 },
  { key: "epochs" },
];
const rows = [
  { class: "bottle", auroc: 0.99921, loss: 0.1, epochs: 100 },
  { class: "metal_nut", auroc: 1, loss: 12.34567, epochs: 5 },
  { class: "tile", auroc: Number.NaN, loss: undefined, epochs: 0 },
];

describe("a table for the terminal", () => {
  test("aligns numbers to the right and text to the left, with fixed decimals", () => {
    expect(formatTable(rows, columns)).toBe(
      [
        "           image AUROC     loss  epochs",
        "───────────────────────────────────────",
        "bottle           99.92   0.1000     100",
        "metal_nut       100.00  12.3457       5",
        "tile                --       --       0",
      ].join("\n"),
    );
  });

  test("without rows is its head", () => {
    expect(formatTable([], [{ key: "class" }, { key: "x", format: "fixed" }])).toBe(
      "class    x\n──────────",
    );
  });

  test("aligns names in any script", () => {
    const names = ["瓶子", "Flasche", "Dichtungsring-Größe", "e\u0301tain", "🔩", "กระเบื้อง"];
    const lines = formatTable(
      names.map((name) => ({ name, n: 1 })),
      [{ key: "name" }, { key: "n" }],
    ).split("\n");
    expect(new Set(lines.map(displayWidth)).size).toBe(1);
    expect(["瓶子", "e\u0301", "🔩", "ab", ""].map(displayWidth)).toEqual([4, 1, 2, 2, 0]);
  });

  test("sends no control character of a file name to the terminal", () => {
    const text = formatTable([{ path: "a\x1b[31m\nb\u202e\x9b\t" }], [{ key: "path" }]);
    expect(text.split("\n")[2]).toBe("a\\u001b[31m\\nb\\u202e\\u009b\\t");
    expect(printable("plain – ü 瓶")).toBe("plain – ü 瓶");
  });

  test("keeps a text in a column of numbers", () => {
    const text = formatTable([{ x: "97.1 ± 0.2" }, { x: 0.5 }], [{ key: "x", format: "percent" }]);
    expect(text.split("\n").slice(2)).toEqual(["97.1 ± 0.2", "     50.00"]);
  });
});

describe("a table in Markdown", () => {
  test("says the alignment and lines up in the source", () => {
    expect(markdownTable(rows.slice(0, 1), columns)).toBe(
      [
        "|        | image AUROC |   loss | epochs |",
        "| ------ | ----------: | -----: | -----: |",
        "| bottle |       99.92 | 0.1000 |    100 |",
      ].join("\n"),
    );
  });

  test("shows names as they are, whatever is in them", () => {
    const text = markdownTable([{ a: "x|y\n<b>*&" }], [{ key: "a" }]);
    expect(text.split("\n")[2]).toBe("| x\\|y\\\\n&lt;b>\\*&amp; |");
    expect(text.split("\n")).toHaveLength(3);
  });
});

describe("the average row", () => {
  test("is the mean of the numbers", () => {
    const row = averageRow(rows.slice(0, 2), ["auroc", "loss"]);
    expect(row.class).toBe("average");
    expect(row.auroc).toBeCloseTo(0.999605, 12);
    expect(row.loss).toBeCloseTo(6.222835, 12);
  });

  test("leaves incomplete rows out and says so", () => {
    const row = averageRow(rows, ["auroc"], "name");
    expect(row.name).toBe("average (2/3)");
    expect(row.auroc).toBeCloseTo(0.999605, 12);
    expect(averageRow(rows.slice(2), ["auroc"])).toEqual({
      class: "average (0/1)",
      auroc: Number.NaN,
    });
  });
});
