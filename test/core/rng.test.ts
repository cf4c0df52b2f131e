/** Random numbers: Random123's known answers, the same stream on GPU and host, and that they look random. */
import { expect, test } from "vitest";
import { Rng, type Tensor } from "../../src/core/index.ts";
import { mulHigh, philox } from "../../src/core/philox.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

const read = async (make: () => Tensor) => (await device.read(() => [make()]))[0]!;
const hex = (words: Uint32Array) =>
  [...words].map((w) => w.toString(16).padStart(8, "0")).join(" ");
const mean = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0) / x.length;

test("Philox gives the known answers of Random123", () => {
  const ones = 0xffffffff;
  expect(hex(philox([0, 0, 0, 0], [0, 0]))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
  expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toBe(
    "408f276d 41c83b0e a20bc7c6 6d5451fd",
  );
  const pi = philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]);
  expect(hex(pi)).toBe("d16cfe09 94fdcceb 5001e420 24126ea1");
});

test("Philox agrees with the definition in whole numbers of any size", () => {
  const slow = (counter: number[], key: number[]) => {
    let c = counter.map(BigInt);
    let k = key.map(BigInt);
    for (let round = 0; round < 10; round++) {
      const [p, q] = [0xd2511f53n * c[0]!, 0xcd9e8d57n * c[2]!];
      const low = (v: bigint) => v & 0xffffffffn;
      c = [(q >> 32n) ^ c[1]! ^ k[0]!, low(q), (p >> 32n) ^ c[3]! ^ k[1]!, low(p)];
      k = [low(k[0]! + 0x9e3779b9n), low(k[1]! + 0xbb67ae85n)];
    }
    return Uint32Array.from(c, Number);
  };
  const words = new Rng(1).integersHost(600, -(2 ** 31), 2 ** 31 - 1);
  for (let i = 0; i < 600; i += 6) {
    const [a, b, c, d, e, f] = [...words.subarray(i, i + 6)].map((w) => w >>> 0) as number[];
    expect(philox([a!, b!, c!, d!], [e!, f!])).toEqual(slow([a!, b!, c!, d!], [e!, f!]));
  }
  for (const a of [0, 1, 0xffff, 0x10000, 0xffffffff]) {
    for (const b of [0, 1, 0xffff, 0x10000, 0xffffffff]) {
      expect(mulHigh(a, b)).toBe(Number((BigInt(a) * BigInt(b)) >> 32n));
    }
  }
});

test("the first words of a stream are those of counter 0, 1, … under the seed as key", () => {
  const rng = new Rng(5 * 2 ** 32 + 7);
  const u = rng.uniformHost(6);
  const words = [...philox([0, 0, 0, 0], [7, 5]), ...philox([1, 0, 0, 0], [7, 5])].slice(0, 6);
  expect([...u]).toEqual(words.map((w) => (w >>> 8) / 2 ** 24));
  expect(rng.state).toEqual({ seed: 5 * 2 ** 32 + 7, offset: 6 });
});

test("a seed's stream and its forks never change from one version to the next", () => {
  const stream = [...new Rng(42).uniformHost(3), new Rng(42).fork("noise").seed];
  // the browser's test knows the same numbers
  expect(stream).toEqual([
    0.6129598617553711, 0.4685865044593811, 0.07323169708251953, 5437043711178204,
  ]);
});

test("the GPU's uniforms and integers are the host's, bit for bit, at any size and offset", async () => {
  const big = 2 ** 34 - 6; // the counter's low word runs over within the draw
  for (const offset of [0, 1, 2, 3, 4, 1023, big, 2 ** 52 + 1]) {
    for (const n of [1, 2, 3, 4, 5, 1025]) {
      const at = () => new Rng(12345678901, offset);
      expect(await read(() => at().uniform(device, [n]))).toEqual(at().uniformHost(n));
      expect(await read(() => at().uniform(device, [n], -1, 1))).toEqual(
        at().uniformHost(n, -1, 1),
      );
      expect(await read(() => at().integers(device, [n], -3, 14))).toEqual(
        at().integersHost(n, -3, 14),
      );
    }
  }
  const wide = () => new Rng(3);
  expect(await read(() => wide().integers(device, [7], -(2 ** 31), 2 ** 31 - 1))).toEqual(
    wide().integersHost(7, -(2 ** 31), 2 ** 31 - 1),
  );
});

