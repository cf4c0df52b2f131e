import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { encodePng } from "../../src/data/encode.ts";
import { frameMask, placeOf } from "../../src/data/frame.ts";
import type { Framing } from "../../src/data/framing.ts";
import { makeImage } from "../../src/data/image.ts";
import { loadMapPair, loadMapStack } from "../../src/data/map-stack.ts";
import { writeNpy } from "../../src/data/npy.ts";
import { decodeTiffMap } from "../../src/data/tiff-map.ts";
import { fixture, pngFile, pngRows } from "./pixels.ts";
import { makeTree } from "./tree.ts";

type Tiff = { files: Record<string, { base64: string; values: number[] }> };
const tiffs = Object.entries(fixture<Tiff>("tiff").files);
const mapOf = (...values: number[]) => writeNpy(Float32Array.from(values), [1, values.length]);
const maskOf = (...values: number[]) =>
  encodePng(makeImage(values.length, 1, 1, Uint8Array.from(values)));

test("one .npy holds the stack, also with an axis for the channel", async () => {
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  for (const shape of [
    [2, 2, 3],
    [2, 2, 3, 1],
    [2, 1, 2, 3],
  ]) {
    const root = await makeTree([["maps.npy", writeNpy(data, shape)]]);
    expect(await loadMapStack(join(root, "maps.npy"))).toEqual({ shape: [2, 2, 3], data });
  }
  const flat = await makeTree([["maps.npy", writeNpy(new Float64Array(6), [2, 3])]]);
  const one = await loadMapStack(join(flat, "maps.npy"));
  expect([one.shape, one.data]).toEqual([[1, 2, 3], new Float64Array(6)]);
  const odd = await makeTree([["maps.npy", writeNpy(data, [2, 2, 1, 3])]]);
  await expect(loadMapStack(join(odd, "maps.npy"))).rejects.toThrow(
    `maps: ${odd}/maps.npy: shape [2,2,1,3] is not [N, H, W], [N, H, W, 1], [N, 1, H, W] or [H, W]`,
  );
});

test.each(tiffs)("a TIFF by %s keeps its values", async (_, { base64, values }) => {
  const { width, height, data } = await decodeTiffMap(Buffer.from(base64, "base64"), 1000);
  expect([width, height]).toEqual([5, 7]);
  expect(Math.max(...values.map((v, i) => Math.abs(v - data[i]!)))).toBeLessThan(1e-6);
});

test("a folder holds one map per file; 8 and 16 bits and floats keep their values", async () => {
  const sixteen = pngFile({
    width: 2,
    height: 1,
    depth: 16,
    colour: 0,
    raw: pngRows([[300, 65535]], 16, 1),
  });
  const root = await makeTree([
    ["cut/b.npy", mapOf(0.5, -1)],
    ["cut/a.png", maskOf(7, 255)],
    ["good/c.png", sixteen],
    ["notes.txt", "x"],
  ]);
  const stack = await loadMapStack(root);
  expect(stack.names).toEqual(["cut/a", "cut/b", "good/c"]);
  expect([stack.shape, [...stack.data]]).toEqual([
    [3, 1, 2],
    [7, 255, 0.5, -1, 300, 65535],
  ]);
});

test("maps of different sizes, names given twice and empty folders are refused by name", async () => {
  const sizes = await makeTree([
    ["a.npy", mapOf(1, 2)],
    ["b.npy", mapOf(1, 2, 3)],
  ]);
  await expect(loadMapStack(sizes)).rejects.toThrow(
    `maps: ${sizes}/b.npy: it is 3x1, but ${sizes}/a.npy is 2x1; resize the maps to one size`,
  );
  const twice = await makeTree([
    ["a.npy", mapOf(1, 2)],
    ["a.png", maskOf(1, 2)],
  ]);
  await expect(loadMapStack(twice)).rejects.toThrow(`${twice}/a.npy has the same name; keep one`);
  const stacks = await makeTree([["a.npy", writeNpy(new Float32Array(8), [2, 2, 2])]]);
  await expect(loadMapStack(stacks)).rejects.toThrow(
    "it holds 2 maps, files of a folder hold one each",
  );
  await expect(loadMapStack(await makeTree([["x.txt", ""]]))).rejects.toThrow(
    "no .npy, .tiff or .png file in it",
  );
});

