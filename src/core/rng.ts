/**
 * Random numbers as a value: a stream is a seed and a position, nothing is drawn from a global, and the same stream gives the
 * same numbers in Node, in a browser, on the GPU and on the host. Words come from Philox 4x32-10 (see philox.ts); word i of a
 * stream is word i mod 4 of counter ⌊i / 4⌋ under the key made of the seed.
 */
import { LoupeError } from "../error.ts";
import { type RandomKind, randomKernel, sizeOf } from "../kernels/index.ts";
import type { Device } from "./device.ts";
import { launch } from "./launch.ts";
import { mulHigh, philox } from "./philox.ts";
import type { Shape, Tensor } from "./tensor.ts";

/** All there is to a stream; survives JSON. */
export interface RngState {
  /** A whole number from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Words used so far. */
  readonly offset: number;
}

/**
 * A stream of random numbers. Each draw moves it on by as many words as it gives numbers; normal numbers come in pairs and
 * start at an even word, an odd one being left out.
 * @example const rng = new Rng(42); const noise = rng.normal(device, [2, 8, 8, 3], 0, 0.1);
 */
export class Rng {
  readonly seed: number;
  #offset: number;

  /** @throws LoupeError `config` when seed or offset are no whole numbers from 0 to 2⁵³ − 1 */
  constructor(seed: number, offset = 0) {
    for (const [name, value] of Object.entries({ seed, offset })) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      const rule = "must be a whole number from 0 to 2^53 - 1";
      throw new LoupeError("config", `Rng: ${name} ${rule}, got ${String(value)}`);
    }
    this.seed = seed;
    this.#offset = offset;
  }

  /** The stream as it was when `state` was taken. */
  static from({ seed, offset }: RngState): Rng {
    return new Rng(seed, offset);
  }

  get state(): RngState {
    return { seed: this.seed, offset: this.#offset };
  }

  /**
   * An independent stream for a named or numbered purpose; this one does not move, so forks do not depend on what was drawn.
   * @example const weights = rng.fork("init"); const noise = rng.fork("noise").fork(epoch);
   */
  fork(name: string | number): Rng {
    if (typeof name === "number" && !Number.isSafeInteger(name)) {
      throw new LoupeError("config", `Rng.fork: a number must be whole, got ${name}`);
    }
    const [a, b] = typeof name === "string" ? hashOf(name) : keyOf(name);
    const tag = typeof name === "string" ? 1 : 2;
    const words = philox([a, b, tag, 0x666f726b], keyOf(this.seed));
    return new Rng((words[0] as number) + ((words[1] as number) >>> 11) * 2 ** 32);
  }

  /** Numbers from [lo, hi), as f32, in steps of (hi − lo) / 2²⁴. */
  uniform(device: Device, shape: Shape, lo = 0, hi = 1): Tensor {
    return this.#draw(device, shape, uniformKind(lo, hi));
  }

  /** Normal numbers, as f32. None is further than 5.8 standard deviations out. */
  normal(device: Device, shape: Shape, mean = 0, std = 1): Tensor {
    checkNormal(mean, std);
    return this.#draw(device, shape, { kind: "normal", mean, std });
  }

  /** Whole numbers from lo to hi − 1, as i32. No number is likelier than another by more than (hi − lo) / 2³². */
  integers(device: Device, shape: Shape, lo: number, hi: number): Tensor {
    return this.#draw(device, shape, integersKind(lo, hi));
  }

  /**
   * What `uniform` would give, on the host: the same bits where hi − lo is a power of two, such as [0, 1) and [−1, 1);
   * elsewhere a GPU may round once less.
   */
  uniformHost(n: number, lo = 0, hi = 1): Float32Array<ArrayBuffer> {
    const { top } = uniformKind(lo, hi);
    const [start, scale] = [Math.fround(lo), Math.fround(hi - lo)];
    const words = this.#words(n, 1);
    const out = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      out[i] = Math.min(start + Math.fround(scale * unit(words[i] as number)), top);
    }
    return out;
  }

  /** What `normal` would give, rounded from f64: the GPU's z differs by at most 16 units in the last place. */
  normalHost(n: number, mean = 0, std = 1): Float32Array<ArrayBuffer> {
    checkNormal(mean, std);
    const words = this.#words(n, 2);
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(unit(words[i] as number) + 2 ** -24));
      const angle = 2 * Math.PI * unit(words[i + 1] as number);
      out[i] = mean + std * radius * Math.cos(angle);
      if (i + 1 < n) out[i + 1] = mean + std * radius * Math.sin(angle);
    }
    return out;
  }

  /** What `integers` would give, on the host: the same numbers. */
  integersHost(n: number, lo: number, hi: number): Int32Array<ArrayBuffer> {
    const { range } = integersKind(lo, hi);
    const words = this.#words(n, 1);
    const out = new Int32Array(n);
    for (let i = 0; i < n; i++) out[i] = lo + mulHigh(words[i] as number, range);
    return out;
  }

  /** The numbers 0 … n − 1 in random order (Fisher and Yates), on the host. */
  permutation(n: number): Int32Array<ArrayBuffer> {
    const words = this.#words(n, 1);
    const order = new Int32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = mulHigh(words[i] as number, i + 1);
      const last = order[i] as number;
      order[i] = order[j] as number;
      order[j] = last;
    }
    return order;
  }

  #draw(device: Device, shape: Shape, draw: RandomKind): Tensor {
    const y = device.empty(shape, draw.kind === "integers" ? "i32" : "f32");
    const count = sizeOf(shape);
    if (count === 0) return y;
    const spec = (offset: number) => randomKernel({ count, key: keyOf(this.seed), offset, draw });
    const next = () => spec(this.#take(count, draw.kind === "normal" ? 2 : 1));
    // a recorded program draws anew at every run, and not yet while it is recorded
    launch(device.recording ? spec(0) : next(), [], [y], { refresh: next });
    return y;
  }

  /** The position of the next `n` words, which are used up; multiples of `group`. */
  #take(n: number, group: 1 | 2): number {
    const start = group === 2 ? this.#offset + (this.#offset % 2) : this.#offset;
    const end = start + n + (group === 2 ? n % 2 : 0);
    if (end > Number.MAX_SAFE_INTEGER) {
      throw new LoupeError("config", `Rng: the stream of seed ${this.seed} is used up; fork it`);
    }
    if (n > 0) this.#offset = end;
    return start;
  }

  /** The next `n` words, rounded up to whole groups. */
  #words(n: number, group: 1 | 2): Uint32Array<ArrayBuffer> {
    if (!Number.isInteger(n) || n < 0) {
      throw new LoupeError("config", `Rng: cannot draw ${n} numbers`);
    }
    const start = this.#take(n, group);
    const shift = start % 4;
    const blocks = Math.ceil((n + (group - 1) + shift) / 4);
    const all = new Uint32Array(4 * blocks);
    const key = keyOf(this.seed);
    for (let b = 0; b < blocks; b++) {
      philox([...keyOf(Math.floor(start / 4) + b), 0, 0], key, all, 4 * b);
    }
    return all.subarray(shift, shift + n + (group === 2 ? n % 2 : 0));
  }
}

