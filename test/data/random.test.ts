import { expect, test } from "vitest";
import { normal, permutation, randomFrom, seededRandom } from "../../src/data/random.ts";

const take = (n: number, draw: () => number) => Array.from({ length: n }, draw);

test("the same key gives the same stream, another key another one", () => {
  const draws = (...key: number[]) => {
    const random = seededRandom(...key);
    return take(20, () => random.int(0, 1000));
  };
  expect(draws(42, 3, 7)).toEqual(draws(42, 3, 7));
  const keys = [
    [42, 3, 7],
    [42, 7, 3],
    [42, 3],
    [3, 42, 7],
    [42, 3, 7, 0],
    [42 + 2 ** 40, 3, 7],
    [-42, 3, 7],
    [0],
    [],
  ];
  expect(new Set(keys.map((key) => draws(...key).join())).size).toBe(keys.length);
});

test("a stream goes on from its state", () => {
  const random = seededRandom(1);
  take(13, () => random.int(0, 10));
  const again = randomFrom(JSON.parse(JSON.stringify(random.state())));
  expect(take(50, () => again.int(0, 1e9))).toEqual(take(50, () => random.int(0, 1e9)));
});

test("the stream is pinned: a resumed run and the browser depend on it", () => {
  const random = seededRandom(42, 0, 1);
  const bytes = new Uint8Array(6);
  const ints = take(4, () => random.int(0, 1024));
  random.fill(bytes, 0, 255);
  expect([ints, [...bytes], random.uniform()]).toMatchInlineSnapshot(`
    [
      [
        667,
        787,
        179,
        693,
      ],
      [
        94,
        60,
        19,
        250,
        192,
        122,
      ],
      0.003946840763092041,
    ]
  `);
});

test("integers cover their range evenly and never leave it", () => {
  const random = seededRandom(5);
  const counts = new Uint32Array(7);
  for (let i = 0; i < 70_000; i++) counts[random.int(-3, 4) + 3]!++;
  // Binomial standard deviation is 93.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("neighbouring keys give unrelated draws", () => {
  const ones = take(20_000, () => 0).filter((_, i) => seededRandom(7, 0, i).uniform() < 0.5).length;
  expect(Math.abs(ones - 10_000)).toBeLessThan(350);
  const pairs = take(20_000, () => 0).filter((_, i) => {
    return seededRandom(7, 0, i).uniform() < 0.5 === seededRandom(7, 0, i + 1).uniform() < 0.5;
  }).length;
  expect(Math.abs(pairs - 10_000)).toBeLessThan(350);
});

test("fill covers its range evenly, and 255 is never drawn as noise", () => {
  const bytes = new Uint8Array(255 * 1000);
  seededRandom(9).fill(bytes, 0, 255);
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]!++;
  expect(counts[255]).toBe(0);
  // Standard deviation 31.6.
  expect(Math.min(...counts.subarray(0, 255))).toBeGreaterThan(830);
  expect(Math.max(...counts)).toBeLessThan(1170);
  const narrow = new Uint8Array(1000);
  seededRandom(9).fill(narrow, 10, 13);
  expect([...new Set(narrow)].sort()).toEqual([10, 11, 12]);
});

test("a permutation holds every index once", () => {
  const order = permutation(100, seededRandom(3));
  expect([...order].sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
  expect([...order]).not.toEqual([...Array(100).keys()]);
  expect(permutation(0, seededRandom(3)).length).toBe(0);
});

test("normal draws have mean 0 and variance 1", () => {
  const random = seededRandom(11);
  const values = take(20_000, () => normal(random));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.05);
});

test("bad seeds, states and ranges are refused", () => {
  expect(() => seededRandom(0.5)).toThrow("seededRandom: a seed must be a whole number, got 0.5");
  expect(() => randomFrom([0, 0, 0, 0])).toThrow("randomFrom: a state is four 32-bit integers");
  expect(() => randomFrom([1, 2, 3])).toThrow("got [1,2,3]");
  expect(() => seededRandom(1).int(3, 3)).toThrow("random.int: hi - lo must be 1 to 2^32, got 0");
  expect(() => seededRandom(1).fill(new Uint8Array(1), 0, 300)).toThrow("got lo 0, hi 300");
});
