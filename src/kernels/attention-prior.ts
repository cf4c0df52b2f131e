/**
 * The prior of attention, pair by pair: T, the Gaussian over a grid around a query's place, and the terms of D and H (attention.ts), of which
 * ∂D/∂P = log(P + ε) − log(T + ε) + (P − T) / (P + ε) and ∂H/∂P = −log(P + ε) − P / (P + ε).
 */

/** Kept away from 0 inside a logarithm. */
export const priorEps = 1e-4;

/** `<name>Row` and `<name>Column` of positions on the grid, in f32: exact up to millions of positions. */
export function gridPlace(name: string, position: string): string {
  return `let ${name}Row = floor((${position} + 0.5) / p.columns);
let ${name}Column = ${position} - ${name}Row * p.columns;`;
}

/** Of queries: 1 / 2σ² of rows and of columns, and the logarithm of the prior's sum over the grid. */
export type Prior = readonly [row: string, column: string, sum: string];

/**
 * `t`, the prior of pairs a tile's row `name` apart, unless that is past the end; the logarithms of the weights `w` and of `t`; `rr` and
 * `cc`, the squared distances.
 */
export function priorOf(
  name: string,
  [row, column, sum]: Prior,
  type: string,
  inside = "true",
): string {
  return `let rr = (${name}Row - myRow) * (${name}Row - myRow);
let cc = (${name}Column - myColumn) * (${name}Column - myColumn);
let t = select(${type}(), exp(-(rr * ${row} + cc * ${column}) - ${sum}), ${inside});
let lp = log(w + ${priorEps}); let lt = log(t + ${priorEps});`;
}

/** The derivatives of divergence and entropy by a weight. */
export const slopes = `let a = lp - lt + (w - t) / (w + ${priorEps});
let b = -lp - w / (w + ${priorEps});`;
