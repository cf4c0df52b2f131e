/**
 * Noise of one spatial scale, the axis `freq`: Gaussian values g · (1 + i) in Fourier space, their mean set to 127.5, a Butterworth
 * low-pass 1 / (1 + (D/r)^4), back, the modulus, stretched to 0..1 over the whole image and its channels.
 *
 * reference: transforms the whole image. Here the field lies on a small periodic grid, because only patches show it: its period is
 * at least 8 lengths of the structure (side / r) or the image, its spacing at most an eighth of one, linear in between, so the
 * grid has at most 128 x 128 points. Where the period is shorter than the image, the ends of the stretch are not found but
 * computed: the medians of the extremes that a whole image of such noise has.
 */
import type { Box } from "../image.ts";
import type { Random } from "../random.ts";
import { inverseTransform2d } from "./fft.ts";

/** Noise over the whole plane; the same pixels wherever two boxes overlap. */
export interface NoiseField {
  /** Pixels `[bottom - top, right - left, 3]`. */
  readonly pixels: (box: Box) => Uint8Array;
}

/** Standard deviation of g, and what the mean becomes: the reference's. */
const deviation = 10_000;
const middle = 127.5;
const leastPeriod = 128;
const leastPoints = 32;

/** The cut-off in bins at strength `s` for an image of `side` x `side` pixels. */
export function cutOff(side: number, s: number, lowest = 1): number {
  return Math.max(lowest, side ** (1 - s));
}

/** The noise of one image of `side` x `side` pixels, low-passed at `r` bins. */
export function coarseNoise(random: Random, side: number, r: number): NoiseField {
  const { layout, gains, extremes } = filterOf(side, r);
  const { n } = layout;
  const values = new Float32Array(n * n * 3);
  modulus(random, gains, n, [0, 1], values);
  modulus(random, gains, n, [2], values);
  const [low, high] = extremes ?? extremesIn(values, layout);
  const scale = 255 / Math.max(high - low, 1e-9);
  for (let i = 0; i < values.length; i++) {
    values[i] = Math.max(0, Math.min(255, (values[i]! - low) * scale));
  }
  return { pixels: (box) => sample(values, layout, box) };
}

/** What all noise of one cut-off has in common. */
interface Filter {
  readonly layout: Layout;
  readonly gains: Float64Array;
  /** Where the period is shorter than the image. */
  readonly extremes: readonly [low: number, high: number] | undefined;
}

/** Of the last image: in an epoch with one strength all are alike. */
let last: (Filter & { readonly side: number; readonly r: number }) | undefined;

function filterOf(side: number, r: number): Filter {
  if (last?.side === side && last.r === r) return last;
  const layout = layoutOf(side, r);
  const gains = gainsOf(layout, r);
  const extremes = layout.period < side ? extremesOf(gains, layout) : undefined;
  last = { side, r, layout, gains, extremes };
  return last;
}

/** `n` x `n` points, `spacing` pixels apart, repeat after `period` pixels of an image of `side`. */
interface Layout {
  readonly side: number;
  readonly n: number;
  readonly spacing: number;
  readonly period: number;
}

function layoutOf(side: number, r: number): Layout {
  const scale = side / r;
  const whole = atLeast(side);
  const period = Math.min(whole, Math.max(leastPeriod, atLeast(8 * scale)));
  const spacing = Math.max(
    1,
    Math.min(2 ** Math.floor(Math.log2(scale / 8)), period / leastPoints),
  );
  return { side, n: period / spacing, spacing, period };
}

/** The smallest power of two that is not below `value`. */
function atLeast(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}

/** What g is multiplied by in each bin: a bin of the grid stands for (side / period)² bins of the image. */
function gainsOf({ side, n, period }: Layout, r: number): Float64Array {
  const step = side / period;
  const unit = (deviation * step) / (side * side);
  return Float64Array.from({ length: n * n }, (_, i) => {
    const y = Math.floor(i / n);
    const x = i % n;
    const d = length(y < n / 2 ? y : y - n, x < n / 2 ? x : x - n) * (step / r);
    return i === 0 ? 0 : unit / (1 + d * d * d * d);
  });
}

/** `Math.hypot` takes ten times as long. */
function length(a: number, b: number): number {
  return Math.sqrt(a * a + b * b);
}

