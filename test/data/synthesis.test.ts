import { describe, expect, test } from "vitest";
import { detourSize } from "../../src/data/detour.ts";
import { type Image, makeImage } from "../../src/data/image.ts";
import { type Patch, paintMask, paintPatches } from "../../src/data/patches.ts";
import { seededRandom } from "../../src/data/random.ts";
import { resize, wholeWindow } from "../../src/data/resize.ts";
import { drawShape } from "../../src/data/synthesis/shape.ts";
import {
  checkSynthesis,
  type Strength,
  type Synthesis,
} from "../../src/data/synthesis/synthesis.ts";
import { opacityOf } from "../../src/data/synthesis/synthesise.ts";
import {
  cleanImage,
  type NoiseOptions,
  type NoisyImage,
  whiteNoise,
} from "../../src/data/white-noise.ts";
import { fnvBytes, namedImage } from "./pixels.ts";

const fixed = (s: number): Strength => ({ kind: "fixed", s });
const small: NoiseOptions = { detour: false };
const grey = (side: number, value = 127) =>
  makeImage(side, side, 3, new Uint8Array(side * side * 3).fill(value));

/** Large smooth shapes under a fine grid: something to cover, and to take pieces of. */
function product(side: number): Image {
  const image = makeImage(side, side, 3);
  for (let i = 0; i < side * side; i++) {
    const [y, x] = [Math.floor(i / side), i % side];
    const line = (x * 7 + y * 3) % 11;
    image.data[i * 3] = Math.floor(60 + 100 * (y / side) + line);
    image.data[i * 3 + 1] = Math.floor(200 - 90 * (x / side) - line);
    image.data[i * 3 + 2] = Math.floor(90 + 40 * Math.sin((x * y) / side) + line);
  }
  return image;
}

const make = (image: Image, seed: number, synthesis: Synthesis, options: NoiseOptions = small) =>
  whiteNoise(image, image.width, seededRandom(seed, 0, 0), { ...options, synthesis });

/** Two results with the same bits; comparing buffers is a thousand times as fast as `toEqual`. */
function expectSame(got: NoisyImage, want: NoisyImage): void {
  expect(Buffer.compare(got.image.data, want.image.data)).toBe(0);
  expect(Buffer.compare(got.mask.data, want.mask.data)).toBe(0);
  expect(got.patches.map(({ box }) => box)).toEqual(want.patches.map(({ box }) => box));
  got.patches.forEach(({ pixels, covers, marks }, i) => {
    const other = want.patches[i]!;
    expect(Buffer.compare(pixels, other.pixels)).toBe(0);
    expect([covers && Buffer.from(covers), marks && Buffer.from(marks)]).toEqual([
      other.covers && Buffer.from(other.covers),
      other.marks && Buffer.from(other.marks),
    ]);
  });
}

/** All patches over seeds. */
function patchesOf(image: Image, synthesis: Synthesis, seeds = 40, options = small): Patch[] {
  const all = Array.from({ length: seeds }, (_, seed) => make(image, seed, synthesis, options));
  return all.flatMap(({ patches }) => patches);
}

function moments(values: ArrayLike<number>): [mean: number, deviation: number] {
  const list = Array.from(values);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  return [mean, Math.sqrt(list.reduce((sum, v) => sum + (v - mean) ** 2, 0) / list.length)];
}

const allAxes: Synthesis = {
  texture: { kind: "source", strength: { kind: "uniform" } },
  opacity: { strength: { kind: "uniform" }, exponent: 1 },
  size: { kind: "uniform" },
  count: { kind: "uniform" },
  shape: fixed(0.5),
  colour: { kind: "gaussian", mean: 0.5, sigma: 0.5 },
};

const kinds: [string, NoiseOptions][] = [
  ["2025 with the detour", {}],
  ["2025 without it", { detour: false }],
  ["2023", { version: "2023", skipBackground: true }],
  ["reference order", { detour: false, order: "reference" }],
];

