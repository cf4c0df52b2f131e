/**
 * CFA as a detector: a descriptor learns to bring the patches of normal images close to a memory bank of such patches; a patch is as
 * abnormal as it is far from the bank.
 */
import {
  copyElements,
  type Device,
  interpolate,
  mean,
  noGrad,
  type PrepareOptions,
  type Program,
  program,
  Rng,
  requirePrecision,
  reshape,
  type Tensor,
  type TensorType,
} from "../core/index.ts";
import type { Batch } from "../data/index.ts";
import {
  type Detector,
  type DetectorOptions,
  FrozenNetwork,
  type StepPosition,
  smoothed,
  type TrainingImages,
  type TrainingMemory,
  type TrainingSet,
} from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { topFractionMean } from "../metrics/index.ts";
import { findBackbone, type StateDict } from "../models/index.ts";
import { meanBank, paperBank } from "./bank.ts";
import { type CfaConfig, cfaConfig, shorterSide } from "./config.ts";
import { PatchLearner } from "./learner.ts";
import { softminScore } from "./score.ts";

/** Names of the frozen network begin so in a run's files; the reference saves none. */
const prefix = "backbone.";

/** reference: its ResNets give what goes into the last ReLU of a layer, through a LeakyReLU with this slope. */
const leakySum = 0.01;

/** Its `model` may be the reference's state dict too. */
export type CfaOptions = DetectorOptions<CfaConfig>;

/**
 * Makes a CFA detector. What fails leaves nothing on the device.
 * @throws LoupeError `config` for settings, `checkpoint` for weights that don't fit
 * @example const detector = createCfa({ device, config: { backbone: "resnet18" }, teacher, seed: 1 });
 */
export function createCfa(options: CfaOptions): Cfa {
  return new Cfa(options);
}

export class Cfa implements Detector {
  readonly method = "cfa";
  readonly device: Device;
  readonly #config: CfaConfig;
  readonly #frozen: FrozenNetwork;
  readonly #learner: PatchLearner;
  readonly #step: Program<[Tensor], Tensor>;
  readonly #raw: Program<[Tensor], Tensor>;
  readonly #map: Program<[Tensor], Tensor>;
  readonly #record: boolean;
  readonly #rng: Rng;
  #hasBank: boolean;
  /** r after the last step. */
  #radius: number | undefined;

  /** Use `createCfa`. */
  constructor({ device, config: given, teacher, frozen, model, seed, record }: CfaOptions) {
    const config = cfaConfig(given);
    const { backbone, precision } = config;
    requirePrecision("cfa", device, precision);
    const rng = new Rng(seed);
    const sums = findBackbone(backbone).hasSums ? { leakySum } : {};
    const settings = { method: this.method, backbone, prefix, precision, ...sums };
    this.#frozen = new FrozenNetwork(device, settings, { teacher, frozen }, rng);
    try {
      this.#learner = new PatchLearner(device, config, this.#frozen.backbone, model ?? rng);
    } catch (error) {
      this.#frozen.dispose();
      throw error;
    }
    this.device = device;
    this.#config = config;
    this.#rng = rng;
    this.#hasBank = model !== undefined;
    this.#record = record ?? true;
    this.#step = program(device, (images) => this.#learner.descend(this.features(images)));
    this.#raw = program(device, (images) => this.#rawMaps(images));
    this.#map = program(device, (images) => this.#detect(images));
  }

  /** True while the frozen network's weights are random, which is good for trying things out only: whoever shows results says so. */
  get hasRandomExpert(): boolean {
    return this.#frozen.isRandom;
  }

