/**
 * What CFA trains, with what moves it: model and optimiser, from the maps of the frozen network to distances, loss and step. Nothing of
 * the size patches × centres is ever stored.
 */
import {
  backward,
  concat,
  type Device,
  nearest,
  noGrad,
  type Rng,
  reshape,
  type Tensor,
} from "../core/index.ts";
import { AdamW, type Backbone, type StateDict } from "../models/index.ts";
import { type CfaConfig, centresOf, channelsOf, scaledBackbone } from "./config.ts";
import { pooled } from "./descriptor.ts";
import { cfaLoss } from "./loss.ts";
import { PatchModel } from "./model.ts";

export class PatchLearner {
  readonly model: PatchModel;
  readonly #config: CfaConfig;
  readonly #optimiser: AdamW;
  readonly #byChannels: boolean;

  /**
   * What fails leaves nothing on the device.
   * @param backbone gives the maps; only asked for their sizes
   * @param weights a stream to draw the descriptor from, or a state with everything
   * @throws LoupeError `config` where the settings leave nothing to learn
   */
  constructor(device: Device, config: CfaConfig, backbone: Backbone, weights: Rng | StateDict) {
    const { imageSize, radius, learningRate: lr, weightDecay } = config;
    backbone.sizeCheck(imageSize, imageSize);
    const [side] = backbone.levelSides(imageSize);
    const { channels, name } = backbone;
    const grid = [side, side] as const;
    const sizes = { channels, width: channelsOf(config), grid, centres: centresOf(config, side) };
    const state = weights instanceof Map ? weights : undefined;
    const rng = weights instanceof Map ? undefined : weights;
    this.#config = config;
    this.#byChannels = name === scaledBackbone;
    this.model = new PatchModel(device, rng, { ...sizes, radius });
    try {
      if (state) this.model.load(state);
      const parameters = this.model.namedParameters();
      this.#optimiser = new AdamW(parameters, { lr, weightDecay, amsgrad: true });
    } catch (error) {
      this.model.dispose();
      throw error;
    }
  }

  get bytes(): number {
    return this.model.bytes;
  }

  get optimiserBytes(): number {
    return this.#optimiser.bytes;
  }

  /**
   * φ of images.
   * @param levels `[n, h, w, C]` of each level as the frozen network gives them; freed
   * @returns `[n, side, side, D]`
   */
  describe(levels: readonly Tensor[]): Tensor {
    const maps = pooled(levels, this.#byChannels);
    for (const level of levels) level.dispose();
    return this.model.descriptor.forward(maps);
  }

  /** Squared distances to the `count` nearest centres, ascending, `[n, side, side, count]`; frees `levels`. */
  squares(levels: readonly Tensor[], count: number): Tensor {
    const phi = this.describe(levels);
    return nearest(phi, this.model.bank, count, { squared: true, by: "product" }).values;
  }

  /** One step against the gradient; the loss before it and r after it, `[2]`. Frees `levels`. */
  descend(levels: readonly Tensor[]): Tensor {
    const { neighbours, negatives, learningRate } = this.#config;
    const { radius } = this.model;
    const loss = cfaLoss(this.squares(levels, neighbours + negatives), radius, this.#config);
    backward(loss, undefined, { freeGraph: true });
    this.#optimiser.lr = learningRate;
    this.#optimiser.step();
    this.#optimiser.zeroGrad();
    return noGrad(() => concat([reshape(loss, [1]), radius], 0));
  }

  trainingState(): Promise<StateDict> {
    return this.#optimiser.stateDict();
  }

  /** After the model's state was loaded. */
  loadTrainingState(state: StateDict): void {
    this.#optimiser.loadStateDict(state);
  }

  dispose(): void {
    this.#optimiser.dispose();
    this.model.dispose();
  }
}
