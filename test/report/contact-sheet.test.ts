import { describe, expect, test } from "vitest";
import {
  colourAt,
  colourScale,
  contactSheet,
  drawLegend,
  drawPanels,
  type Sample,
  scaleBar,
} from "../../src/report/index.ts";
import { disc, gridFrom, part, pixel, plain } from "./pictures.ts";

const scale = colourScale({ low: 0, threshold: 0.5, high: 1 });
const bad: Sample = {
  photo: plain(50, 50, [10, 60, 110]),
  map: disc(50, 20, 20, 8, true),
  mask: disc(50, 20, 20, 8),
  name: "bad/1",
  score: 0.9,
  label: 1,
};
const good: Sample = { photo: plain(50, 50), map: gridFrom(50, 50, () => 0), score: 0, label: 0 };

describe("a contact sheet", () => {
  test("is as wide as asked and has its panels in columns, top to bottom", () => {
    const section = { title: "nut", samples: [bad, good], scale, threshold: 0.5 };
    const sheet = contactSheet([section], { width: 640, columns: 4 });
    const cell = Math.floor((640 - 40 - 78 - 12) / 4);
    expect(sheet.width).toBe(640);
    expect(sheet.height).toBe(56 + 20 + 4 * cell + 3 * 4 + 34);
    const panels = drawPanels(bad, scale, cell);
    [panels.photo, panels.heat, panels.prediction, panels.truth].forEach((panel, r) => {
      expect(part(sheet, 98, 76 + r * (cell + 4), cell, cell)).toEqual(panel);
    });
    expect(part(sheet, 98 + cell + 4, 76, cell, cell)).toEqual(drawPanels(good, scale, cell).photo);
  });

  test("leaves a light cell where one image has no mask, and no row where none has", () => {
    const both = contactSheet([{ title: "a", samples: [bad, good], scale }], { width: 640 });
    const none = contactSheet([{ title: "a", samples: [good, good], scale }], { width: 640 });
    const cell = Math.floor((640 - 40 - 78 - 28) / 8);
    expect(both.height - none.height).toBe(cell + 4);
    expect(pixel(both, 98 + cell + 4 + 3, 76 + 3 * (cell + 4) + 3)).toEqual([243, 243, 245]);
  });

  test("goes on below when a class has more images than columns, and takes several classes", () => {
    const one = { title: "a", samples: [good], scale };
    const five = { title: "b", samples: [good, good, good, good, good], scale };
    const height = (s: (typeof one)[]) => contactSheet(s, { width: 400, columns: 2 }).height;
    const band = height([one]) - 56;
    expect(height([five])).toBe(56 + 3 * band);
    expect(height([one, five])).toBe(2 * 56 + 4 * band);
    expect(height([one, { ...one, samples: [] }])).toBe(2 * 56 + band);
  });

  test("centres pictures of different shapes", () => {
    const tall = { ...good, photo: plain(20, 40, [1, 2, 3]) };
    const sheet = contactSheet([{ title: "t", samples: [tall, good], scale }], { width: 640 });
    const cell = Math.floor((640 - 40 - 78 - 28) / 8);
    expect(pixel(sheet, 98 + 1, 76 + 5)).toEqual([243, 243, 245]);
    expect(pixel(sheet, 98 + Math.floor(cell / 2), 76 + 5)).toEqual([1, 2, 3]);
  });

  test("is the same every time", () => {
    const section = { title: "nut", samples: [bad, good], scale, threshold: 0.5 };
    const [first, second] = [contactSheet([section]), contactSheet([section])];
    expect(Buffer.compare(first.data, second.data)).toBe(0);
  });

  test("says what it can't do", () => {
    const section = { title: "a", samples: [good], scale };
    expect(() => contactSheet([])).toThrow("contactSheet: needs at least one image, got none");
    expect(() => contactSheet([section], { width: 10 })).toThrow(
      "width must be 320 to 8192 pixels, got 10",
    );
    expect(() => contactSheet([section], { columns: 0 })).toThrow("columns must be 1 to 40, got 0");
    expect(() => contactSheet([section], { width: 320, columns: 40 })).toThrow(
      "contactSheet: 40 columns leave 1 pixels for an image; give a larger width or fewer columns",
    );
  });
});

describe("the legend", () => {
  test("runs from low over the threshold in its middle to high", () => {
    const bar = scaleBar({ low: 2, threshold: 3, high: 9 }, 101, 4);
    const shown = (value: number) => {
      const [r, g, b, a] = colourAt({ low: 2, threshold: 3, high: 9 }, value);
      return [r, g, b].map((v, c) => Math.round([214, 214, 218][c]! * (1 - a) + v * a));
    };
    expect(pixel(bar, 0, 0)).toEqual([214, 214, 218]);
    expect(pixel(bar, 50, 3)).toEqual(shown(3));
    expect(pixel(bar, 75, 2)).toEqual(shown(6));
    expect(pixel(bar, 100, 1)).toEqual(shown(9));
  });

  test("marks the threshold", () => {
    const legend = drawLegend(scale, 201);
    expect([legend.width, legend.height]).toEqual([201, 36]);
    expect(pixel(legend, 100, 1)).toEqual([38, 38, 44]);
    expect(pixel(legend, 100, 17)).toEqual([38, 38, 44]);
    expect(pixel(legend, 90, 1)).toEqual([255, 255, 255]);
  });
});
