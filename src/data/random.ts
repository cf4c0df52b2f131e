/**
 * Randomness as a value. A stream is xoroshiro128+ (pure-rand) started from mixed integers, so the randomness of an
 * image can be derived from (seed, epoch, index) and does not depend on the order in which images are loaded.
 */
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import { LoupeError } from "../error.ts";

/** A stream of random numbers. Tests inject recorded streams through the same interface. */
export interface Random {
  /** A uniform integer of `[lo, hi)`, like `numpy.random.randint(lo, hi)`. */
  int(lo: number, hi: number): number;
  /** Fills `out` with independent uniform integers of `[lo, hi)`, `0 <= lo < hi <= 256`. */
  fill(out: Uint8Array, lo: number, hi: number): void;
  /** A uniform number of `[0, 1)` with 32 random bits. */
  uniform(): number;
  /** The state after the draws so far; `randomFrom(state)` goes on with the same numbers. */
  state(): readonly number[];
}

/**
 * The stream that belongs to these integers, for example `(seed, epoch, index)`. Different keys give unrelated
 * streams; the same key gives the same stream in Node and browser. Throws `LoupeError("config")` for other numbers.
 */
export function seededRandom(...key: readonly number[]): Random {
  const words = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
  for (const part of key) {
    if (!Number.isSafeInteger(part)) {
      throw new LoupeError("config", `seededRandom: a seed must be a whole number, got ${part}`);
    }
    for (const half of [part >>> 0, Math.floor(part / 2 ** 32) >>> 0]) absorb(words, half);
  }
  for (let i = 0; i < 4; i++) absorb(words, key.length);
  return randomFrom(words.map((word) => word | 0));
}

/** The stream with a state that `Random.state()` returned. Throws `LoupeError("checkpoint")` for anything else. */
export function randomFrom(state: readonly number[]): Random {
  const whole = state.length === 4 && state.every((word) => (word | 0) === word);
  if (!whole || state.every((word) => word === 0)) {
    throw new LoupeError(
      "checkpoint",
      `randomFrom: a state is four 32-bit integers, got [${state}]`,
    );
  }
  const generator = xoroshiro128plusFromState(state);
  const word = () => generator.next() >>> 0;
  return {
    int: (lo, hi) => lo + below(word, hi - lo),
    fill: (out, lo, hi) => fillBytes(word, out, lo, hi),
    uniform: () => word() / 2 ** 32,
    state: () => [...generator.getState()],
  };
}

/** A random order of `0..n-1` (Fisher-Yates from the end). */
export function permutation(n: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.int(0, i + 1);
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}

/** A draw from the standard normal distribution (Box-Muller, cosine branch). */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

function absorb(words: number[], value: number): void {
  let carry = value;
  for (let i = 0; i < 4; i++) {
    carry = mix((words[i]! + carry + Math.imul(i + 1, 0x9e3779b9)) >>> 0);
    words[i] = (words[i]! ^ carry) >>> 0;
  }
}

function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

function below(word: () => number, range: number): number {
  if (!Number.isSafeInteger(range) || range < 1 || range > 2 ** 32) {
    throw new LoupeError("shape", `random.int: hi - lo must be 1 to 2^32, got ${range}`);
  }
  const limit = Math.floor(2 ** 32 / range) * range;
  for (;;) {
    const draw = word();
    if (draw < limit) return draw % range;
  }
}

function fillBytes(word: () => number, out: Uint8Array, lo: number, hi: number): void {
  const range = hi - lo;
  if (!(lo >= 0 && range >= 1 && hi <= 256)) {
    throw new LoupeError("shape", `random.fill: needs 0 <= lo < hi <= 256, got lo ${lo}, hi ${hi}`);
  }
  const limit = Math.floor(256 / range) * range;
  let i = 0;
  while (i < out.length) {
    const draw = word();
    for (let shift = 0; shift < 32 && i < out.length; shift += 8) {
      const byte = (draw >>> shift) & 255;
      if (byte < limit) out[i++] = lo + (byte % range);
    }
  }
}
