/** Naive products and convolutions over whole numbers: sums are exact in any order, so kernels are compared bit by bit. */
import type { ConvShape, MatmulShape } from "../../src/kernels/index.ts";

/** Whole numbers from -3 to 3, the same on every machine. */
export function wholes(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 7) - 3;
  });
}

export function matmulOf(s: MatmulShape, a: Float32Array, b: Float32Array): Float32Array {
  const c = new Float32Array(s.batch * s.m * s.n);
  for (let layer = 0; layer < s.batch; layer++) {
    const [a0, b0] = [layer * s.strideA, layer * s.strideB];
    for (let i = 0; i < s.m; i++) {
      for (let j = 0; j < s.n; j++) {
        let sum = 0;
        for (let l = 0; l < s.k; l++) {
          const x = a[a0 + (s.transposeA ? l * s.m + i : i * s.k + l)] as number;
          const y = b[b0 + (s.transposeB ? j * s.k + l : l * s.n + j)] as number;
          sum += x * y;
        }
        c[(layer * s.m + i) * s.n + j] = sum;
      }
    }
  }
  return c;
}

/** Every product of a convolution: offsets in x, in the weight and in y. */
function eachProduct(s: ConvShape, visit: (x: number, w: number, y: number) => void): void {
  for (let n = 0; n < s.n; n++)
    for (let oy = 0; oy < s.oh; oy++)
      for (let ox = 0; ox < s.ow; ox++)
        for (let i = 0; i < s.kh; i++)
          for (let j = 0; j < s.kw; j++) {
            const y = oy * s.strideH - s.padTop + i * s.dilationH;
            const x = ox * s.strideW - s.padLeft + j * s.dilationW;
            if (y < 0 || x < 0 || y >= s.h || x >= s.w) continue;
            const [from, to] = [
              ((n * s.h + y) * s.w + x) * s.c,
              ((n * s.oh + oy) * s.ow + ox) * s.k,
            ];
            for (let c = 0; c < s.c; c++)
              for (let k = 0; k < s.k; k++)
                visit(from + c, ((i * s.kw + j) * s.c + c) * s.k + k, to + k);
          }
}

const at = (values: Float32Array, i: number) => values[i] as number;

export function convOf(s: ConvShape, x: Float32Array, w: Float32Array): Float32Array {
  const y = new Float32Array(s.n * s.oh * s.ow * s.k);
  eachProduct(s, (ix, iw, iy) => {
    y[iy] = at(y, iy) + at(x, ix) * at(w, iw);
  });
  return y;
}

export function inputGradOf(s: ConvShape, dy: Float32Array, w: Float32Array): Float32Array {
  const dx = new Float32Array(s.n * s.h * s.w * s.c);
  eachProduct(s, (ix, iw, iy) => {
    dx[ix] = at(dx, ix) + at(dy, iy) * at(w, iw);
  });
  return dx;
}

export function weightGradOf(s: ConvShape, x: Float32Array, dy: Float32Array): Float32Array {
  const dw = new Float32Array(s.kh * s.kw * s.c * s.k);
  eachProduct(s, (ix, iw, iy) => {
    dw[iw] = at(dw, iw) + at(x, ix) * at(dy, iy);
  });
  return dw;
}

/** A convolution of odd sizes unless told otherwise. */
export function conv(shape: Partial<ConvShape>): ConvShape {
  const s = {
    ...{ n: 1, h: 9, w: 7, c: 8, k: 8, kh: 3, kw: 3, strideH: 1, strideW: 1 },
    ...{ padTop: 1, padLeft: 1, dilationH: 1, dilationW: 1, groups: 1 },
    ...shape,
  };
  const out = (size: number, pad: number, taps: number, dilation: number, stride: number) =>
    Math.floor((size + 2 * pad - dilation * (taps - 1) - 1) / stride) + 1;
  return {
    ...s,
    oh: shape.oh ?? out(s.h, s.padTop, s.kh, s.dilationH, s.strideH),
    ow: shape.ow ?? out(s.w, s.padLeft, s.kw, s.dilationW, s.strideW),
  };
}
