/**
 * The weights of Pillow's convolution resize (Resample.c): for each output position the window of input positions and
 * their weights, normalised and quantised to 22-bit fixed point. Filters: triangle (bilinear, support 1), Keys' cubic with
 * a = -0.5 (bicubic, support 2) and sinc(x) sinc(x / 3) (lanczos, support 3), widened by the scale when shrinking, so they
 * antialias.
 */

/** Pillow's filters that take a weighted mean. */
export type Convolution = "bilinear" | "bicubic" | "lanczos";

/** For output `i`: input positions `start[i] .. start[i] + count[i]`, weights `value[i * taps ...]`, 1.0 = 2^22. */
export type Weights = {
  readonly taps: number;
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly value: Int32Array;
};

/** Bits after the point of a weight: 32 - 8 (a pixel) - 2 (headroom for overshoot). */
export const weightBits = 22;

const triangle = (x: number) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0);

function cubic(value: number): number {
  const a = -0.5;
  const x = Math.abs(value);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}

const lanczos = (x: number) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0);

const filters: Record<Convolution, { weight: (x: number) => number; support: number }> = {
  bilinear: { weight: triangle, support: 1 },
  bicubic: { weight: cubic, support: 2 },
  lanczos: { weight: lanczos, support: 3 },
};

/** Weights depend on three values only and cost a millisecond; images of one data set mostly share them. */
const remembered = new Map<string, Weights>();
const mostRemembered = 64;
/** Those of a strip of extreme length are not worth their memory. */
const longestRemembered = 2 ** 18;

/** The weights that take `from` pixels to `to` pixels along one axis. */
export function resizeWeights(from: number, to: number, filter: Convolution): Weights {
  const key = `${from} ${to} ${filter}`;
  const known = remembered.get(key);
  if (known) return known;
  const weights = computeWeights(from, to, filter);
  if (weights.value.length > longestRemembered) return weights;
  if (remembered.size >= mostRemembered) remembered.clear();
  remembered.set(key, weights);
  return weights;
}

function computeWeights(from: number, to: number, filter: Convolution): Weights {
  const { weight, support: radius } = filters[filter];
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = radius * widening;
  const taps = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(to);
  const count = new Int32Array(to);
  const value = new Int32Array(to * taps);
  const inverse = 1 / widening;
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw: number[] = [];
    let sum = 0;
    for (let j = low; j < high; j++) {
      const w = weight((j - centre + 0.5) * inverse);
      raw.push(w);
      sum += w;
    }
    start[i] = low;
    count[i] = raw.length;
    raw.forEach((w, j) => {
      value[i * taps + j] = quantise(sum === 0 ? w : w / sum);
    });
  }
  return { taps, start, count, value };
}

function quantise(weight: number): number {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** weightBits);
}