  get config(): Readonly<Record<string, unknown>> {
    return { ...this.#config };
  }

  get epochs(): number {
    return this.#config.epochs;
  }

  get batchSize(): number {
    return this.#config.batchSize;
  }

  get images(): TrainingImages {
    const { imageSize: size, wild: degrees, dropLast } = this.#config;
    return {
      size,
      filters: "lanczos",
      shorter: shorterSide(this.#config),
      ...(degrees > 0 ? { wild: { degrees } } : {}),
      synthesis: "none",
      detour: false,
      dropLast,
    };
  }

  /** One image is enough; the sizes were checked when the detector was made. */
  checkTraining(count: number): void {
    if (count < 1) throw new LoupeError("data", "cfa: there are no images to train on");
  }

  /**
   * Fills the memory bank, unless it was loaded.
   * @throws LoupeError `numeric` where features of the images are not finite
   */
  async beginTraining(set: TrainingSet): Promise<void> {
    if (this.#hasBank) return;
    this.checkTraining(set.samples.length);
    const { bank: C } = this.#learner.model;
    const make = this.#config.bank === "paper" ? paperBank : meanBank;
    const made = await make({
      device: this.device,
      batches: set.clean(set.samples.map((_, place) => place)),
      describe: (images) => this.#learner.describe(this.features(images)),
      centres: C.shape[0] as number,
      rng: this.#rng.fork("bank"),
    });
    try {
      const [middle] = await this.device.read(() => [mean(made)]);
      if (!Number.isFinite(middle?.[0])) throw brokenBank(this.#config);
      copyElements(made, C);
    } finally {
      made.dispose();
    }
    this.#hasBank = true;
  }

  trainStep(images: Tensor, _masks: Tensor, _at: StepPosition): Tensor {
    this.#require("training", images);
    return this.#record ? this.#step(images) : this.#learner.descend(this.features(images));
  }

  observe([r]: Float32Array, _loss: number, _batch: Batch): void {
    this.#radius = r;
  }

  epochScalars(): Readonly<Record<string, number>> {
    return this.#radius === undefined ? {} : { r: this.#radius };
  }

  #type(batchSize: number): TensorType {
    const { imageSize } = this.#config;
    return { shape: [batchSize, imageSize, imageSize, 3], dtype: "f32" };
  }

  prepareTraining(options: PrepareOptions = {}): Promise<void> {
    if (!this.#record) return Promise.resolve();
    return this.#step.prepare([this.#type(this.batchSize)], options);
  }

  trainingMemory(): TrainingMemory {
    return {
      networks: this.#frozen.backbone.bytes + this.#learner.bytes,
      optimiser: this.#learner.optimiserBytes,
      plan: this.#step.plan(this.#type(this.batchSize)),
    };
  }

  learningRate(_at: StepPosition): number {
    return this.#config.learningRate;
  }

  preparePrediction(batchSize: number, options: PrepareOptions = {}): Promise<void> {
    if (!this.#record) return Promise.resolve();
    return this.#map.prepare([this.#type(batchSize)], options);
  }

  /** reference: rescales all maps of a test set together from 0 to 1, so that they depend on each other; no metric changes by that */
  predict(images: Tensor): Tensor {
    this.#require("predicting", images);
    return this.#record ? this.#map(images) : this.#detect(images);
  }

  rawMaps(images: Tensor): Tensor {
    this.#require("predicting", images);
    return this.#record ? this.#raw(images) : this.#rawMaps(images);
  }

  #detect(images: Tensor): Tensor {
    return this.device.scope(() => this.smooth(this.#rawMaps(images)));
  }

  #rawMaps(images: Tensor): Tensor {
    const { neighbours, imageSize } = this.#config;
    return noGrad(() =>
      this.device.scope(() => {
        const scores = softminScore(this.#learner.squares(this.features(images), neighbours));
        const small = reshape(scores, [...scores.shape, 1]);
        const maps = interpolate(small, { size: [imageSize, imageSize], mode: "bilinear" });
        return reshape(maps, maps.shape.slice(0, 3));
      }),
    );
  }

  smooth(maps: Tensor): Tensor {
    return noGrad(() => this.device.scope(() => smoothed(maps, this.#config.sigma)));
  }

  #require(what: string, { shape }: Tensor): void {
    if (!this.#hasBank) {
      const next = "call beginTraining, or load the state of a trained run";
      throw new LoupeError("config", `cfa: ${what} needs the memory bank, which is empty; ${next}`);
    }
    const { imageSize: size } = this.#config;
    const [, h, w, c] = shape;
    if (shape.length === 4 && h === size && w === size && c === 3) return;
    const rule = `the memory bank is for images [N, ${size}, ${size}, 3]`;
    const next = "frame them so, or make a detector with another imageSize";
    throw new LoupeError("shape", `cfa: ${rule}, got [${shape.join(", ")}]; ${next}`);
  }

  imageScore(map: Float32Array): number {
    return topFractionMean(map, this.#config.scoreRatio);
  }

  features(images: Tensor): Tensor[] {
    return this.#frozen.features(images);
  }

  async modelState(): Promise<StateDict> {
    if (this.#hasBank) return this.#learner.model.stateDict();
    const next = "it is made when training begins";
    throw new LoupeError("config", `cfa: there is no memory bank to save; ${next}`);
  }

  /** The reference's own state dict fits too. */
  loadModelState(state: StateDict): void {
    this.#learner.model.load(state);
    this.#hasBank = true;
  }

  frozenState(): Promise<StateDict> {
    return this.#frozen.state();
  }

  loadFrozenState(state: StateDict): void {
    this.#frozen.load(state);
  }

  trainingState(): Promise<StateDict> {
    return this.#learner.trainingState();
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    this.#learner.loadTrainingState(state);
  }

  dispose(): void {
    for (const part of [this.#step, this.#raw, this.#map, this.#learner, this.#frozen]) {
      part.dispose();
    }
  }
}

/** Centres that are NaN would never be the nearest ones, and nobody would see that they are. */
function brokenBank({ precision }: CfaConfig): LoupeError {
  const ways = precision === "f16" ? "use precision f32, or other weights" : "use other weights";
  const rule = "features of the training images are NaN or infinite, and so is the memory bank";
  return new LoupeError("numeric", `cfa: ${rule}; ${ways}`);
}
