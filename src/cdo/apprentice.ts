/** The network that learns, with all that moves it: optimiser, loss scale, the average of its weights; and their state. */
import { backward, type Device, moveTogether, type Rng, type Tensor } from "../core/index.ts";
import { loadPart, prefixed, type StepPosition, split } from "../detector/index.ts";
import {
  type Backbone,
  clipGradNorm,
  type GradScaler,
  type StateDict,
  WeightAverage,
} from "../models/index.ts";
import type { CdoConfig } from "./config.ts";
import { createOptimiser, learningRateOf } from "./optimisation.ts";
import {
  createApprentice,
  createScaler,
  modelPrefix,
  scalerPrefix,
  trainedPrefix,
} from "./parts.ts";

export class Apprentice {
  readonly network: Backbone;
  readonly #clipNorm: number;
  readonly #optimiser: ReturnType<typeof createOptimiser>;
  readonly #learningRate: (at: StepPosition) => number;
  readonly #scaler: GradScaler | undefined;
  /** The network with the average of its weights, which is then the model. */
  readonly #averaged: Backbone | undefined;
  readonly #average: WeightAverage | undefined;

  /**
   * What fails leaves nothing on the device.
   * @param weights a stream to draw them from, or the state that `modelState` gave
   */
  constructor(device: Device, config: CdoConfig, weights: Rng | StateDict) {
    const made: { dispose(): void }[] = [];
    const keep = <T extends { dispose(): void }>(part: T): T => {
      made.push(part);
      return part;
    };
    try {
      this.#scaler = createScaler(device, config);
      if (this.#scaler) keep(this.#scaler);
      const model = weights instanceof Map ? weights : undefined;
      const rng = weights instanceof Map ? undefined : weights;
      this.network = keep(createApprentice(device, config, rng));
      if (model) loadPart(this.network, modelPrefix, model, "cdo");
      this.#optimiser = keep(createOptimiser(this.network.namedParameters(), config));
      if (config.ema > 0) {
        this.#averaged = keep(createApprentice(device, config, undefined));
        if (config.precision === "f16") moveTogether(this.#averaged.parameters());
        this.#average = keep(new WeightAverage(this.network, this.#averaged, config.ema));
      }
    } catch (error) {
      for (const part of made) part.dispose();
      throw error;
    }
    this.#clipNorm = config.clipNorm;
    this.#learningRate = learningRateOf(config);
  }

  /** What is evaluated and saved. */
  get model(): Backbone {
    return this.#averaged ?? this.network;
  }

  /** Parameters and buffers. */
  get bytes(): number {
    return this.network.bytes + (this.#averaged?.bytes ?? 0);
  }

  get optimiserBytes(): number {
    return this.#optimiser.bytes;
  }

  learningRate(at: StepPosition): number {
    return this.#learningRate(at);
  }

  /** Before a step: what of it depends on the clock. */
  begin(at: StepPosition): void {
    this.#optimiser.lr = this.learningRate(at);
    if (this.#average) this.#average.step = at.iteration;
  }

  /** One step against the gradient. At half precision that of the scaled loss, and the step is skipped where it overflows. */
  descend(loss: Tensor): void {
    const [scaler, optimiser, clipNorm] = [this.#scaler, this.#optimiser, this.#clipNorm];
    const parameters = this.network.parameters();
    backward(loss, scaler?.currentScale(), { freeGraph: true });
    if (scaler) {
      const { foundInf } = scaler.unscale(parameters, clipNorm || Number.POSITIVE_INFINITY);
      optimiser.step({ skip: foundInf });
      scaler.update();
    } else {
      if (clipNorm > 0) clipGradNorm(parameters, clipNorm);
      optimiser.step();
    }
    optimiser.zeroGrad();
    this.#average?.update();
  }

  async modelState(): Promise<StateDict> {
    return prefixed(modelPrefix, await this.model.stateDict());
  }

  loadModelState(state: StateDict): void {
    loadPart(this.network, modelPrefix, state, "cdo");
    if (this.#averaged) loadPart(this.#averaged, modelPrefix, state, "cdo");
  }

  async trainingState(): Promise<StateDict> {
    const moments = await this.#optimiser.stateDict();
    const scale = await this.#scaler?.stateDict();
    const trained = this.#averaged ? await this.network.stateDict() : undefined;
    return new Map([
      ...moments,
      ...prefixed(trainedPrefix, trained ?? new Map()),
      ...prefixed(scalerPrefix, scale ?? new Map()),
    ]);
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    const [trained, others] = this.#averaged ? split(trainedPrefix, state) : [undefined, state];
    const [scale, moments] = this.#scaler ? split(scalerPrefix, others) : [undefined, others];
    if (scale) this.#scaler?.checkState(scale);
    this.#optimiser.loadStateDict(moments);
    if (scale) this.#scaler?.loadStateDict(scale);
    if (trained) loadPart(this.network, trainedPrefix, prefixed(trainedPrefix, trained), "cdo");
  }

  dispose(): void {
    this.#scaler?.dispose();
    this.#optimiser.dispose();
    this.#average?.dispose();
    this.#averaged?.dispose();
    this.network.dispose();
  }
}
