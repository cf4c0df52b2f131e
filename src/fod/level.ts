/** One level: its network, the optimiser that moves it, and the reference that it correlates with. */
import {
  backward,
  type Device,
  formatBytes,
  type Rng,
  type Tensor,
  withPrecision,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { Adam, type GradScaler, hostTensor, type StateDict } from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import type { Grid } from "./embedding.ts";
import type { Branches } from "./encoder.ts";
import { levelLoss } from "./losses.ts";
import { LevelNetwork, type LevelShape } from "./model.ts";
import { layerName, referenceTokens, transposed } from "./reference.ts";
import { tokenScores } from "./score.ts";

/** What the frozen network gives on one of its levels. */
export interface LevelInput {
  readonly channels: number;
  readonly grid: Grid;
}

/** What a step of a level did. */
export interface LevelStep {
  /** What `toldNames` lists, `[n]`. */
  readonly told: Tensor;
  /** Not 0 where a gradient overflowed and nothing moved; undefined at full precision. */
  readonly skip: Tensor | undefined;
}

export class Level {
  readonly network: LevelNetwork;
  readonly optimiser: Adam;
  /** What the names of its state begin with. */
  readonly prefix: string;
  readonly #layer: string;
  readonly #config: FodConfig;
  /** `[1, L, C]`, where the inter branch is on. */
  readonly #reference: Tensor | undefined;

  /**
   * What fails leaves nothing on the device.
   * @param place in the config's list of levels
   * @param rng draws the weights; without it they are zeros, to be loaded
   */
  constructor(
    device: Device,
    config: FodConfig,
    place: number,
    { channels, grid }: LevelInput,
    rng: Rng | undefined,
  ) {
    const { heads, layers, intra, inter, learningRate: lr } = config;
    const index = config.levels[place] as number;
    const width = config.widths[place] as number;
    this.prefix = `level${index}.`;
    this.#layer = layerName(index);
    this.#config = config;
    const shape = { channels, width, heads, layers, grid, intra, inter };
    requireRoom(device, index, shape);
    const network = new LevelNetwork({ device, rng: rng?.fork(this.prefix) }, shape);
    this.network = network;
    try {
      this.#reference = inter ? device.zeros([1, grid[0] * grid[1], channels]).keep() : undefined;
      this.optimiser = new Adam(network.trained(), { lr });
    } catch (error) {
      this.#reference?.dispose();
      network.dispose();
      throw error;
    }
  }

  /** Parameters and the reference. */
  get bytes(): number {
    return this.network.bytes + (this.#reference?.bytes ?? 0);
  }

  #forward(tokens: Tensor, compare: Branches) {
    const { precision } = this.#config;
    return withPrecision(precision, () => this.network.forward(tokens, this.#reference, compare));
  }

  /** @param tokens `[N, L, C]` */
  learn(tokens: Tensor, scaler: GradScaler | undefined): LevelStep {
    const made = this.#forward(tokens, this.#config);
    const { total, told } = levelLoss(tokens, made, this.#config);
    backward(total, scaler?.currentScale(), { freeGraph: true });
    const trained = this.network.trained().map(([, tensor]) => tensor);
    const skip = scaler?.unscale(trained).foundInf;
    this.optimiser.step({ skip });
    this.optimiser.zeroGrad();
    return { told, skip };
  }

  /**
   * @param tokens `[N, L, C]`
   * @param compare see `scoredBranches`
   * @returns `[N, L]`
   */
  score(tokens: Tensor, compare: Branches): Tensor {
    return tokens.device.scope(() => tokenScores(tokens, this.#forward(tokens, compare)));
  }

  /** Its reference features under their name, `[C, h · w]`; nothing without the inter branch. */
  async referenceFeatures(): Promise<StateDict> {
    if (!this.#reference) return new Map();
    const [, length, channels] = this.#reference.shape as [number, number, number];
    const tokens = (await this.#reference.data()) as Float32Array;
    const data = transposed(tokens, length, channels);
    return new Map([[this.#layer, hostTensor("f32", [channels, length], data)]]);
  }

  /** Checks reference features; the function it returns takes them over. */
  takeReference(file: string, features: StateDict): () => void {
    const { channels, grid } = this.network.shape;
    const reference = this.#reference;
    if (!reference) return () => {};
    const size = [grid[0] * grid[1], channels] as const;
    const tokens = referenceTokens(file, features, this.#layer, size);
    return () => reference.device.write(reference, tokens);
  }

  dispose(): void {
    this.optimiser.dispose();
    this.network.dispose();
    this.#reference?.dispose();
  }
}

/** Throws, before anything is made, where one tensor of a level would be more than the device can bind. */
function requireRoom(device: Device, level: number, { channels, width, grid }: LevelShape): void {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const cells = grid[0] * grid[1];
  const [weights, tokens] = [4 * width * Math.max(4 * width, channels), 4 * cells * width];
  const bytes = Math.max(weights, tokens);
  if (bytes <= most) return;
  const where = `level ${level} with width ${width} on ${grid[0]} × ${grid[1]} cells`;
  const rule = `needs a tensor of ${formatBytes(bytes)}, this adapter binds at most ${formatBytes(most)}`;
  const next = tokens > weights ? "lower imageSize" : "lower widths";
  throw new LoupeError("memory", `fod: ${where} ${rule}; ${next}`);
}
