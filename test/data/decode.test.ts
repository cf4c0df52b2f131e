import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { encode as encodeBmp } from "fast-bmp";
import { encode } from "fast-png";
import jpeg from "jpeg-js";
import { afterAll, expect, test } from "vitest";
import { inflate as inflateInBrowser } from "../../src/data/codec.browser.ts";
import { decodeWithoutSharp } from "../../src/data/codec.node.ts";
import { decodeImage, imageHeader, readImage } from "../../src/data/decode.ts";
import { encodePng, writePng } from "../../src/data/encode.ts";
import type { Finding } from "../../src/data/finding.ts";
import { luma } from "../../src/data/image.ts";
import { withoutMetadata } from "../../src/data/jpeg.ts";
import { LoupeError } from "../../src/error.ts";
import { u01 } from "../golden.ts";
import { chunk, fixture, fnvBytes, namedImage, pngFile, pngRows } from "./pixels.ts";

const folder = await mkdtemp(join(tmpdir(), "decode-"));
afterAll(() => rm(folder, { recursive: true }));

const samplesOf = (name: string, width: number, height: number, most: number) => {
  const values = u01(name, width * height);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => Math.floor(most * values[y * width + x]!)),
  );
};
const message = async (bytes: Uint8Array, options = {}) => {
  const error = await decodeImage(bytes, { file: "a/b.png", ...options }).catch((e) => e);
  expect(error).toBeInstanceOf(LoupeError);
  expect(error.code).toBe("data");
  return error.message as string;
};

type File = { size: [number, number]; rgb: number; l: number; base64: string };
const files = fixture<{ files: Record<string, File> }>("decode").files;
test.each(Object.entries(files))(
  "%s decodes to Pillow's pixels",
  async (_, { size, rgb, l, base64 }) => {
    const bytes = new Uint8Array(Buffer.from(base64, "base64"));
    const colour = await decodeImage(bytes);
    const grey = await decodeImage(bytes, { mode: "L" });
    expect([colour.width, colour.height, colour.channels]).toEqual([...size, 3]);
    expect([fnvBytes(colour.data), fnvBytes(grey.data), grey.channels]).toEqual([rgb, l, 1]);
  },
);

const sizes = [
  [1, 1],
  [5, 3],
  [33, 17],
  [2, 40],
] as const;
const kinds = [
  ["grey", 0, 1, [1, 2, 4, 8]],
  ["RGB", 2, 3, [8, 16]],
  ["grey with alpha", 4, 2, [8, 16]],
  ["RGB with alpha", 6, 4, [8, 16]],
] as const;
test.each(kinds)("a %s PNG of any depth keeps its values", async (_, colour, channels, depths) => {
  for (const depth of depths) {
    for (const [width, height] of sizes) {
      const samples = samplesOf(`png ${depth}`, width * channels, height, 2 ** depth);
      for (let filter = 0; filter < 5; filter++) {
        const raw = pngRows(samples, depth, channels, filter);
        const image = await decodeImage(pngFile({ width, height, depth, colour, raw }));
        const kept = samples.flatMap((row) =>
          row.filter((_, i) => channels % 2 || (i + 1) % channels),
        );
        const bytes = kept.map((v) => (depth === 16 ? v >> 8 : (v * 255) / (2 ** depth - 1)));
        const rgb = channels < 3 ? bytes.flatMap((v) => [v, v, v]) : bytes;
        expect([...image.data]).toEqual(rgb);
      }
    }
  }
});

test.each([1, 2, 4, 8, 16])(
  "an interlaced PNG of %i bits has the pixels of the plain one",
  async (depth) => {
    const passes = [
      [0, 0, 8, 8],
      [4, 0, 8, 8],
      [0, 4, 4, 8],
      [2, 0, 4, 4],
      [0, 2, 2, 4],
      [1, 0, 2, 2],
      [0, 1, 1, 2],
    ] as const;
    for (const [width, height] of [...sizes, [8, 8], [9, 9], [4, 1]] as const) {
      const samples = samplesOf(`adam ${depth}`, width, height, Math.min(2 ** depth, 256));
      const parts = passes.flatMap(([left, top, across, down]) => {
        const rows = samples.filter((_, y) => y >= top && (y - top) % down === 0);
        const kept = rows.map((row) =>
          row.filter((_, x) => x >= left && (x - left) % across === 0),
        );
        return kept.length && kept[0]!.length ? [pngRows(kept, depth, 1)] : [];
      });
      const file = { width, height, depth, colour: 0 };
      const plain = await decodeImage(pngFile({ ...file, raw: pngRows(samples, depth, 1) }));
      const raw = Buffer.concat(parts);
      expect(await decodeImage(pngFile({ ...file, raw, interlaced: true }))).toEqual(plain);
    }
  },
);

