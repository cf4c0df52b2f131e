import { describe, expect, test } from "vitest";
import { blank } from "../../src/report/canvas.ts";
import { glyphOf } from "../../src/report/glyphs.ts";
import { drawLines } from "../../src/report/stroke.ts";
import { drawText, fitText, textWidth } from "../../src/report/text.ts";
import { differences, pixel } from "./pictures.ts";

const style = { size: 14 };
const page = () => blank(200, 40);

describe("the typeface", () => {
  test("has every letter, digit and sign of ASCII but a few, each inside its box and unlike any other", () => {
    const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
    const box = glyphOf("\u0001");
    const absent = ascii.filter((c) => glyphOf(c) === box);
    expect(absent.join("")).toBe("$^`{}");
    const drawn = ascii.filter((c) => !absent.includes(c));
    expect(new Set(drawn.map((c) => JSON.stringify(glyphOf(c)))).size).toBe(drawn.length);
    for (const c of drawn) {
      for (const [x, y] of glyphOf(c).lines.flat()) {
        expect(x, c).toBeGreaterThanOrEqual(-0.3);
        expect(x, c).toBeLessThanOrEqual(glyphOf(c).width + 0.3);
        expect(y, c).toBeGreaterThanOrEqual(-0.7);
        expect(y, c).toBeLessThanOrEqual(9.2);
      }
    }
  });

  test("shows a box for a character it lacks, and no accents", () => {
    expect(glyphOf("瓶")).toBe(glyphOf("\u0001"));
    expect(textWidth("Größe", style)).toBe(textWidth("Gro", style) + textWidth("ße", style) + 3.5);
    expect(textWidth("e\u0301", style)).toBe(textWidth("e", style));
  });
});

describe("text on a picture", () => {
  test("takes the room that was measured, above its baseline", () => {
    const canvas = page();
    const end = drawText(canvas, "HE", [20, 30], style);
    expect(end - 20).toBeCloseTo(textWidth("HE", style), 10);
    const found = differences(canvas, page());
    const [xs, ys] = [found.map(([x]) => x), found.map(([, y]) => y)];
    expect(Math.abs(Math.min(...xs) - 20)).toBeLessThanOrEqual(2);
    expect(Math.abs(Math.max(...xs) - end)).toBeLessThanOrEqual(2);
    expect(Math.abs(Math.min(...ys) - 16)).toBeLessThanOrEqual(2);
    expect(Math.abs(Math.max(...ys) - 30)).toBeLessThanOrEqual(2);
  });

  test("is cut off at the edges, and nothing at all for no text", () => {
    const canvas = page();
    drawText(canvas, "far outside", [500, 500], style);
    drawText(canvas, "", [20, 30], style);
    drawText(canvas, "   ", [20, 30], style);
    expect(differences(canvas, page())).toEqual([]);
    drawText(canvas, "edge", [-10, 5], style);
    expect(differences(canvas, page()).length).toBeGreaterThan(10);
  });

  test("loses its folders first when it is too long, then its beginning", () => {
    const width = (text: string) => textWidth(text, style);
    expect(fitText("a/b/name", width("a/b/name"), style)).toBe("a/b/name");
    expect(fitText("a/b/name", width("a/b/name") - 1, style)).toBe("b/name");
    expect(fitText("a/b/name", width("name"), style)).toBe("name");
    expect(fitText("a/b/000_mask", width("…mask"), style)).toBe("…mask");
    expect(fitText("name", 1, style)).toBe("");
  });
});

describe("a line", () => {
  test("is as wide as asked and as dark as the part of a pixel that it covers", () => {
    const canvas = blank(9, 7, [0, 0, 0]);
    const stroke = { colour: [255, 255, 255], width: 2 } as const;
    drawLines(
      canvas,
      [
        [
          [-5, 3.75],
          [20, 3.75],
        ],
      ],
      stroke,
    );
    const column = Array.from({ length: 7 }, (_, y) => pixel(canvas, 4, y)[0]);
    expect(column).toEqual([0, 0, 64, 255, 191, 0, 0]);
  });

  test("of one point is a dot", () => {
    const canvas = blank(9, 9, [0, 0, 0]);
    drawLines(canvas, [[[4.5, 4.5]]], { colour: [200, 0, 0], width: 3 });
    expect(pixel(canvas, 4, 4)).toEqual([200, 0, 0]);
    expect(pixel(canvas, 4, 7)).toEqual([0, 0, 0]);
  });
});
