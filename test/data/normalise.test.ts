import { expect, test } from "vitest";
import { makeImage } from "../../src/data/image.ts";
import { denormalise, normalise } from "../../src/data/normalise.ts";
import { resize } from "../../src/data/resize.ts";
import { u01 } from "../golden.ts";
import { fixture, namedImage } from "./pixels.ts";

test("resized and normalised pixels equal torchvision's", () => {
  const data = Uint8Array.from(u01("img", 1800), (u) => Math.floor(256 * u));
  const small = resize(makeImage(30, 20, 3, data), { width: 8, height: 8 }, "bilinear");
  const got = normalise(small);
  // The golden file is channels first, rounded to eight digits.
  const want = fixture<{ transform_size_8: number[] }>("pillow").transform_size_8;
  const off = want.map((v, i) => Math.abs(v - got[(i % 64) * 3 + Math.floor(i / 64)]!));
  expect(Math.max(...off)).toBeLessThan(1e-7);
});

test("denormalise gives every byte back", () => {
  const image = makeImage(
    16,
    16,
    3,
    Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)),
  );
  expect(denormalise(normalise(image))).toEqual(image.data);
});

test("grey is repeated over the three channels", () => {
  const grey = namedImage("grey", 3, 2, 1);
  const rgb = makeImage(
    3,
    2,
    3,
    Uint8Array.from({ length: 18 }, (_, i) => grey.data[Math.floor(i / 3)]!),
  );
  expect(normalise(grey)).toEqual(normalise(rgb));
});