test("a palette PNG takes its colours, and black beyond the palette", async () => {
  const palette = chunk("PLTE", Uint8Array.of(10, 20, 30, 40, 50, 60));
  const raw = pngRows([[0, 1, 2, 1]], 2, 1);
  const file = pngFile({ width: 4, height: 1, depth: 2, colour: 3, raw, before: [palette] });
  const image = await decodeImage(file);
  expect([...image.data]).toEqual([10, 20, 30, 40, 50, 60, 0, 0, 0, 40, 50, 60]);
  const grey = await decodeImage(file, { mode: "L" });
  expect([...grey.data]).toEqual([luma(10, 20, 30), luma(40, 50, 60), 0, luma(40, 50, 60)]);
});

test("16-bit grey is clipped as in Pillow, with a warning, or keeps its high byte on request", async () => {
  const raw = pngRows([[0, 255, 256, 65535]], 16, 1);
  const file = pngFile({ width: 4, height: 1, depth: 16, colour: 0, raw });
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const clipped = await decodeImage(file, { mode: "L", file: "x.png", report });
  expect([...clipped.data]).toEqual([0, 255, 255, 255]);
  expect(findings).toEqual([
    {
      level: "warning",
      file: "x.png",
      message:
        '16-bit grey above 255 becomes white, as in Pillow (set grey16 to "high-byte" to keep the range): 2 of 4 pixels',
    },
  ]);
  const high = await decodeImage(file, { mode: "L", grey16: "high-byte", report });
  expect([...high.data]).toEqual([0, 0, 1, 255]);
  expect(findings.length).toBe(1);
});

test("fast-png's files come back, and ours can be read by fast-png", async () => {
  for (const channels of [1, 3] as const) {
    const image = namedImage("png", 19, 7, channels);
    const theirs = encode({ ...image, depth: 8 });
    const mode = channels === 1 ? "L" : "RGB";
    expect(await decodeImage(theirs, { mode })).toEqual(image);
    expect(await decodeImage(encodePng(image), { mode })).toEqual(image);
  }
});

test("BMP files of fast-bmp come back", async () => {
  for (const [width, height] of sizes) {
    const image = namedImage("bmp", width, height, 3);
    const rest = { bitsPerPixel: 24, components: 3, channels: 3 } as const;
    const bytes = encodeBmp({ width, height, data: image.data, ...rest });
    expect(await decodeImage(bytes)).toEqual(image);
  }
});

