/** The formats of a comparison: everything is inside the picture, names from outside stay text, numbers are those of the model. */
import { describe, expect, test } from "vitest";
import { inkOn, viridis } from "../../../src/report/compare/colours.ts";
import type { Scene } from "../../../src/report/compare/scene.ts";
import { shortenedApart } from "../../../src/report/compare/scene.ts";
import {
  type Comparison,
  compareRuns,
  comparisonCsv,
  comparisonHtml,
  comparisonJson,
  comparisonMarkdown,
  comparisonText,
  curvesScene,
  sceneImage,
  sceneSvg,
  tablesScene,
} from "../../../src/report/index.ts";
import { textWidth } from "../../../src/report/text.ts";
import { lines, run } from "./runs.ts";

/** `rows` experiments on `columns` classes; one value each of three metrics. */
function grid(
  rows: number,
  columns: number,
  seeds = 1,
  name = (r: number) => `exp${r}`,
): Comparison {
  const runs = Array.from({ length: rows * columns * seeds }, (_, i) => {
    const [r, c, s] = [Math.floor(i / seeds) % rows, Math.floor(i / seeds / rows), i % seeds];
    const value = 0.5 + ((r * 7 + c * 3 + s) % 10) / 20;
    const first = { i_roc: value, p_roc: value, p_pro: value };
    return run({
      name: r === 0 ? `baseline${name(r)}` : name(r),
      class: `class${c}`,
      seed: s,
      values: [first, { ...first, i_roc: value / 2 }],
    });
  });
  return compareRuns(runs, { statistic: "final" });
}

/** Texts that stick out of the picture. */
function outside({ width, height, shapes }: Scene): string[] {
  return shapes.flatMap((shape) => {
    if (shape.kind !== "text") return [];
    const long = textWidth(shape.text, shape);
    const share = shape.anchor === "end" ? 1 : shape.anchor === "middle" ? 0.5 : 0;
    const left = shape.x - share * long;
    const fits =
      left >= 0 && left + long <= width && shape.y <= height && shape.y - shape.size >= 0;
    return fits ? [] : [shape.text];
  });
}

