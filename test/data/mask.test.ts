import { join } from "node:path";
import { expect, test } from "vitest";
import { encodePng } from "../../src/data/encode.ts";
import type { Finding } from "../../src/data/finding.ts";
import { placeOf } from "../../src/data/frame.ts";
import { makeImage } from "../../src/data/image.ts";
import {
  binarise,
  binaryMask,
  fractionalMask,
  readMask,
  sizeFinding,
} from "../../src/data/mask.ts";
import { fixture } from "./pixels.ts";
import { makeTree } from "./tree.ts";

type Golden = { real_mask: { resized_16x16: number[]; binarised_gt_half: number[] } };

test("a real mask counts above 0, shrinks with fractional borders, and is cut at one half for testing", () => {
  const grey = makeImage(60, 40, 1);
  for (let y = 5; y < 12; y++) grey.data.fill(1, y * 60 + 7, y * 60 + 20);
  for (let y = 30; y < 33; y++) grey.data.fill(200, y * 60 + 50, y * 60 + 55);
  const mask = binarise(grey, 0);
  const golden = fixture<Golden>("pillow").real_mask;
  const framing = { size: 16 };
  const place = placeOf(mask, framing);
  const soft = fractionalMask(mask, place, framing);
  expect(Math.max(...golden.resized_16x16.map((v, i) => Math.abs(v - soft[i]!)))).toBeLessThan(
    1e-7,
  );
  expect([...binaryMask(mask, place, framing)]).toEqual(golden.binarised_gt_half);
});

test("the threshold decides what is a defect, and soft masks are reported with counts", async () => {
  const pixels = Uint8Array.of(0, 1, 100, 127, 128, 255);
  const root = await makeTree([["soft.png", encodePng(makeImage(3, 2, 1, pixels))]]);
  const path = join(root, "soft.png");
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  expect([...(await readMask(path, { report })).data]).toEqual([0, 255, 255, 255, 255, 255]);
  expect(findings).toEqual([
    {
      level: "warning",
      file: path,
      message:
        "mask is not binary, every pixel above 0 counts as defect (set maskThreshold, e.g. 127, to change that): " +
        "1 pixels are 0, 3 are 1..127, 2 are 128..255",
    },
  ]);
  const cut = await readMask(path, { report, maskThreshold: 127 });
  expect([...cut.data]).toEqual([0, 0, 0, 0, 255, 255]);
  expect(findings.length).toBe(1);
  expect(() => binarise(cut, 255)).toThrow("maskThreshold: must be 0 to 254, got 255");
});

test("a mask with one grey value beside black is binary", async () => {
  const root = await makeTree([["m.png", encodePng(makeImage(2, 1, 1, Uint8Array.of(0, 7)))]]);
  const findings: Finding[] = [];
  const mask = await readMask(join(root, "m.png"), { report: (f) => void findings.push(f) });
  expect([...mask.data, findings.length]).toEqual([0, 255, 0]);
});

test("any colour marks a defect, however faint", async () => {
  const colours = Uint8Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 255, 0, 0);
  const root = await makeTree([["m.png", encodePng(makeImage(2, 2, 3, colours))]]);
  expect([...(await readMask(join(root, "m.png"))).data]).toEqual([0, 255, 255, 255]);
});

test("another size is a warning when the shape agrees, also after rounding, and an error otherwise", () => {
  const image = { path: "a.png", width: 901, height: 600 };
  const mask = (width: number, height: number) => ({ path: "m.png", width, height });
  expect(sizeFinding(image, mask(901, 600))).toBeUndefined();
  expect(sizeFinding(image, mask(450, 300))?.level).toBe("warning");
  expect(sizeFinding(image, mask(600, 901))?.level).toBe("error");
  expect(sizeFinding(image, mask(600, 901))?.message).toBe(
    "mask has another size than its image, so it is not used (draw it at that size): 600x901, a.png is 901x600",
  );
});