describe.each(kinds)("%s", (_, options) => {
  const source = product(100);
  const clean = cleanImage(source, 90, options);
  const given = options.detour === undefined && !options.version ? source : clean;
  const plain = (seed: number) => whiteNoise(given, 90, seededRandom(seed, 3, 7), options, clean);
  const drawn = (seed: number, synthesis: Synthesis) =>
    whiteNoise(given, 90, seededRandom(seed, 3, 7), { ...options, synthesis }, clean);

  test("an axis at its reference end, or none, changes no bit", () => {
    const same: Synthesis[] = [
      {},
      { texture: { kind: "normal" } },
      { opacity: { strength: fixed(0) } },
      { size: fixed(1), count: fixed(1) },
      { shape: fixed(0), colour: fixed(0), guard: false },
    ];
    for (let seed = 0; seed < 6; seed++) {
      const want = plain(seed);
      for (const synthesis of same) {
        const got = drawn(seed, synthesis);
        expectSame(got, want);
        expect(got.survival?.survived).toBe(got.survival?.painted);
      }
    }
  });

  test("textures and strengths leave the boxes alone, so arms of a comparison share their masks", () => {
    const arms: Synthesis[] = [
      { texture: { kind: "amp", strength: { kind: "uniform" } } },
      { texture: { kind: "freq", strength: { kind: "gaussian", mean: 0.5, sigma: 0.3 } } },
      { texture: { kind: "source", strength: fixed(0.7) } },
      { opacity: { strength: { kind: "uniform" } }, colour: fixed(0.5) },
    ];
    for (let seed = 0; seed < 8; seed++) {
      const want = plain(seed);
      for (const arm of arms) {
        const { mask, patches, image } = drawn(seed, { ...arm, guard: false });
        expect(Buffer.compare(mask.data, want.mask.data)).toBe(0);
        expect(patches.map(({ box }) => box)).toEqual(want.patches.map(({ box }) => box));
        const changed = Buffer.compare(image.data, want.image.data) !== 0;
        expect(changed).toBe(patches.length > 0);
      }
    }
  });

  test("the same stream gives the same image, whatever was painted elsewhere", () => {
    for (let seed = 0; seed < 5; seed++) {
      expectSame(drawn(seed, allAxes), drawn(seed, allAxes));
    }
  });
});

test("recomputing around patches with holes equals the whole detour", () => {
  const source = product(150);
  const size = 77;
  const clean = cleanImage(source, size);
  const large = resize(source, { width: detourSize, height: detourSize }, "bicubic");
  let holes = 0;
  for (let seed = 0; holes < 6; seed++) {
    const synthesis = { ...allAxes, texture: undefined, shape: fixed(0.7), size: fixed(0.9) };
    const { texture: _, ...axes } = synthesis;
    const got = whiteNoise(source, size, seededRandom(seed), { synthesis: axes }, clean);
    holes += got.patches.filter(({ covers, marks }) => covers && marks).length;
    const image = makeImage(detourSize, detourSize, 3, large.data.slice());
    const mask = makeImage(detourSize, detourSize, 1);
    paintPatches(wholeWindow(image), got.patches);
    paintMask(wholeWindow(mask), got.patches);
    const small = { width: size, height: size };
    expect(Buffer.compare(got.image.data, resize(image, small, "bilinear").data)).toBe(0);
    expect(Buffer.compare(got.mask.data, resize(mask, small, "bilinear").data)).toBe(0);
  }
});

