import { expect, test } from "vitest";
import { makeImage } from "../../src/data/image.ts";
import {
  cut,
  type Filter,
  filters,
  inputBox,
  outputBox,
  resize,
  resizeWindow,
  resizing,
  wholeWindow,
} from "../../src/data/resize.ts";
import { u01 } from "../golden.ts";
import { fixture, fnvBytes, namedImage } from "./pixels.ts";

type Pillow = {
  pil_resize: { outputs: Record<string, number[]> };
  mask_box_example: { nonzero: number; gt_half: number; col_profile_row31: number[] };
};
type Case = {
  from: [number, number, 1 | 3];
  to: [number, number];
  fnv: Record<Filter, number>;
};
const golden = fixture<Pillow>("pillow");
const opencv = fixture<Record<string, number[]>>("opencv-2023");
const more = fixture<{ cases: Case[]; detour: { fnv: number } }>("resize");
const rgb = makeImage(
  30,
  20,
  3,
  Uint8Array.from(u01("img", 1800), (u) => Math.floor(256 * u)),
);
const gray = makeImage(
  16,
  16,
  1,
  Uint8Array.from(u01("gray", 256), (u) => Math.floor(256 * u)),
);

test.each([
  ["bilinear", 8, 8, "bilinear to w8 h8"],
  ["bicubic", 8, 8, "bicubic to w8 h8"],
  ["bilinear", 45, 31, "bilinear to w45 h31"],
  ["bicubic", 45, 31, "bicubic to w45 h31"],
  ["nearest", 8, 8, "nearest to w8 h8"],
] as const)("%s to %ix%i equals Pillow bit for bit", (filter, width, height, name) => {
  expect([...resize(rgb, { width, height }, filter).data]).toEqual(golden.pil_resize.outputs[name]);
});

test("a grey image is resized as Pillow does", () => {
  const small = resize(gray, { width: 4, height: 4 }, "bilinear");
  expect([...small.data]).toEqual(golden.pil_resize.outputs["L 16x16 bilinear to 4x4"]);
});

test.each([
  ["cv2-bilinear", 8, 8, "resize_linear_8x8"],
  ["cv2-bilinear", 45, 31, "resize_linear_45x31 (w,h)"],
  ["cv2-nearest", 8, 8, "resize_nearest_8x8"],
] as const)("%s to %ix%i equals OpenCV bit for bit", (filter, width, height, name) => {
  expect([...resize(rgb, { width, height }, filter).data]).toEqual(opencv[name]);
});

test("odd, unit and long shapes equal Pillow 9.4 and OpenCV, also where OpenCV halves by area", () => {
  const wrong: string[] = [];
  for (const { from, to, fnv } of more.cases) {
    const [w, h, c] = from;
    const image = namedImage(`resize ${w}x${h}`, w, h, c);
    for (const filter of filters) {
      const out = resize(image, { width: to[0], height: to[1] }, filter);
      if (fnvBytes(out.data) !== fnv[filter]) wrong.push(`${filter} ${from} -> ${to}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("the detour over 1024 pixels equals two Pillow resizes", () => {
  const { fnv } = more.detour;
  const large = resize(namedImage("detour", 60, 40, 3), { width: 1024, height: 1024 }, "bicubic");
  expect(fnvBytes(resize(large, { width: 64, height: 64 }, "bilinear").data)).toBe(fnv);
});

test("a part of a resize equals that part of the whole", () => {
  const image = namedImage("part", 41, 29, 3);
  for (const [width, height] of [
    [97, 55],
    [16, 11],
    [41, 60],
  ] as const) {
    for (const filter of ["bilinear", "bicubic", "lanczos"] as const) {
      const plan = resizing(image, { width, height }, filter);
      const box = { top: 3, left: 5, bottom: 9, right: 14 };
      const source = cut(wholeWindow(image), inputBox(plan, box));
      const part = resizeWindow(source, plan, box);
      const whole = wholeWindow(resize(image, { width, height }, filter));
      expect(part).toEqual(cut(whole, box));
    }
  }
});

test("only the output box changes when the input box changes", () => {
  const image = namedImage("reach", 50, 40, 1);
  const plan = resizing(image, { width: 23, height: 17 }, "bilinear");
  const box = { top: 10, left: 20, bottom: 14, right: 23 };
  const reach = outputBox(plan, box);
  const changed = makeImage(50, 40, 1, image.data.slice());
  for (let y = box.top; y < box.bottom; y++) changed.data.fill(0, y * 50 + 20, y * 50 + 23);
  const before = resize(image, { width: 23, height: 17 }, "bilinear").data;
  const after = resize(changed, { width: 23, height: 17 }, "bilinear").data;
  const outside = [...before.keys()].filter((i) => {
    const [y, x] = [Math.floor(i / 23), i % 23];
    return !(y >= reach.top && y < reach.bottom && x >= reach.left && x < reach.right);
  });
  expect(outside.filter((i) => before[i] !== after[i])).toEqual([]);
  expect(before).not.toEqual(after);
});

test("the shrunk edge of a mask is the reference's, and 390 cells of 256 x 256 are touched", () => {
  const mask = makeImage(1024, 1024, 1);
  for (let y = 101; y <= 150; y++) mask.data.fill(255, y * 1024 + 203, y * 1024 + 300);
  const small = resize(mask, { width: 256, height: 256 }, "bilinear").data;
  const box = golden.mask_box_example;
  expect(small.filter((v) => v > 0).length).toBe(box.nonzero);
  expect(small.filter((v) => v > 127.5).length).toBe(box.gt_half);
  const row = [...small.subarray(31 * 256, 32 * 256)];
  expect(row.join().includes(box.col_profile_row31.join())).toBe(true);
});

test("an image that has the size already is returned as it is", () => {
  for (const filter of filters) expect(resize(gray, { width: 16, height: 16 }, filter)).toBe(gray);
});

test("a size that is not whole or an unknown filter is refused", () => {
  expect(() => resize(gray, { width: 0, height: 4 }, "bilinear")).toThrow(
    "image: width and height must be at least 1, got 0x4",
  );
  expect(() => resize(gray, { width: 2.5, height: 4 }, "bilinear")).toThrow("got 2.5x4");
  expect(() => resize(gray, { width: 2, height: 4 }, "hamming" as Filter)).toThrow(
    'resize: unknown filter "hamming" (one of bilinear, bicubic, lanczos, nearest, cv2-bilinear, cv2-nearest)',
  );
});
