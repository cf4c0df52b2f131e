/**
 * Attention whose weights, the correlations of tokens, have a target: a Gaussian over the grid around each token whose width, along
 * rows and columns, is learned from the token itself, σ = 3^(sigmoid(5z) + 1e-5) − 1.
 */
import { type Attended, attention, map, reshape, type Tensor } from "../core/index.ts";
import { type Build, Linear, Module } from "../models/index.ts";
import type { Grid } from "./embedding.ts";

/** What attention gives, and how its correlations and their target compare, where that was asked for. */
export interface Attention {
  /** `[N, L, d]`. */
  readonly out: Tensor;
  readonly correlation?: Correlation;
}

/** See core's `attention`; each `[N, heads, L]`. */
export type Correlation = Omit<Attended, "out">;

export class Correlations extends Module {
  readonly #heads: number;
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #sigma: Linear;

  constructor(build: Build, width: number, heads: number) {
    super();
    this.#heads = heads;
    const linear = (name: string, out: number) =>
      this.child(`${name}_projection`, new Linear(build, width, out));
    this.#query = linear("query", width);
    this.#key = linear("key", width);
    this.#value = linear("value", width);
    this.#sigma = linear("sigma", 2 * heads);
    // reference: it is applied and the result thrown away; here its weights are only carried along
    linear("out", width).freeze();
  }

  /**
   * @param x queries, `[N, L, d]`
   * @param source keys and values, `[N, L, d]`, or `[1, L, d]` for all images
   * @param grid given: correlations and their targets are compared
   */
  forward(x: Tensor, source: Tensor, grid?: Grid): Attention {
    const q = this.#query.forward(x);
    const [k, v] = [this.#key.forward(source), this.#value.forward(source)];
    const heads = this.#heads;
    if (!grid) return { out: attention(q, k, v, { heads }) };
    const [n, l] = x.shape as [number, number, number];
    const sigma = reshape(spread(this.#sigma.forward(x)), [n, l, heads, 2]);
    const { out, ...correlation } = attention(q, k, v, { heads, prior: { sigma, grid } });
    return { out, correlation };
  }
}

/** σ from what the projection gives, f32. */
export function spread(z: Tensor): Tensor {
  const share = "(T(1) / (T(1) + exp(T(-5) * z)))";
  return map(
    "spread",
    {
      f: `exp((${share} + T(1e-5)) * T(p.ln3)) - T(1)`,
      d: { z: `g * (y + T(1)) * T(5) * T(p.ln3) * ${share} * (T(1) - ${share})` },
      dtype: "f32",
    },
    { z },
    { ln3: Math.log(3) },
  );
}
