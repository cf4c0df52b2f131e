/** The shape of a product of matrices, batched: C `[batch, m, n]` = A `[batch, m, k]` · B `[batch, k, n]`. */
export interface MatmulShape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is stored `[k, m]`. */
  readonly transposeA: boolean;
  /** B is stored `[n, k]`. */
  readonly transposeB: boolean;
  /** Elements from one batch of A (or B) to the next; 0 shares it. */
  readonly strideA: number;
  readonly strideB: number;
}