describe("textures", () => {
  test.each([0, 0.3, 0.5, 0.9, 1])("amp at s = %d spreads as the formula says", (s) => {
    const texture = { kind: "amp", strength: fixed(s) } as const;
    const patches = patchesOf(product(256), { texture, guard: false });
    const values = patches.flatMap(({ pixels }) => [...pixels]);
    const [mean, deviation] = moments(values);
    const want = (255 - 254 * s) / Math.sqrt(12);
    if (s === 1) expect([Math.min(...values.slice(0, 999)), deviation]).toEqual([127, 0]);
    else expect(Math.abs(deviation / want - 1)).toBeLessThan(0.02);
    expect(mean).toBeGreaterThan(126);
    expect(mean).toBeLessThan(128);
  });

  test("amp stops at `most`", () => {
    const texture = { kind: "amp", strength: fixed(1), most: 0.9 } as const;
    const values = patchesOf(product(256), { texture, guard: false }).flatMap(({ pixels }) => [
      ...pixels,
    ]);
    expect([...new Set(values)].sort((a, b) => a - b).at(0)).toBe(114);
    expect(Math.max(...new Set(values))).toBe(139);
  });

  test("freq at s = 1 is a stain of nearly one colour, and at s = 0 it is not", () => {
    const spread = (s: number) => {
      const texture = { kind: "freq", strength: fixed(s) } as const;
      const patches = patchesOf(product(256), { texture, guard: false });
      const each = patches.map(({ pixels }) => moments(pixels.filter((_, i) => i % 3 === 0))[1]);
      return each.reduce((a, b) => a + b, 0) / each.length / 255;
    };
    expect(spread(1)).toBeLessThan(0.06);
    expect(spread(0)).toBeGreaterThan(0.1);
  });

  test("a mixture ends in pieces of the image from elsewhere, as they are", () => {
    const image = product(128);
    const patches = patchesOf(image, { texture: { kind: "source", strength: fixed(1) } }, 20);
    expect(patches.length).toBeGreaterThan(10);
    for (const { box, pixels } of patches) {
      const [high, wide] = [box.bottom - box.top, box.right - box.left];
      const found = [...Array(129 - high).keys()].some((top) =>
        [...Array(129 - wide).keys()].some((left) =>
          [...Array(high).keys()].every((y) => {
            const at = ((top + y) * 128 + left) * 3;
            const row = pixels.subarray(y * wide * 3, (y + 1) * wide * 3);
            return row.every((v, i) => v === image.data[at + i]);
          }),
        ),
      );
      expect(found).toBe(true);
    }
  });

  test("a mixture takes its kinds in turn, two at most at a time", () => {
    // White noise has a large spread, coarse noise a smaller one, pieces of this image hardly any.
    const flat = grey(256, 200);
    const spreads = (s: number) =>
      patchesOf(flat, { texture: { kind: "source", strength: fixed(s) }, guard: false }, 60).map(
        ({ pixels }) => moments(pixels)[1],
      );
    const share = (s: number, low: number, high: number) => {
      const all = spreads(s);
      return all.filter((v) => v >= low && v < high).length / all.length;
    };
    expect(share(0, 65, 90)).toBe(1);
    expect(share(1 / 3, 10, 65)).toBe(1);
    expect(share(2 / 3, 0, 1)).toBe(1);
    const [white, coarse] = [share(1 / 6, 65, 90), share(1 / 6, 10, 65)];
    expect(white + coarse).toBe(1);
    expect(Math.abs(white - 0.5)).toBeLessThan(0.15);
  });
});