test("maps and masks are matched by name, whatever the order and the endings", async () => {
  const maps = await makeTree([
    ["test/good/0.npy", mapOf(0.1, 0.2)],
    ["test/cut/10.npy", mapOf(3, 4)],
    ["test/cut/9.npy", mapOf(5, 6)],
  ]);
  const masks = await makeTree([
    ["cut/9_mask.png", maskOf(0, 200)],
    ["cut/10_mask.png", maskOf(100, 0)],
  ]);
  const pair = await loadMapPair(join(maps, "test"), masks);
  expect(pair.names).toEqual(["cut/10", "cut/9", "good/0"]);
  expect([...pair.masks]).toEqual([1, 0, 0, 1, 0, 0]);
  expect([...pair.maps.subarray(0, 4)]).toEqual([3, 4, 5, 6]);
  expect(pair.findings).toEqual([
    { level: "info", file: "good/0", message: "no mask of its name, counted as normal" },
  ]);
  const strict = await loadMapPair(join(maps, "test"), masks, { maskThreshold: 127 });
  expect([...strict.masks]).toEqual([0, 0, 0, 1, 0, 0]);
});

test("a mask without a map, other counts and other sizes are refused", async () => {
  const maps = await makeTree([["a.npy", mapOf(1, 2)]]);
  const masks = await makeTree([
    ["a.png", maskOf(1, 0)],
    ["b.png", maskOf(1, 0)],
  ]);
  await expect(loadMapPair(maps, masks)).rejects.toThrow(
    `maps: ${maps} and masks ${masks}: no map for 1 masks (b)`,
  );
  const wide = await makeTree([["a.png", maskOf(1, 0, 0)]]);
  await expect(loadMapPair(maps, wide)).rejects.toThrow(
    "maps are 2x1, masks 3x1: another shape, so they don't show the same; crop or resize one of them",
  );
  const stack = await makeTree([["m.npy", writeNpy(new Uint8Array(6), [3, 1, 2], "bool")]]);
  await expect(loadMapPair(maps, join(stack, "m.npy"))).rejects.toThrow("1 maps but 3 masks");
});

test("a stack and a folder are matched by position", async () => {
  const maps = await makeTree([["maps.npy", writeNpy(Float32Array.of(1, 2, 3, 4), [2, 1, 2])]]);
  const masks = await makeTree([
    ["b.png", maskOf(0, 1)],
    ["a.png", maskOf(1, 1)],
  ]);
  const pair = await loadMapPair(join(maps, "maps.npy"), masks);
  expect([pair.names, [...pair.masks]]).toEqual([
    ["a", "b"],
    [1, 1, 0, 1],
  ]);
});

/** A little-endian TIFF with one strip. */
function tiff(width: number, height: number, compression: number, strip: Uint8Array): Buffer {
  const entries = [
    [256, 4, width],
    [257, 4, height],
    [258, 3, 8],
    [259, 3, compression],
    [262, 3, 1],
    [273, 4, 8],
    [277, 3, 1],
    [278, 4, height],
    [279, 4, strip.length],
  ] as const;
  const head = Buffer.from("II*\0\0\0\0\0", "latin1");
  head.writeUInt32LE(8 + strip.length, 4);
  const ifd = Buffer.alloc(2 + entries.length * 12 + 4);
  ifd.writeUInt16LE(entries.length, 0);
  entries.forEach(([tag, type, value], i) => {
    ifd.writeUInt16LE(tag, 2 + i * 12);
    ifd.writeUInt16LE(type, 4 + i * 12);
    ifd.writeUInt32LE(1, 6 + i * 12);
    ifd.writeUInt32LE(value, 10 + i * 12);
  });
  return Buffer.concat([head, strip, ifd]);
}

/** An LZW stream whose strings grow by one each code, as a bomb has it: `n` codes unpack to about n * n / 2 bytes. */
function lzwBomb(codes: number): Uint8Array {
  const bits: number[] = [];
  const put = (code: number, width: number) => {
    for (let b = width - 1; b >= 0; b--) bits.push((code >> b) & 1);
  };
  let width = 9;
  put(256, width);
  put(0, width);
  for (let i = 0; i < codes; i++) {
    const code = 258 + (i % 3800);
    if (i > 0 && i % 3800 === 0) {
      put(256, width);
      width = 9;
      put(0, width);
    }
    width = code >= 2047 ? 12 : code >= 1023 ? 11 : code >= 511 ? 10 : 9;
    put(code, width);
  }
  put(257, width);
  const out = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    out[i >> 3]! |= bit << (7 - (i & 7));
  });
  return out;
}

