/**
 * Winograd's way to convolve 3×3 taps at stride 1: m×m outputs of a channel from a² = (m + 2)² products instead of 9·m² (Lavin and Gray
 * 2016, arXiv:1509.09308).
 *
 *   y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A,    the products over channels being a² products of matrices
 *   dw = Gᵀ [ Σ_tiles (A dy Aᵀ) ⊙ (Bᵀ x B) ] G
 *
 * The input gradient is the same convolution of dy with the taps turned round. Here are the matrices, and the linear maps of
 * windows as shader text.
 */
import type { Plan } from "../caps.ts";
import type { ConvShape } from "./conv-shape.ts";
import type { DirectPlan } from "./plans.ts";
import type { TiledPlan } from "./tile-plans.ts";

/** Outputs along one axis of a tile. */
export type TileSide = 2 | 4;
export type Matrix = readonly (readonly number[])[];

export interface WinogradPlan extends Plan {
  readonly kind: "winograd";
  readonly side: TileSide;
  /** Channels of a thread that maps windows. */
  readonly lanes: 1 | 4;
  /** How the a² products of matrices are computed. */
  readonly product: DirectPlan | TiledPlan;
  /** Bytes of workspace for the transformed tiles that are worked on at once. */
  readonly workspace: number;
}

/** Bᵀ: windows of a×a inputs. */
export const inputMatrix: Readonly<Record<TileSide, Matrix>> = {
  2: [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ],
  4: [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
  ],
};

/** G: the 3×3 taps. */
export const weightMatrix: Readonly<Record<TileSide, Matrix>> = {
  2: [
    [1, 0, 0],
    [1 / 2, 1 / 2, 1 / 2],
    [1 / 2, -1 / 2, 1 / 2],
    [0, 0, 1],
  ],
  4: [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
  ],
};

/** Aᵀ: back to m×m outputs. */
export const outputMatrix: Readonly<Record<TileSide, Matrix>> = {
  2: [
    [1, 1, 1, 0],
    [0, 1, -1, -1],
  ],
  4: [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
  ],
};

export function transposed(m: Matrix): Matrix {
  return (m[0] ?? []).map((_, j) => m.map((row) => row[j] ?? 0));
}

/** True where Winograd's way is exact and its transforms are small beside the products. */
export function suitsWinograd(s: ConvShape): boolean {
  const taps = s.kh === 3 && s.kw === 3 && s.groups === 1;
  const steps = s.strideH * s.strideW * s.dilationH * s.dilationW === 1;
  const channels = s.c % 4 === 0 && s.k % 4 === 0 && Math.min(s.c, s.k) >= 32;
  return taps && steps && channels;
}

/**
 * Lines of shader text that map the window `d_<i>_<j>` of vectors to `e_<i>_<j>` = R d Rᵀ.
 * @param r `[p, q]`; the window is q×q, the result p×p
 */
export function mapWindow(r: Matrix): string {
  const q = r[0]?.length ?? 0;
  const half = r.flatMap((row, i) =>
    Array.from({ length: q }, (_, j) => `let h_${i}_${j} = ${combine(row, (t) => `d_${t}_${j}`)};`),
  );
  const full = r.flatMap((_, i) =>
    r.map((row, j) => `let e_${i}_${j} = ${combine(row, (t) => `h_${i}_${t}`)};`),
  );
  return [...half, ...full].join("\n");
}

/** Σ coefficient · value, without the zeros. */
function combine(coefficients: readonly number[], value: (t: number) => string): string {
  const terms = coefficients.flatMap((c, t) => {
    if (c === 0) return [];
    const size = Math.abs(c) === 1 ? value(t) : `${Math.abs(c)} * ${value(t)}`;
    return [[c < 0 ? "-" : "+", size] as const];
  });
  const text = terms.map(([sign, term]) => `${sign} ${term}`).join(" ");
  return text.replace(/^\+ /, "");
}
