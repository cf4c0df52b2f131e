/** The drawn textures: seeded, told apart by structure, labelled where they lie. */
import { expect, test } from "vitest";
import { seededRandom, textureClasses, textureScene } from "../../src/data/index.ts";
import { divide } from "../../src/data/textures/regions.ts";

const scene = (size: number, ...key: number[]) => textureScene(size, seededRandom(...key));

test("the same stream draws the same picture, another one another picture", () => {
  const first = scene(32, 1, 2, 3);
  expect(scene(32, 1, 2, 3)).toEqual(first);
  expect(scene(32, 1, 2, 4).image.data).not.toEqual(first.image.data);
  expect(scene(32, 2, 2, 3).image.data).not.toEqual(first.image.data);
});

test("a picture has the size that was asked for, and a class for every pixel", () => {
  for (const size of [16, 33, 96]) {
    const { image, labels } = scene(size, 1, size);
    expect([image.width, image.height, image.channels]).toEqual([size, size, 3]);
    expect(labels.length).toBe(size * size);
    expect(labels.every((label) => label < textureClasses.length)).toBe(true);
  }
});

test("in some hundred pictures nearly all classes occur, the smooth one most", () => {
  const pixels = new Float64Array(textureClasses.length);
  for (let i = 0; i < 300; i++) {
    for (const label of scene(16, 5, i).labels) pixels[label] = pixels[label]! + 1;
  }
  expect(pixels.filter((n) => n > 0).length).toBeGreaterThan(0.95 * textureClasses.length);
  expect(pixels.indexOf(Math.max(...pixels))).toBe(0);
});

test("pictures have one to five regions, whole and divided ones", () => {
  const counts = new Set<number>();
  for (let i = 0; i < 100; i++) {
    const { count, of } = divide(32, seededRandom(7, i));
    counts.add(count);
    expect(Math.max(...of)).toBeLessThan(count);
  }
  expect([...counts].sort()).toEqual([1, 2, 3, 4, 5]);
});

test("names are unique, and every field has values of 0 to 1 that vary, but for the smooth one", () => {
  expect(new Set(textureClasses.map(({ name }) => name)).size).toBe(textureClasses.length);
  for (const { name, make } of textureClasses.slice(1)) {
    const field = make(11);
    let [lo, hi, sum] = [1, 0, 0];
    for (let i = 0; i < 4096; i++) {
      const v = field(500 + (i % 64) * 1.03, 300 + Math.floor(i / 64) * 0.97);
      [lo, hi, sum] = [Math.min(lo, v), Math.max(hi, v), sum + v / 4096];
    }
    expect(lo, name).toBeGreaterThan(-0.35); // clouds go a little beyond; pictures cut them off
    expect(hi, name).toBeLessThan(1.35);
    expect(hi - lo, name).toBeGreaterThan(0.5);
    expect(sum, name).toBeGreaterThan(0.01);
    expect(sum, name).toBeLessThan(0.99);
  }
});

test("seeded fields differ from seed to seed, and regular ones do not", () => {
  const values = (name: string, seed: number) => {
    const field = textureClasses.find((c) => c.name === name)!.make(seed);
    return Array.from({ length: 200 }, (_, i) => field((i % 20) * 3.1, Math.floor(i / 20) * 5.3));
  };
  for (const name of ["noise 6", "cracks 13", "rods", "mosaic 12", "wood 5"]) {
    expect(values(name, 1)).not.toEqual(values(name, 2));
  }
  expect(values("bricks 12", 1)).toEqual(values("bricks 12", 2));
});

test("a size that can't be is refused", () => {
  for (const size of [15, 1025, 40.5, Number.NaN]) {
    expect(() => scene(size, 1)).toThrow(
      `textureScene: size must be 16 to 1024 pixels, got ${size}`,
    );
  }
});