describe("opacity and colour", () => {
  test("α = most · s^exponent, and the image shines through with it", () => {
    expect(opacityOf({ strength: fixed(0) }, 0)).toBe(0);
    expect(opacityOf({ strength: fixed(1) }, 1)).toBe(0.6);
    expect(opacityOf({ strength: fixed(0.5) }, 0.5)).toBeCloseTo(0.0375, 12);
    expect(opacityOf({ strength: fixed(0.5), most: 1, exponent: 1 }, 0.5)).toBe(0.5);
    const image = product(128);
    for (let seed = 0; seed < 6; seed++) {
      const noisy = whiteNoise(image, 128, seededRandom(seed, 0, 0), small);
      const axes = { opacity: { strength: fixed(0.9) }, guard: false };
      const got = make(image, seed, axes);
      const alpha = 0.6 * 0.9 ** 4;
      // Where patches overlap, the last one is blended with the image and not with what lies beneath.
      const want = noisy.image.data.map((v, i) => {
        return noisy.mask.data[Math.floor(i / 3)]! > 0
          ? Math.round((1 - alpha) * v + alpha * image.data[i]!)
          : v;
      });
      expect(Buffer.compare(got.image.data, want)).toBe(0);
    }
  });

  test("colour pulls mean and spread to those of what is covered", () => {
    const image = product(256);
    const gaps = [0, 0.5, 1].map((s) => {
      const patches = patchesOf(image, { colour: fixed(s), guard: false }, 20);
      const each = patches.map(({ box, pixels }) => {
        const under: number[] = [];
        for (let y = box.top; y < box.bottom; y++) {
          for (let x = box.left; x < box.right; x++) under.push(image.data[(y * 256 + x) * 3]!);
        }
        const [mean, deviation] = moments(under);
        const [own, spread] = moments(pixels.filter((_, i) => i % 3 === 0));
        return [Math.abs(own - mean), Math.abs(spread - deviation)] as const;
      });
      return [0, 1].map((k) => each.reduce((sum, gap) => sum + gap[k]!, 0) / each.length);
    });
    expect(gaps[2]![0]).toBeLessThan(0.5);
    expect(gaps[2]![1]).toBeLessThan(0.5);
    expect(gaps[1]![1]! / gaps[0]![1]!).toBeCloseTo(0.5, 1);
  });
});