/** A BMP with a 40-byte header; negative `height` stores the rows from the top. */
function bmp(
  width: number,
  height: number,
  bits: number,
  rows: Uint8Array,
  extra = Buffer.alloc(0),
  compression = 0,
) {
  const head = Buffer.alloc(54);
  head.write("BM");
  head.writeUInt32LE(54 + extra.length, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(width, 18);
  head.writeInt32LE(height, 22);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(bits, 28);
  head.writeUInt32LE(compression, 30);
  return Buffer.concat([head, extra, rows]);
}

test("a BMP of 4, 16 and 32 bits or with its rows from the top is read", async () => {
  const palette = Buffer.from([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0]);
  const four = bmp(3, -2, 4, Uint8Array.of(0x01, 0x20, 0, 0, 0x21, 0x00, 0, 0), palette);
  const colours = [
    [3, 2, 1],
    [6, 5, 4],
    [9, 8, 7],
  ] as const;
  expect([...(await decodeImage(four)).data]).toEqual(
    [0, 1, 2, 2, 1, 0].flatMap((i) => colours[i]!),
  );
  const sixteen = bmp(2, 1, 16, Uint8Array.of(0xff, 0x7f, 0x1f, 0x00));
  expect([...(await decodeImage(sixteen)).data]).toEqual([255, 255, 255, 0, 0, 255]);
  const thirtyTwo = bmp(1, 2, 32, Uint8Array.of(1, 2, 3, 99, 4, 5, 6, 99));
  expect([...(await decodeImage(thirtyTwo)).data]).toEqual([6, 5, 4, 3, 2, 1]);
  const masks = Buffer.alloc(12);
  [0xff, 0xff00, 0xff0000].forEach((mask, i) => void masks.writeUInt32LE(mask, i * 4));
  const fields = bmp(1, 1, 32, Uint8Array.of(1, 2, 3, 99), masks, 3);
  expect([...(await decodeImage(fields)).data]).toEqual([1, 2, 3]);
});

test("a run-length encoded or cut BMP is refused with a reason", async () => {
  expect(await message(bmp(4, 4, 8, Buffer.alloc(16), Buffer.alloc(1024), 1))).toBe(
    "decode: a/b.png: this BMP can't be decoded: compression 1 is not read; save it uncompressed or as PNG; export it again as PNG, or remove it",
  );
  expect(await message(bmp(40, 40, 24, Buffer.alloc(100)))).toContain(
    "it is truncated (100 of 4800 bytes of image data)",
  );
  expect(await message(Buffer.from("BM12345"))).toContain("the file ends in its header");
});

test("metadata is cut out of a JPEG before it is decoded, so orientation and profiles change nothing", () => {
  const bytes = Buffer.from(files["jpeg-icc"]!.base64, "base64");
  const bare = withoutMetadata(bytes);
  expect(bytes.includes("not a profile")).toBe(true);
  expect(Buffer.from(bare).includes("not a profile")).toBe(false);
  expect(withoutMetadata(bare)).toEqual(bare);
});

test("without sharp a JPEG is decoded by jpeg-js, close to Pillow where chroma is not subsampled", async () => {
  const bytes = Buffer.from(files["jpeg-444"]!.base64, "base64");
  const fallback = await decodeWithoutSharp(bytes);
  const image = await decodeImage(bytes);
  expect([fallback.width, fallback.height, fallback.channels]).toEqual([19, 13, 3]);
  const off = [...fallback.data].map((v, i) => Math.abs(v - image.data[i]!));
  expect(Math.max(...off)).toBeLessThanOrEqual(4);
});

const noisy = namedImage("noise", 64, 64, 3);
const wholePng = encodePng(noisy);
const wholeJpeg = new Uint8Array(
  jpeg.encode({ width: 64, height: 64, data: new Uint8Array(64 * 64 * 4).fill(90) }, 90).data,
);

test("a PNG cut anywhere is one clear error, unless only its end mark is missing", async () => {
  expect((await decodeImage(wholePng.subarray(0, wholePng.length - 12))).data).toEqual(noisy.data);
  for (const length of [8, 20, 32, 33, 45, 60, 200, wholePng.length - 40]) {
    const text = await message(wholePng.subarray(0, length));
    expect(text).toMatch(
      /^decode: a\/b\.png: this PNG can't be decoded: .*; export it again as PNG, or remove it$/,
    );
    expect(text).toMatch(/truncated|ends in its header/);
  }
});

test("a JPEG cut anywhere is one clear error", async () => {
  for (const length of [3, 4, 10, 100, 300, wholeJpeg.length - 30]) {
    expect(await message(wholeJpeg.subarray(0, length))).toMatch(
      /^decode: a\/b\.png: this JPEG can't be decoded: .*; export it again as PNG, or remove it$/,
    );
  }
});

test("damaged image data is one clear error", async () => {
  const damaged = wholePng.slice();
  damaged.fill(0xa5, 200, 260);
  expect(await message(damaged)).toContain("its data is damaged");
  const filter = pngFile({ width: 1, height: 1, depth: 8, colour: 0, raw: Uint8Array.of(9, 0) });
  expect(await message(filter)).toContain("its data is damaged (row filter 9)");
  const depth = pngFile({ width: 1, height: 1, depth: 3, colour: 0 });
  expect(await message(depth)).toContain("colour type 0 with 3 bits is not allowed");
});

test("empty files, other files and other formats are named as what they are", async () => {
  expect(await message(new Uint8Array(0))).toBe(
    "decode: a/b.png: the file is empty; export it again as PNG, or remove it",
  );
  expect(await message(Buffer.from("<html>"))).toBe(
    "decode: a/b.png: it is not an image, and PNG, JPEG and BMP are read; remove it or convert it to PNG",
  );
  expect(await message(Buffer.from("II*\0abcd"))).toContain("it is a TIFF image");
  expect(await message(Buffer.from("RIFF1234WEBPVP8 "))).toContain("it is a WebP image");
});

test("a size of zero or beyond the limit is refused from the header alone", async () => {
  expect(await message(pngFile({ width: 0, height: 5, depth: 8, colour: 0 }))).toBe(
    "decode: a/b.png: its size is 0x5; export it again as PNG, or remove it",
  );
  expect(await message(pngFile({ width: 60000, height: 60000, depth: 8, colour: 2 }))).toBe(
    "decode: a/b.png: 60000x60000 is more than the 100000000 pixels allowed; make it smaller or raise maxPixels",
  );
  expect(await message(wholePng, { maxPixels: 4095 })).toContain(
    "64x64 is more than the 4095 pixels",
  );
  const huge = wholeJpeg.slice();
  const frame = huge.findIndex((v, i) => v === 0xff && huge[i + 1] === 0xc0);
  huge.fill(0xff, frame + 5, frame + 9);
  expect(await message(huge)).toContain("65535x65535 is more than");
  expect(imageHeader(wholeJpeg)).toEqual({ format: "jpeg", width: 64, height: 64 });
});

test("16 bits and alpha count against the limit as the memory they take", async () => {
  const file = (depth: number, colour: number) =>
    pngFile({ width: 100, height: 100, depth, colour, raw: Buffer.alloc(100) });
  expect(await message(file(16, 6), { maxPixels: 19_999 })).toContain(
    "100x100 with 16 bits and 4 channels is more than maxPixels 19999 allows",
  );
  expect(await message(file(16, 6), { maxPixels: 20_000 })).toContain("truncated");
  expect(await message(file(8, 6), { maxPixels: 10_000 })).toContain("truncated");
});

test("image data that inflates beyond the declared size is refused, not inflated", async () => {
  const bomb = pngFile({
    width: 4,
    height: 4,
    depth: 8,
    colour: 0,
    deflated: deflateSync(Buffer.alloc(200_000_000)),
  });
  const before = process.memoryUsage().rss;
  expect(await message(bomb)).toContain("it holds more than the 20 bytes that 4x4 needs");
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
});

test("a tiny file that declares a large image takes no memory for it", async () => {
  const file = pngFile({ width: 9000, height: 9000, depth: 8, colour: 6, raw: Buffer.alloc(100) });
  const before = process.memoryUsage().rss;
  expect(await message(file)).toContain("it is truncated");
  expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
});

test("the browser's inflate keeps the same limits", async () => {
  const data = Buffer.from("a".repeat(5000));
  const stream = deflateSync(data);
  expect(Buffer.from(await inflateInBrowser(stream, 5000))).toEqual(data);
  await expect(inflateInBrowser(stream, 4999)).rejects.toThrow("more data than declared");
  expect((await inflateInBrowser(stream.subarray(0, 12), 5000)).length).toBeLessThan(5000);
});

test("the bytes decide the format, not the name", async () => {
  const path = join(folder, "photo.jpg");
  await writeFile(path, wholePng);
  expect((await readImage(path)).data).toEqual(noisy.data);
});

test("a missing file and a folder are io errors that name the path", async () => {
  const path = join(folder, "none.png");
  await expect(readImage(path)).rejects.toThrow(
    `read: ${path}: no such file or folder; check the path`,
  );
  await expect(readImage(folder)).rejects.toThrow(`read: ${folder}: this is a folder`);
});

test("writing makes the folder and leaves no temporary file", async () => {
  const path = join(folder, "new", "deep", "x.png");
  await writePng(path, noisy);
  expect((await readImage(path)).data).toEqual(noisy.data);
  expect(await readdir(join(folder, "new", "deep"))).toEqual(["x.png"]);
});