test("a draw continues where the last one stopped, and a state brings it back through JSON", async () => {
  const rng = new Rng(9);
  const parts = await device.read(() => [rng.uniform(device, [3]), rng.uniform(device, [2, 4])]);
  const state = JSON.parse(JSON.stringify(rng.state));
  const whole = new Rng(9).uniformHost(11);
  expect([...parts[0]!, ...parts[1]!]).toEqual([...whole]);
  expect(state).toEqual({ seed: 9, offset: 11 });
  expect(Rng.from(state).uniformHost(5)).toEqual(rng.uniformHost(5));
});

test("two draws differ, two seeds differ, and the same seed repeats", () => {
  const rng = new Rng(4);
  const [a, b] = [rng.uniformHost(100), rng.uniformHost(100)];
  expect(a).not.toEqual(b);
  expect(new Rng(5).uniformHost(100)).not.toEqual(a);
  expect(new Rng(4).uniformHost(100)).toEqual(a);
});

test("other ranges stay inside [lo, hi) and within one rounding of the host", async () => {
  for (const [lo, hi] of [
    [0.1, 0.7],
    [-5, 1000],
    [1, 1 + 2 ** -22],
    [-3e38, 3],
  ] as const) {
    const gpu = (await read(() => new Rng(8).uniform(device, [2000], lo, hi))) as Float32Array;
    const host = new Rng(8).uniformHost(2000, lo, hi);
    const size = Math.max(Math.abs(lo), Math.abs(hi));
    gpu.forEach((x, i) => {
      expect(Math.abs(x - host[i]!)).toBeLessThanOrEqual(size * 2 ** -23);
      expect(x).toBeGreaterThanOrEqual(Math.fround(lo));
      expect(x).toBeLessThan(Math.fround(hi));
    });
  }
});

