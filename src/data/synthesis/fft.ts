/** The inverse discrete Fourier transform of a small square grid: x(m) = Σ X(k) e^{2πi k·m/n}, radix 2, without a factor. */

/** Transforms `[n, n]` complex values in place; `n` is a power of two. */
export function inverseTransform2d(re: Float64Array, im: Float64Array, n: number): void {
  const plan = planOf(n);
  for (let y = 0; y < n; y++) transform(re, im, y * n, plan);
  transpose(re, n);
  transpose(im, n);
  for (let x = 0; x < n; x++) transform(re, im, x * n, plan);
  transpose(re, n);
  transpose(im, n);
}

interface Plan {
  readonly n: number;
  readonly reversed: Uint16Array;
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

const plans = new Map<number, Plan>();

function planOf(n: number): Plan {
  const known = plans.get(n);
  if (known) return known;
  const reversed = new Uint16Array(n);
  for (let i = 1; i < n; i++) reversed[i] = (reversed[i >> 1]! >> 1) | (i & 1 ? n >> 1 : 0);
  const cos = Float64Array.from({ length: n / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sin = Float64Array.from({ length: n / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / n));
  const plan = { n, reversed, cos, sin };
  plans.set(n, plan);
  return plan;
}

/** One line of `n` values from `first` on. */
function transform(re: Float64Array, im: Float64Array, first: number, plan: Plan): void {
  const { n, reversed, cos, sin } = plan;
  for (let i = 0; i < n; i++) {
    const j = reversed[i]!;
    if (j <= i) continue;
    swap(re, first + i, first + j);
    swap(im, first + i, first + j);
  }
  for (let half = 1; half < n; half *= 2) {
    const step = n / (2 * half);
    for (let start = first; start < first + n; start += 2 * half) {
      for (let k = 0, w = 0; k < half; k++, w += step) {
        const a = start + k;
        const b = a + half;
        const r = re[b]! * cos[w]! - im[b]! * sin[w]!;
        const i = re[b]! * sin[w]! + im[b]! * cos[w]!;
        re[b] = re[a]! - r;
        im[b] = im[a]! - i;
        re[a] = re[a]! + r;
        im[a] = im[a]! + i;
      }
    }
  }
}

function transpose(values: Float64Array, n: number): void {
  for (let y = 1; y < n; y++) {
    for (let x = 0; x < y; x++) swap(values, y * n + x, x * n + y);
  }
}

function swap(values: Float64Array, i: number, j: number): void {
  const held = values[i]!;
  values[i] = values[j]!;
  values[j] = held;
}