/** |127.5 + (1 + i) x| of one or two channels; two real spectra share one complex transform. */
function modulus(
  random: Random,
  gains: Float64Array,
  n: number,
  channels: readonly [number, number?],
  out: Float32Array,
): void {
  const re = gaussians(random, gains);
  const im = channels.length === 2 ? gaussians(random, gains) : new Float64Array(n * n);
  inverseTransform2d(re, im, n);
  const [first, second] = channels;
  for (let y = 0; y < n; y++) {
    const opposite = ((n - y) & (n - 1)) * n;
    for (let x = 0; x < n; x++) {
      const i = y * n + x;
      const j = opposite + ((n - x) & (n - 1));
      const reEven = (re[i]! + re[j]!) / 2;
      const imOdd = (im[i]! - im[j]!) / 2;
      out[i * 3 + first] = length(middle + reEven - imOdd, reEven + imOdd);
      if (second === undefined) continue;
      const imEven = (im[i]! + im[j]!) / 2;
      const reOdd = (re[i]! - re[j]!) / 2;
      out[i * 3 + second] = length(middle + imEven + reOdd, imEven - reOdd);
    }
  }
}

/** Levels of radius and angle of a normal draw: beyond what a sum over bins can tell from a continuum. */
const levels = 4096;
const radii = Float64Array.from({ length: levels }, (_, i) => {
  return Math.sqrt(-2 * Math.log((i + 0.5) / levels));
});
const cosines = Float64Array.from({ length: levels }, (_, i) => {
  return Math.cos((2 * Math.PI * i) / levels);
});

/** Normal draws times the gains: Box-Muller from tables, two draws from three bytes. */
function gaussians(random: Random, gains: Float64Array): Float64Array {
  const out = new Float64Array(gains.length);
  const bytes = new Uint8Array((gains.length / 2) * 3);
  random.fill(bytes, 0, 256);
  for (let i = 0, b = 0; i < out.length; i += 2, b += 3) {
    const radius = radii[bytes[b]! | ((bytes[b + 2]! & 15) << 8)]!;
    const angle = bytes[b + 1]! | ((bytes[b + 2]! >> 4) << 8);
    out[i] = radius * cosines[angle]! * gains[i]!;
    out[i + 1] = radius * cosines[(angle + levels / 4) % levels]! * gains[i + 1]!;
  }
  return out;
}

/** The least and the greatest value within the image. */
function extremesIn(values: Float32Array, { side, n, spacing }: Layout): [number, number] {
  const end = Math.min(n, Math.ceil(side / spacing));
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (let y = 0; y < end; y++) {
    for (let i = y * n * 3; i < (y * n + end) * 3; i++) {
      low = Math.min(low, values[i]!);
      high = Math.max(high, values[i]!);
    }
  }
  return [low, high];
}

/**
 * The medians of the extremes: z with m · Q(z) = ln 2, where m is how many values of the image are independent, times z² as a
 * smooth field peaks between them, but no more than it has.
 */
function extremesOf(gains: Float64Array, { side, period }: Layout): [number, number] {
  let [square, fourth] = [0, 0];
  for (const gain of gains) {
    square += gain * gain;
    fourth += gain * gain * gain * gain;
  }
  const independent = (3 * (square * square * (side / period) ** 2)) / fourth;
  let z = 4;
  for (let i = 0; i < 8; i++) {
    const m = Math.min(independent * z * z, 3 * side * side);
    z = Math.sqrt(2 * Math.log(m / (z * Math.sqrt(2 * Math.PI) * Math.LN2)));
  }
  const reach = z * Math.sqrt(square);
  return [Math.max(0, middle - reach), middle + reach];
}

function sample(values: Float32Array, { n, spacing }: Layout, box: Box): Uint8Array {
  const columns = box.right - box.left;
  const out = new Uint8Array((box.bottom - box.top) * columns * 3);
  let o = 0;
  for (let y = box.top; y < box.bottom; y++) {
    const v = y / spacing;
    const above = (Math.floor(v) % n) * n;
    const below = ((Math.floor(v) + 1) % n) * n;
    const down = v - Math.floor(v);
    for (let x = box.left; x < box.right; x++) {
      const u = x / spacing;
      const left = Math.floor(u) % n;
      const right = (left + 1) % n;
      const across = u - Math.floor(u);
      for (let c = 0; c < 3; c++, o++) {
        const a = values[(above + left) * 3 + c]!;
        const b = values[(above + right) * 3 + c]!;
        const d = values[(below + left) * 3 + c]!;
        const e = values[(below + right) * 3 + c]!;
        const top = a + (b - a) * across;
        out[o] = Math.round(top + (d + (e - d) * across - top) * down);
      }
    }
  }
  return out;
}