test("a TIFF that unpacks to more than its pixels, is cut or huge is refused", async () => {
  const zip = tiff(4, 4, 8, deflateSync(Buffer.alloc(100_000_000)));
  const before = process.memoryUsage().rss;
  await expect(decodeTiffMap(zip, 1000)).rejects.toThrow();
  await expect(decodeTiffMap(tiff(4, 4, 5, lzwBomb(20_000)), 1000)).rejects.toThrow(
    "a strip unpacks to more than 1040 bytes",
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  await expect(decodeTiffMap(tiff(4, 4, 1, new Uint8Array(10)), 1000)).rejects.toThrow(
    "it is truncated",
  );
  await expect(decodeTiffMap(tiff(1 << 20, 1 << 20, 1, new Uint8Array(10)), 1000)).rejects.toThrow(
    "its size is 1048576x1048576, at most 1000 pixels are read",
  );
  await expect(decodeTiffMap(tiff(4, 4, 7, new Uint8Array(99)), 1000)).rejects.toThrow(
    "compression 7 is not read",
  );
  const whole = tiff(4, 4, 1, new Uint8Array(16));
  const shared = Buffer.from(whole);
  shared.writeUInt32LE(0x7fffffff, 24 + 2 + 4); // the count of the first tag
  await expect(decodeTiffMap(shared, 1000)).rejects.toThrow("its tags are damaged");
  expect([...(await decodeTiffMap(whole, 1000)).data]).toEqual(Array(16).fill(0));
  const root = await makeTree([["m.tiff", whole.subarray(0, 30)]]);
  await expect(loadMapStack(root)).rejects.toThrow(
    `maps: ${root}/m.tiff: this TIFF can't be decoded: `,
  );
});

test("masks twice as large are resized as for evaluation, and it is said", async () => {
  const maps = await makeTree([["a.npy", mapOf(1, 2)]]);
  const pixels = Uint8Array.of(255, 255, 0, 0, 255, 0, 0, 0); // three of four left, none right
  const image = { width: 4, height: 2, channels: 1 as const, data: pixels };
  const masks = await makeTree([["a.png", encodePng(image)]]);
  const pair = await loadMapPair(maps, masks);
  expect([...pair.masks]).toEqual([1, 0]);
  expect(pair.findings[0]?.message).toContain("maps are 2x1, masks 4x2; masks are resized");
});

test("masks of maps whose framing is known are cut as testing cuts them, whatever their shape", async () => {
  const framing: Framing = { size: 6, shorter: 8, filters: "lanczos" };
  const mask = makeImage(40, 20, 1);
  for (let y = 0; y < 20; y++) mask.data.fill(255, y * 40 + 15, y * 40 + 22);
  const root = await makeTree([
    ["maps/crack/0.npy", writeNpy(new Float32Array(36), [6, 6])],
    ["masks/crack/0_mask.png", encodePng(mask)],
  ]);
  const [maps, masks] = [`${root}/maps`, `${root}/masks`];
  const pair = await loadMapPair(maps, masks, { framing });
  const expected = frameMask(mask, placeOf(mask, framing), framing).data;
  expect([...pair.masks]).toEqual([...expected].map((v) => (v > 127 ? 1 : 0)));
  expect(pair.masks.reduce((a, b) => a + b)).toBeGreaterThan(0);
  const message =
    "maps are 6x6, masks 40x20; masks are resized to 16x8 and cut in the middle as the images were";
  expect(pair.findings).toEqual([{ level: "info", file: masks, message }]);
  const stretched = await loadMapPair(maps, masks, { framing: { size: 6, filters: "2023" } });
  const place = placeOf(mask, { size: 6 });
  const whole = frameMask(mask, place, { size: 6, filters: "2023" }).data;
  expect([...stretched.masks]).toEqual([...whole].map((v) => (v > 127 ? 1 : 0)));
  await expect(loadMapPair(maps, masks, { framing: { size: 7 } })).rejects.toThrow(
    "maps are 6x6, masks 40x20, but the maps are said to be 7 pixels a side",
  );
  const turned: Framing = { ...framing, wild: { degrees: 10 } };
  await expect(loadMapPair(maps, masks, { framing: turned })).rejects.toThrow(
    "each image was turned and cut at random before its map was made; only `loupe test` measures it, which turns the masks alike",
  );
  await expect(loadMapPair(maps, masks)).rejects.toThrow("another shape");
});
