/**
 * The distance files of the reference, for those who want to run it: squared distances of all pairs of cells of a square grid, along
 * columns (x) and along rows (y). Nothing here needs them: a Gaussian over a grid is a product of two.
 */
import { writeNpy } from "../data/index.ts";
import { LoupeError } from "../error.ts";

/** Beyond it a file would have more than 256 MiB. */
const mostTokens = 8192;

/**
 * `distances_x_<L>.npy` or `distances_y_<L>.npy`: `<f4` `[L, L]`, x[i, j] = (column_i − column_j)², y the same of rows.
 * @param tokens L, a square number
 * @throws LoupeError `config` for another number
 */
export function distanceMap(
  axis: "x" | "y",
  tokens: number,
): { readonly name: string; readonly bytes: Uint8Array } {
  const side = Math.sqrt(tokens);
  if (!Number.isInteger(side) || tokens < 1 || tokens > mostTokens) {
    const rule = `a number of cells is a square from 1 to ${mostTokens}, such as 1024 (32 × 32)`;
    throw new LoupeError("config", `fod distance-maps: ${rule}, got ${tokens}`);
  }
  const place = (i: number) => (axis === "x" ? i % side : Math.floor(i / side));
  const data = new Float32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < tokens; j++) data[i * tokens + j] = (place(i) - place(j)) ** 2;
  }
  return { name: `distances_${axis}_${tokens}.npy`, bytes: writeNpy(data, [tokens, tokens]) };
}