describe("pictures", () => {
  const long = (r: number) => `${"very-long-name-".repeat(12)}${r}`;
  test.each([
    ["1 row, 1 class", grid(1, 1)],
    ["1 row, 15 classes", grid(1, 15)],
    ["3 rows, 2 classes, 3 seeds", grid(3, 2, 3)],
    ["3 rows, 15 classes", grid(3, 15)],
    ["40 rows, 2 classes", grid(40, 2)],
    ["2 rows, 40 classes", grid(2, 40)],
    ["names of 180 letters", grid(4, 3, 1, long)],
  ])("everything is inside the picture: %s", (_, comparison) => {
    const tables = tablesScene(comparison);
    expect(outside(tables)).toEqual([]);
    expect(outside(curvesScene(comparison)!)).toEqual([]);
    const cells = tables.shapes.filter((s) => s.kind === "text" && /^[+−]?\d+\.\d\d$/.test(s.text));
    const { rows, columns, differences } = comparison;
    const changes = differences.length * (rows.length - 1);
    expect(cells.length).toBeGreaterThanOrEqual((3 * rows.length + changes) * (columns.length + 1));
  });

  test("the image has the scene's size twice and the cells' colours", () => {
    const comparison = grid(2, 1);
    const scene = tablesScene(comparison);
    const image = sceneImage(scene);
    expect([image.width, image.height]).toEqual([
      Math.ceil(scene.width * 2),
      Math.ceil(scene.height * 2),
    ]);
    const cell = scene.shapes.find((s) => s.kind === "rect" && s.width > 40)!;
    if (cell.kind !== "rect") throw new Error("no cell");
    const at = ((cell.y * 2 + 4) * image.width + cell.x * 2 + 4) * 3;
    expect([...image.data.slice(at, at + 3)]).toEqual([...cell.fill]);
    expect(cell.fill).toEqual(viridis(0));
  });

  test("a picture of too many cells is refused with another way out", () => {
    const scene = { width: 20_000, height: 10_000, shapes: [] };
    expect(() => sceneImage(scene)).toThrow(
      "compare: the picture would have 20000 × 10000 pixels; write .svg, .html, .md or .csv, or compare fewer runs",
    );
  });

  test("text stands out from every colour of the map by at least 4.4 to 1", () => {
    const luminance = (colour: readonly number[]) => {
      const [r, g, b] = colour.map((c) => {
        const v = c / 255;
        return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! + 0.05;
    };
    for (let i = 0; i <= 100; i++) {
      const back = viridis(i / 100);
      const [a, b] = [luminance(back), luminance(inkOn(back))];
      expect(Math.max(a, b) / Math.min(a, b)).toBeGreaterThan(4.4);
    }
  });

  test("names that differ in their middle only are still told apart when they are shortened", () => {
    const names = ["one", "two"].map((w) => `${"a".repeat(60)}${w}${"b".repeat(60)}`);
    const short = shortenedApart([...names, "short"], 120, 8);
    expect(new Set(short).size).toBe(3);
    for (const text of short) expect(textWidth(text, { size: 8 })).toBeLessThanOrEqual(120);
    expect(short[0]).toContain("one");
  });

  test("the best of a column is bold, of a loss none is", () => {
    const { tables } = grid(3, 2);
    const one = {
      ...grid(3, 2),
      tables: tables.filter(({ metric }) => metric.isLoss),
      differences: [],
    };
    const bold = tablesScene(one).shapes.filter(
      (s) => s.kind === "text" && s.bold && /\d\.\d/.test(s.text),
    );
    expect(bold).toEqual([]);
    const scored = { ...one, tables: tables.slice(0, 1) };
    const best = tablesScene(scored).shapes.filter(
      (s) => s.kind === "text" && s.bold && /\d\.\d/.test(s.text),
    );
    expect(best).toHaveLength(3);
  });
});

const evil = `</text><script>alert(1)</script> | "x" & 'y' <img src=x onerror=alert(1)> \u202e\u0007 \ud800`;
const hostile = compareRuns([
  run({ name: `baseline ${evil}`, class: evil, values: [0.5, 0.6] }),
  run({ name: "=cmd|' /C calc'!A1", class: evil, values: [0.5, 0.6] }),
]);

describe("names from outside", () => {
  test("are text in SVG and HTML, and nothing is loaded", () => {
    const svg = [tablesScene(hostile), curvesScene(hostile)!]
      .map((s) => sceneSvg(s, evil))
      .join("");
    const html = comparisonHtml(hostile);
    expect(html.match(/<script>/g)).toHaveLength(1);
    for (const text of [svg, html]) {
      expect(text).not.toMatch(/<script>alert|<img|onerror=alert\(1\)>/);
      expect(text).toContain("&lt;/text&gt;&lt;script&gt;");
      expect(text.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(
        /https?:|src=["']|@import|url\(/,
      );
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      expect(text).not.toMatch(/[\u0000-\u0008\u202e]|\p{Cs}/u);
    }
    expect(html).toContain("default-src 'none'");
  });

  test("are no formulas and no columns in CSV", () => {
    const csv = comparisonCsv(hostile);
    expect(csv).toContain(",'=cmd|' /C calc'!A1,");
    expect(csv.split("\n")[0]).toContain('""x""');
  });

  test("are text in Markdown", () => {
    const text = comparisonMarkdown(hostile);
    expect(text).not.toMatch(/<script>|<img/);
    const table = text.split("\n").filter((line) => line.startsWith("|"));
    const bars = table.map((line) => line.replace(/\\\|/g, "").split("|").length);
    expect(bars.slice(0, 4)).toEqual([5, 5, 5, 5]);
  });

  test("do nothing to a terminal", () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(comparisonText(hostile)).not.toMatch(/[\u0007\u001b\u202e]/);
  });
});

describe("numbers", () => {
  const comparison = compareRuns([
    run({ name: "baseline", class: "x", seed: 1, values: [0.91234] }),
    run({ name: "baseline", class: "x", seed: 2, values: [0.93234] }),
    run({ name: "baseline", class: "y", seed: 1, values: [0.5] }),
    run({ name: "b", class: "x", seed: 1, values: [0.95] }),
  ]);

  test("CSV has a line for each metric, quantity and experiment, and empty cells", () => {
    const lines = comparisonCsv(comparison).trim().split("\n");
    expect(lines[0]).toBe(
      "metric,statistic,quantity,experiment,seeds,x,y,average,classes in average",
    );
    expect(lines.filter((l) => l.startsWith("image_auroc"))).toEqual([
      "image_auroc,last5,mean,baseline,1 2,92.23,50.00,71.12,2",
      "image_auroc,last5,sd,baseline,1 2,1.41,,,2",
      "image_auroc,last5,mean,b,1,95.00,,95.00,1",
      "image_auroc,last5,difference,b,1,2.77,,2.77,1",
    ]);
  });

  test("Markdown marks missing cells and partial averages, and links the curves", () => {
    const text = comparisonMarkdown(comparison, ["a b.png"]);
    expect(text).toMatch(/\| b +\| +\*\*95\.00\*\* \| +-- \| +95\.00 1\/2 \|/);
    expect(text).toContain("![curves](<a b.png>)");
  });

  test("the terminal's table has a star at the best of a column", () => {
    const text = comparisonText(comparison);
    expect(text).toMatch(/baseline +92\.23 ± 1\.41 +50\.00 n=1 +71\.12/);
    expect(text).toMatch(/b +\*95\.00 +-- +95\.00 1\/2/);
  });

  test("a cell of fewer seeds than its row has says how many, and the note how many there are", () => {
    const more = [1, 2, 3].map((seed) =>
      run({ name: "a", class: "x", seed, values: [0.1 * seed] }),
    );
    const less = [1, 2].map((seed) => run({ name: "a", class: "y", seed, values: [0.5] }));
    const mixed = compareRuns([...more, ...less]);
    expect(comparisonText(mixed)).toMatch(/a +20\.00 ± 10\.00 +50\.00 ± 0\.00 · n=2 +35\.00\n/);
    expect(mixed.notes).toContain("±: standard deviation over 2 to 3 seeds (n − 1)");
    expect(compareRuns(more).notes).toContain("±: standard deviation over 3 seeds (n − 1)");
  });

  test("cost and gain is a plot where there are times and a baseline", () => {
    const timed = (name: string, value: number, seconds: number) =>
      run({
        name,
        log: lines([
          { time: "2026-01-01T00:00:00Z", event: "start" },
          { time: `2026-01-01T00:00:0${seconds}Z`, event: "epoch", epoch: 1, loss: 1 },
          { event: "evaluation", epoch: 1, metrics: { i_roc: value } },
          { event: "end" },
        ]),
      });
    const html = comparisonHtml(compareRuns([timed("baseline", 0.5, 2), timed("b", 0.6, 5)]));
    expect(html).toContain("<title>Cost and gain</title>");
    expect(html).toContain(">Δ image AUROC, points</text>");
    expect(comparisonHtml(comparison)).not.toContain("Cost and gain");
  });

  test("HTML cells carry the value to sort by", () => {
    const html = comparisonHtml(comparison);
    expect(html).toMatch(
      /<tr class="base"><th scope="row">baseline<\/th><td style="[^"]+" data-v="92\.23/,
    );
    expect(html).toMatch(/<td style="background:#f3f3f5;color:#84848e">--<\/td>/);
  });

  test("JSON is the model, with null where there is no number", () => {
    const json = JSON.parse(JSON.stringify(comparisonJson(comparison)));
    expect(json.tables[0].rows[1].cells).toMatchObject({
      x: { mean: 0.95, sd: null, values: { 1: 0.95 } },
      y: null,
    });
    expect(json.baseline).toBe("baseline");
  });

  test("small losses are shown with four digits", () => {
    const small = compareRuns([run({ name: "a", values: [0.5], losses: [0.000123456] })]);
    expect(comparisonCsv(small)).toContain("loss,last5,mean,a,1,0.0001235,0.0001235,1\n");
  });
});
