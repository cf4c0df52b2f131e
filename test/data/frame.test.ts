import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { frame, frameAt, placeOf } from "../../src/data/frame.ts";
import type { Framing } from "../../src/data/framing.ts";
import { makeImage } from "../../src/data/image.ts";
import type { Filter } from "../../src/data/resize.ts";
import { rotate } from "../../src/data/rotate.ts";
import { publishedImage } from "../golden-pixels.ts";
import { fixture, fnvBytes, namedImage } from "./pixels.ts";

type Shape = [number, number, 1 | 3];
type Golden = {
  frames: ({ from: Shape; shorter: number; size: number } & Record<Filter, number>)[];
  turns: { from: Shape; degrees: number; fnv: number }[];
  wild: {
    from: [number, number];
    shorter: number;
    size: number;
    degrees: number;
    top: number;
    left: number;
    fnv: number;
  }[];
};
const golden = fixture<Golden>("frames");

test("a shorter side and a cut are torchvision's Resize and CenterCrop bit for bit, whatever the shape", () => {
  const wrong: string[] = [];
  for (const { from, shorter, size, ...answers } of golden.frames) {
    const image = namedImage(`frame ${from[0]}x${from[1]}`, ...from);
    const place = placeOf(image, { size, shorter });
    for (const filter of ["lanczos", "bilinear", "nearest"] as const) {
      const out = frameAt(image, place, filter);
      if (fnvBytes(out.data) !== answers[filter])
        wrong.push(`${filter} ${from} ${shorter} ${size}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("turning is torchvision's rotate bit for bit", () => {
  const wrong = golden.turns.filter(({ from, degrees, fnv }) => {
    const image = namedImage(`turn ${from[0]}x${from[1]}`, ...from);
    return fnvBytes(rotate(image, degrees).data) !== fnv;
  });
  expect(wrong).toEqual([]);
});

test("an image that is turned and cut is RandomRotation's and RandomCrop's with these draws", () => {
  for (const { from, shorter, size, degrees, top, left, fnv } of golden.wild) {
    const image = namedImage(`wild ${from[0]}x${from[1]}`, ...from, 3);
    const { resized } = placeOf(image, { size, shorter });
    const out = frameAt(image, { resized, size, top, left, degrees }, "lanczos");
    expect(fnvBytes(out.data)).toBe(fnv);
  }
});

test("the same image is framed as test/browser/data.ts expects of a page", () => {
  const pixels = Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251);
  const image = makeImage(60, 40, 3, pixels);
  const framing = { size: 28, shorter: 32, filters: "lanczos" } as const;
  const hashes = [framing, { ...framing, wild: { degrees: 10 } }].map((one) =>
    fnvBytes(frame(image, one).image.data),
  );
  expect(hashes.join(" ")).toBe("3676404487 877256285");
});

type Published = {
  resize: number;
  crop: number;
  sources: Record<string, { name: string; w: number; h: number; mask_rect_rc?: number[] }>;
  items: { u8_after_resize_crop: number[][][]; mask_rows: number[]; mask_cols: number[] }[];
};

test("images and masks of CFA's preprocessing come out bit for bit", () => {
  const path = new URL("../fixtures/cfa/preprocess.json", import.meta.url);
  const {
    resize: shorter,
    crop: size,
    sources,
    items,
  } = JSON.parse(readFileSync(path, "utf8")) as Published;
  const framing: Framing = { size, shorter, filters: "lanczos" };
  for (const [i, { u8_after_resize_crop, mask_rows, mask_cols }] of items.entries()) {
    const { name, w, h, mask_rect_rc } = sources[i]!;
    const grey = name.includes("grey");
    const image = publishedImage(name.split(" ")[0]!, w, h);
    if (grey) for (let p = 0; p < image.data.length; p++) image.data[p] = image.data[p - (p % 3)]!;
    const { image: out, place } = frame(image, framing);
    const planes = [0, 1, 2].map((c) => out.data.filter((_, p) => p % 3 === c));
    expect(planes.map((plane) => [...plane])).toEqual(u8_after_resize_crop.map((p) => p.flat()));
    const [top = 0, bottom = 0, left = 0, right = 0] = mask_rect_rc ?? [];
    const mask = makeImage(w, h, 1);
    for (let y = top; y < bottom; y++) mask.data.fill(255, y * w + left, y * w + right);
    const { data } = frameAt(mask, place, "nearest");
    const rows = mask_rows.map((_, y) => data.subarray(y * size, (y + 1) * size));
    expect(rows.map((row) => row.filter((v) => v > 0).length)).toEqual(mask_rows);
    expect(mask_cols.map((_, x) => rows.filter((row) => row[x]! > 0).length)).toEqual(mask_cols);
  }
});