test("the GPU's normals are within 16 units in the last place of the exact ones", async () => {
  const n = 200_000;
  const gpu = (await read(() => new Rng(77).normal(device, [n]))) as Float32Array;
  const host = new Rng(77).normalHost(n);
  let worst = 0;
  const bits = (x: Float32Array) => new Int32Array(x.buffer, x.byteOffset, x.length);
  const [a, b] = [bits(gpu), bits(host)];
  for (let i = 0; i < n; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  expect(worst).toBeLessThanOrEqual(16);
  expect(gpu).toEqual(await read(() => new Rng(77).normal(device, [n])));
});

test("normals start at an even word, are prefixes of longer draws, and scale", async () => {
  const rng = new Rng(6, 3);
  const five = (await read(() => rng.normal(device, [5]))) as Float32Array;
  expect(rng.state.offset).toBe(10);
  const nine = await read(() => new Rng(6, 4).normal(device, [9]));
  expect(nine.slice(0, 5)).toEqual(five);
  expect(new Rng(6, 3).normalHost(5)).toEqual(new Rng(6, 4).normalHost(9).slice(0, 5));
  const scaled = (await read(() => new Rng(6, 4).normal(device, [5], 10, 0.5))) as Float32Array;
  scaled.forEach((x, i) => {
    expect(x).toBeCloseTo(10 + 0.5 * five[i]!, 5);
  });
});

test("moments and the distribution function are those of the uniform and the normal law", async () => {
  const n = 100_000;
  const [u, z] = (await device.read(() => {
    const rng = new Rng(2024);
    return [rng.uniform(device, [n]), rng.normal(device, [n])];
  })) as [Float32Array, Float32Array];
  expect(Math.abs(mean(u) - 0.5)).toBeLessThan((4 * 0.2887) / Math.sqrt(n));
  expect(Math.abs(mean(z))).toBeLessThan(4 / Math.sqrt(n));
  expect(Math.abs(mean(z.map((x) => x * x)) - 1)).toBeLessThan((4 * Math.SQRT2) / Math.sqrt(n));
  expect(Math.abs(mean(z.map((x) => x ** 4)) - 3)).toBeLessThan((4 * 9.8) / Math.sqrt(n));
  const pairs = z.map((x, i) => (i & 1 ? x * z[i - 1]! : 0)); // the two of a pair are uncorrelated
  expect(Math.abs(mean(pairs))).toBeLessThan(3 / Math.sqrt(n));
  const critical = 1.95 / Math.sqrt(n); // Kolmogorov and Smirnov at 0.1 percent
  expect(largestGap(u, (x) => x)).toBeLessThan(critical);
  expect(largestGap(z, normalCdf)).toBeLessThan(critical);
});

function largestGap(sample: Float32Array, cdf: (x: number) => number): number {
  const sorted = sample.toSorted();
  const gaps = sorted.map((x, i) => Math.abs(cdf(x) - (i + 0.5) / sorted.length));
  return gaps.reduce((a, b) => Math.max(a, b), 0);
}

/** Abramowitz and Stegun 7.1.26, good to 1e-7. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) * Math.SQRT1_2);
  const tail =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - tail * Math.exp((-x * x) / 2);
  return 0.5 * (1 + Math.sign(x) * erf);
}

test("integers are even over their range", () => {
  const counts = new Array(6).fill(0);
  for (const x of new Rng(1).integersHost(60_000, 10, 16)) counts[x - 10]++;
  const chi = counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0);
  expect(chi).toBeLessThan(20.5); // 0.1 percent at five degrees of freedom
  expect([...new Rng(1).integersHost(50, 7, 8)]).toEqual(new Array(50).fill(7));
});

test("a permutation has every number once, moves them about and repeats with its seed", () => {
  const order = new Rng(3).permutation(1000);
  expect([...order.toSorted()]).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(order.filter((x, i) => x === i).length).toBeLessThan(10);
  expect(new Rng(3).permutation(1000)).toEqual(order);
  expect([...new Rng(3).permutation(0)]).toEqual([]);
  expect([...new Rng(3).permutation(1)]).toEqual([0]);
  const first = Array.from({ length: 3000 }, (_, i) => new Rng(i).permutation(3).join(""));
  for (const p of ["012", "021", "102", "120", "201", "210"]) {
    expect(Math.abs(first.filter((f) => f === p).length - 500)).toBeLessThan(90);
  }
});

test("forks differ from each other and from their parent, and do not depend on what was drawn", () => {
  const rng = new Rng(11);
  const before = rng.fork("noise").state;
  rng.uniformHost(100);
  expect(rng.fork("noise").state).toEqual(before);
  const streams = ["noise", "init", "", "a", "b", 0, 1, 2, "0", "1", -1].map(
    (n) => rng.fork(n).seed,
  );
  expect(new Set([...streams, rng.seed]).size).toBe(streams.length + 1);
  expect(rng.fork("a").fork("b").seed).not.toBe(rng.fork("b").fork("a").seed);
  const seeds = new Set(Array.from({ length: 20_000 }, (_, i) => rng.fork(i).seed));
  expect(seeds.size).toBe(20_000);
  expect([...seeds].every(Number.isSafeInteger)).toBe(true);
});

test("the shape's size zero draws nothing and does not move the stream", async () => {
  const rng = new Rng(1, 5);
  expect(await read(() => rng.normal(device, [0, 3]))).toHaveLength(0);
  expect(await read(() => rng.uniform(device, [2, 0]))).toHaveLength(0);
  expect(rng.uniformHost(0)).toHaveLength(0);
  expect(rng.state.offset).toBe(5);
});

test("what cannot be drawn is refused with a reason", () => {
  expect(() => new Rng(-1)).toThrow("Rng: seed must be a whole number from 0 to 2^53 - 1, got -1");
  expect(() => new Rng(1.5)).toThrow("got 1.5");
  expect(() => new Rng(0, Number.NaN)).toThrow("Rng: offset must be");
  const rng = new Rng(0);
  expect(() => rng.uniformHost(3, 1, 1)).toThrow("Rng.uniform: needs finite lo < hi, got 1 and 1");
  expect(() => rng.uniformHost(3, -3e38, 3e38)).toThrow("Rng.uniform: needs finite lo < hi");
  expect(() => rng.normalHost(3, 0, -1)).toThrow("Rng.normal: needs a finite mean and std >= 0");
  expect(() => rng.integersHost(3, 5, 5)).toThrow("Rng.integers: needs whole numbers lo < hi");
  expect(() => rng.integersHost(3, 0, 2 ** 31 + 1)).toThrow("in the range of i32");
  expect(() => rng.permutation(-1)).toThrow("Rng: cannot draw -1 numbers");
  expect(() => rng.fork(0.5)).toThrow("Rng.fork: a number must be whole, got 0.5");
  expect(() => new Rng(2, Number.MAX_SAFE_INTEGER).uniformHost(1)).toThrow("is used up; fork it");
});
