/** The encoder: layers in which tokens see each other (intra) and the reference (inter), and a normalisation at the end. */
import { add, gelu, sub, type Tensor } from "../core/index.ts";
import { type Build, LayerNorm, Linear, Module, ModuleList } from "../models/index.ts";
import { type Correlation, Correlations } from "./correlation.ts";
import type { Grid } from "./embedding.ts";

/** The two ways in which tokens are related. */
export interface Branches {
  readonly intra: boolean;
  readonly inter: boolean;
}

export interface EncoderShape extends Branches {
  /** d. */
  readonly width: number;
  readonly heads: number;
  readonly layers: number;
  readonly grid: Grid;
}

/** Correlations of each layer, of the branches that were asked for. */
export interface Compared {
  readonly intra: readonly Correlation[];
  readonly inter: readonly Correlation[];
}

/** Linear to 4 d, GELU, linear back. */
class FeedForward extends Module {
  readonly #fc1: Linear;
  readonly #fc2: Linear;

  constructor(build: Build, width: number) {
    super();
    this.#fc1 = this.child("fc1", new Linear(build, width, 4 * width));
    this.#fc2 = this.child("fc2", new Linear(build, 4 * width, width));
  }

  forward(x: Tensor): Tensor {
    return this.#fc2.forward(gelu(this.#fc1.forward(x)));
  }
}

class EncoderLayer extends Module {
  readonly #shape: EncoderShape;
  readonly #intra: Correlations;
  readonly #inter: Correlations;
  readonly #feedForward: FeedForward;
  readonly #norm1: LayerNorm;
  readonly #norm2: LayerNorm;

  constructor(build: Build, shape: EncoderShape) {
    super();
    const { width, heads } = shape;
    this.#shape = shape;
    this.#intra = this.child("self_attention", new Correlations(build, width, heads));
    this.#inter = this.child("cross_attention", new Correlations(build, width, heads));
    this.#feedForward = this.child("ffn", new FeedForward(build, width));
    this.#norm1 = this.child("norm1", new LayerNorm(build, width));
    this.#norm2 = this.child("norm2", new LayerNorm(build, width));
  }

  forward(x: Tensor, reference: Tensor | undefined, compare: Branches) {
    const { intra, inter, grid } = this.#shape;
    const wanted = (yes: boolean) => (yes ? grid : undefined);
    const a = intra || !inter ? this.#intra.forward(x, x, wanted(compare.intra)) : undefined;
    const c =
      inter && reference ? this.#inter.forward(x, reference, wanted(compare.inter)) : undefined;
    const u = this.#norm1.forward(joined(x, a?.out, c?.out));
    const out = this.#norm2.forward(add(u, this.#feedForward.forward(u)));
    return { out, intra: a?.correlation, inter: c?.correlation };
  }
}

/** (x + a) − (x + c) where both are there: the input cancels. */
function joined(x: Tensor, a: Tensor | undefined, c: Tensor | undefined): Tensor {
  if (a && c) return sub(a, c);
  return add(x, (a ?? c) as Tensor);
}

export class Encoder extends Module {
  readonly #layers: readonly EncoderLayer[];
  readonly #norm: LayerNorm;

  constructor(build: Build, shape: EncoderShape) {
    super();
    this.#layers = Array.from({ length: shape.layers }, () => new EncoderLayer(build, shape));
    this.child("encode_layers", new ModuleList(this.#layers));
    this.#norm = this.child("norm", new LayerNorm(build, shape.width));
  }

  /**
   * @param x `[N, L, d]`
   * @param reference `[1, L, d]`, where the inter branch is on
   */
  forward(x: Tensor, reference: Tensor | undefined, compare: Branches): Compared & { out: Tensor } {
    const intra: Correlation[] = [];
    const inter: Correlation[] = [];
    let y = x;
    for (const layer of this.#layers) {
      const made = layer.forward(y, reference, compare);
      if (made.intra) intra.push(made.intra);
      if (made.inter) inter.push(made.inter);
      y = made.out;
    }
    return { out: this.#norm.forward(y), intra, inter };
  }
}