describe("number and size", () => {
  test("there are four patches at s = 0, the reference's at s = 1, one beyond", () => {
    const counts = (s: number, beyond = false) => {
      const count = { ...fixed(s), beyond };
      return Array.from(
        { length: 300 },
        (_, seed) => make(grey(40), seed, { count }).patches.length,
      );
    };
    expect(new Set(counts(0))).toEqual(new Set([4]));
    expect(new Set(counts(1, true))).toEqual(new Set([1]));
    expect(new Set(counts(1))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(moments(counts(0.5))[0]).toBeCloseTo(3, 0);
    expect(moments(counts(0.5, true))[0]).toBeCloseTo(2.5, 0);
  });

  test.each([
    [0, false, 1024 / 16, 1024 / 6],
    [1, true, 1024 / 80, 1024 / 20],
    [0.5, false, 1024 / Math.sqrt(16 * 40), 1024 / Math.sqrt(6 * 10)],
  ])("at s = %d (beyond: %s) half sides run from %d to %d", (s, beyond, low, high) => {
    const image = grey(1024);
    const patches = patchesOf(image, { size: { ...fixed(s), beyond } }, 100);
    const halves = patches.flatMap(({ box }) => [
      (box.bottom - box.top) / 2,
      (box.right - box.left) / 2,
    ]);
    expect(Math.min(...halves)).toBeGreaterThanOrEqual(Math.floor(low));
    expect(Math.max(...halves)).toBeLessThan(high);
    expect(Math.min(...halves)).toBeLessThan(low + 0.05 * (high - low));
    expect(Math.max(...halves)).toBeGreaterThan(high - 0.05 * (high - low));
    for (const { box, pixels } of patches) {
      expect(pixels.length).toBe((box.bottom - box.top) * (box.right - box.left) * 3);
      expect(Math.min(box.top, box.left)).toBeGreaterThanOrEqual(0);
      expect(Math.max(box.bottom, box.right)).toBeLessThanOrEqual(1024);
    }
  });

  test("larger patches are still not centred on the background", () => {
    const image = grey(200, 250);
    for (let y = 60; y < 140; y++) image.data.fill(120, (y * 200 + 60) * 3, (y * 200 + 140) * 3);
    const options = { version: "2023", skipBackground: true } as const;
    const patches = patchesOf(image, { size: fixed(0), count: fixed(0) }, 20, options);
    expect(patches.length).toBeGreaterThan(60);
    for (const { box } of patches) {
      const [y, x] = [(box.top + box.bottom) / 2, (box.left + box.right) / 2];
      expect(y >= 60 && y < 140 && x >= 60 && x < 140).toBe(true);
    }
  });
});

describe("shapes", () => {
  test("a blob fills part of its box, in one piece up to its noise, and slivers are thin", () => {
    const shares = Array.from({ length: 200 }, (_, seed) => {
      const inside = drawShape(seededRandom(seed), 60, 60);
      expect(inside.every((v) => v === 0 || v === 1)).toBe(true);
      return inside.reduce((a, b) => a + b, 0) / 3600;
    });
    expect(Math.max(...shares)).toBeLessThan(Math.PI / 4);
    expect(Math.max(...shares)).toBeGreaterThan(0.3);
    expect(Math.min(...shares)).toBeLessThan(Math.PI / 4 / 8);
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  test.each([
    [1, 1],
    [1, 9],
    [2, 3],
    [204, 50],
  ])("a box of %ix%i pixels gets at least one", (rows, columns) => {
    for (let seed = 0; seed < 20; seed++) {
      const inside = drawShape(seededRandom(seed), rows, columns);
      expect(inside.length).toBe(rows * columns);
      expect(inside.includes(1)).toBe(true);
    }
    expect(drawShape(seededRandom(1), 0, 5).length).toBe(0);
  });

  test("the mask follows the shape, and s is the share of shaped patches", () => {
    const image = product(128);
    for (let seed = 0; seed < 10; seed++) {
      const { image: got, mask, patches, survival } = make(image, seed, { shape: fixed(1) });
      expect(patches.every(({ covers }) => covers)).toBe(true);
      const changed = [...mask.data.keys()].filter((i) =>
        [0, 1, 2].some((c) => got.data[i * 3 + c] !== image.data[i * 3 + c]),
      );
      expect(changed.every((i) => mask.data[i] === 255)).toBe(true);
      const abnormal = mask.data.filter((v) => v > 0).length;
      expect(abnormal).toBeLessThanOrEqual(survival!.survived);
      expect(changed.length / Math.max(1, abnormal)).toBeGreaterThan(abnormal ? 0.99 : -1);
    }
    const half = patchesOf(image, { shape: fixed(0.5) }, 100);
    const share = half.filter(({ covers }) => covers).length / half.length;
    expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
  });
});

describe("the guard", () => {
  test.each(kinds)(
    "%s: grey on grey is no anomaly, and the image stays as it was",
    (_, options) => {
      const image = grey(64);
      const synthesis = { texture: { kind: "amp", strength: fixed(1) } } as const;
      let painted = 0;
      for (let seed = 0; seed < 5; seed++) {
        const got = make(image, seed, synthesis, options);
        expect(Buffer.compare(got.image.data, image.data)).toBe(0);
        expect(got.mask.data.some((v) => v > 0)).toBe(false);
        expect(got.patches).toEqual([]);
        expect(got.survival!.survived).toBe(0);
        painted += got.survival!.painted;
      }
      expect(painted).toBeGreaterThan(0);
      const without = [...Array(4).keys()].map((seed) =>
        make(image, seed, { ...synthesis, guard: false }, options),
      );
      expect(without.some(({ mask }) => mask.data.some((v) => v > 0))).toBe(true);
    },
  );

  test("it counts exactly the pixels that differ by more than 3 in a channel", () => {
    const image = grey(100, 124);
    const texture = { kind: "amp", strength: fixed(1), most: 0.97 } as const;
    let seen = 0;
    for (let seed = 0; seed < 10; seed++) {
      const { image: got, mask, survival } = make(image, seed, { texture, count: fixed(1) });
      const differs = (i: number) =>
        [0, 1, 2].some((c) => Math.abs(got.data[i * 3 + c]! - image.data[i * 3 + c]!) > 3);
      mask.data.forEach((v, i) => {
        if (v > 0) seen++;
        if (v > 0 !== differs(i)) throw new Error(`pixel ${i}`);
      });
      expect(survival!.survived).toBeLessThanOrEqual(survival!.painted);
    }
    expect(seen).toBeGreaterThan(100);
  });

  test("a later patch that can't be seen takes the mark from the one beneath", () => {
    const mask = makeImage(4, 4, 1);
    const box = { top: 0, left: 0, bottom: 3, right: 3 };
    const pixels = new Uint8Array(27);
    const marks = Uint8Array.of(0, 1, 1, 1, 1, 1, 1, 1, 1);
    const covers = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1, 0);
    paintMask(wholeWindow(mask), [
      { box, pixels },
      { box, pixels, covers, marks },
    ]);
    expect([...mask.data.slice(0, 4)]).toEqual([0, 255, 255, 0]);
    expect(mask.data[2 * 4 + 2]).toBe(255);
  });
});

test.each([
  [20, 1],
  [21, 5],
  [33, 8],
  [64, 3],
])("all axes at once work at %i pixels from an image of %i", (size, from) => {
  const source = namedImage("img", from, from, 3);
  for (const options of [{}, { detour: false }, { version: "2023" }] as const) {
    const clean = cleanImage(source, size, options);
    for (let seed = 0; seed < 10; seed++) {
      const random = seededRandom(seed, size);
      const all = { ...options, synthesis: allAxes };
      const { image, mask } = whiteNoise(source, size, random, all, clean);
      expect([image.width, image.height, mask.width, mask.height]).toEqual(Array(4).fill(size));
    }
  }
});

test("what is out of range is refused by name", () => {
  const bad: [Synthesis, string][] = [
    [{ size: fixed(1.1) }, "synthesis: size: s must be 0 to 1, got 1.1"],
    [{ texture: { kind: "freq", strength: fixed(Number.NaN) } }, "freq: s must be 0 to 1, got NaN"],
    [{ texture: { kind: "freq", strength: fixed(0), lowest: 0 } }, "freq.lowest must be 1 or more"],
    [{ texture: { kind: "amp", strength: fixed(0), most: 2 } }, "amp.most must be 0 to 1, got 2"],
    [{ opacity: { strength: fixed(0), exponent: 0 } }, "opacity.exponent must be above 0, got 0"],
    [
      { colour: { kind: "gaussian", mean: 0, sigma: -1 } },
      "synthesis: colour: sigma must be 0 or more, got -1",
    ],
    [
      { shape: { kind: "linear" } as unknown as Strength },
      "synthesis: shape: the kind of strength must be fixed, uniform or gaussian, got linear",
    ],
    [
      { texture: { kind: "noise", strength: fixed(0) } as unknown as { kind: "normal" } },
      "synthesis: texture.kind must be normal, amp, freq or source, got noise",
    ],
  ];
  for (const [synthesis, message] of bad) {
    expect(() => checkSynthesis(synthesis)).toThrow(message);
    expect(() => make(grey(32), 1, synthesis)).toThrow(message);
  }
  expect(() => checkSynthesis(allAxes)).not.toThrow();
});

test("the same image and seed give the anomalies that test/browser/data.ts expects of a page", () => {
  const strength = { kind: "uniform" } as const;
  const hashes = (["amp", "freq", "source"] as const).map((kind) => {
    const pixels = Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251);
    const { image, mask } = whiteNoise(makeImage(60, 40, 3, pixels), 64, seededRandom(42, 1, 2), {
      synthesis: {
        texture: { kind, strength },
        opacity: { strength },
        size: strength,
        count: strength,
        shape: { kind: "fixed", s: 1 },
        colour: { kind: "gaussian", mean: 0.5, sigma: 0.2 },
      },
    });
    return `${fnvBytes(image.data)} ${fnvBytes(mask.data)}`;
  });
  expect(hashes.join(", ")).toBe(
    "2237136268 1134011057, 988492987 1796988775, 3108129551 1677192910",
  );
});
