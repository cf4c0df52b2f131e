/** The network of one level: it makes a level's tokens again from how they relate to each other and to the reference. */
import type { Tensor } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type Build, Linear, Module } from "../models/index.ts";
import { Embedding, positionTable } from "./embedding.ts";
import { type Branches, type Compared, Encoder, type EncoderShape } from "./encoder.ts";

export interface LevelShape extends EncoderShape {
  /** C. */
  readonly channels: number;
}

/** What the network makes of tokens. */
export interface Reconstruction extends Compared {
  /** `[N, L, C]`. */
  readonly out: Tensor;
}

/** Names and shapes of its state are the reference's. */
export class LevelNetwork extends Module {
  readonly shape: LevelShape;
  readonly #table: Tensor;
  readonly #embedding: Embedding;
  readonly #referenceEmbedding: Embedding | undefined;
  readonly #encoder: Encoder;
  readonly #projection: Linear;

  constructor(build: Build, shape: LevelShape) {
    super();
    const { channels, width, grid, inter } = shape;
    this.shape = shape;
    this.#embedding = this.child("embedding", new Embedding(build, channels, width));
    if (inter) {
      const embedding = new Embedding(build, channels, width);
      this.#referenceEmbedding = this.child("ref_embedding", embedding);
    }
    this.#encoder = this.child("encoder", new Encoder(build, shape));
    this.#projection = this.child("projection", new Linear(build, width, channels));
    const tokens = grid[0] * grid[1];
    this.#table = build.device.tensor(positionTable(grid, width), [1, tokens, width]).keep();
  }

  /** What gradients may reach. */
  trained(): [string, Tensor][] {
    return this.namedParameters().filter(([, tensor]) => tensor.requiresGrad);
  }

  /**
   * @param tokens `[N, L, C]`
   * @param reference the same of the reference, `[1, L, C]`, where the inter branch is on
   * @param compare for which branches correlations and their targets are compared
   */
  forward(tokens: Tensor, reference: Tensor | undefined, compare: Branches): Reconstruction {
    const { grid, channels } = this.shape;
    const length = grid[0] * grid[1];
    if (tokens.shape.length !== 3 || tokens.shape[1] !== length || tokens.shape[2] !== channels) {
      const rule = `tokens of ${grid[0]} × ${grid[1]} cells are [N, ${length}, ${channels}]`;
      throw new LoupeError("shape", `fod: ${rule}, got ${tokens}`);
    }
    const x = this.#embedding.forward(tokens, this.#table);
    const r = reference && this.#referenceEmbedding?.forward(reference, this.#table);
    const { out, ...compared } = this.#encoder.forward(x, r, compare);
    return { out: this.#projection.forward(out), ...compared };
  }

  override dispose(): void {
    this.#table.dispose();
    super.dispose();
  }

  override toString(): string {
    return "FOD";
  }
}
