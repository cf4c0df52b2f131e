/** The inverse discrete Fourier transform of a small square grid: x(m) = Σ X(k) e^{2πi k·m/n}, without a factor. Lines are fft.js's. */
import FFT from "fft.js";

/** Transforms `[n, n]` complex values in place; `n` is a power of two. */
export function inverseTransform2d(re: Float64Array, im: Float64Array, n: number): void {
  if (n === 1) return; // fft.js begins at 2
  const fft = new FFT(n);
  const line = new Float64Array(2 * n);
  const out = new Float64Array(2 * n);
  const along = (step: number, apart: number) => {
    for (let first = 0; first < n * apart; first += apart) {
      for (let k = 0, i = first; k < n; k++, i += step) {
        line[2 * k] = re[i]!;
        line[2 * k + 1] = im[i]!;
      }
      fft.inverseTransform(out, line);
      for (let k = 0, i = first; k < n; k++, i += step) {
        re[i] = out[2 * k]! * n; // fft.js divides by n
        im[i] = out[2 * k + 1]! * n;
      }
    }
  };
  along(1, n);
  along(n, 1);
}