/** The 24 upper bits of a word as a number in [0, 1). */
const unit = (word: number) => (word >>> 8) * 2 ** -24;

/** A whole number as two words, low first. */
function keyOf(value: number): [number, number] {
  return [value >>> 0, Math.floor(value / 2 ** 32) >>> 0];
}

/** FNV-1a over the UTF-8 bytes, from two starts. */
function hashOf(name: string): [number, number] {
  let [a, b] = [2166136261, 84696351];
  for (const byte of new TextEncoder().encode(name)) {
    a = Math.imul(a ^ byte, 16777619);
    b = Math.imul(b ^ byte, 709607) ^ (a >>> 15);
  }
  return [a >>> 0, b >>> 0];
}

function uniformKind(lo: number, hi: number) {
  const [low, high] = [Math.fround(lo), Math.fround(hi)];
  if (!(low < high && Number.isFinite(Math.fround(high - low)))) {
    throw new LoupeError("config", `Rng.uniform: needs finite lo < hi, got ${lo} and ${hi}`);
  }
  return { kind: "uniform", lo: low, hi: high, top: below(high) } as const;
}

/** The next smaller f32. */
function below(value: number): number {
  if (value === 0) return -(2 ** -149);
  const f32 = Float32Array.of(value);
  const bits = new Int32Array(f32.buffer);
  bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1);
  return f32[0] as number;
}

function checkNormal(mean: number, std: number): void {
  if (Number.isFinite(mean) && Number.isFinite(std) && std >= 0) return;
  throw new LoupeError(
    "config",
    `Rng.normal: needs a finite mean and std >= 0, got ${mean} and ${std}`,
  );
}

function integersKind(lo: number, hi: number) {
  const range = hi - lo;
  const fits = Number.isInteger(lo) && Number.isInteger(hi) && lo >= -(2 ** 31) && hi <= 2 ** 31;
  if (!fits || range < 1 || range >= 2 ** 32) {
    const rule = "needs whole numbers lo < hi in the range of i32";
    throw new LoupeError("config", `Rng.integers: ${rule}, got ${lo} and ${hi}`);
  }
  return { kind: "integers", lo, range } as const;
}
