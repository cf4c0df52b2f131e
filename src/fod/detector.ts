/**
 * FOD as a detector: networks that make each token of a normal image again from how it relates to the other tokens and to what is
 * usual at its place. Where they fail, and where the relations differ from what they should be, the image is abnormal.
 */
import {
  add,
  concat,
  type Device,
  mul,
  noGrad,
  type PrepareOptions,
  type Program,
  program,
  Rng,
  requirePrecision,
  slice,
  type Tensor,
  type TensorType,
} from "../core/index.ts";
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
import type { StateDict } from "../models/index.ts";
import { type FodConfig, fodConfig } from "./config.ts";
import { EpochMeans } from "./epoch-means.ts";
import { inputsOf } from "./inputs.ts";
import { Levels } from "./levels.ts";
import { streamReference } from "./reference.ts";
import { tokensOf } from "./tokens.ts";

/** Names of the frozen network's weights begin so in a run's files. */
const prefix = "encoder.";

/** Its `model` may be the list of levels that the reference code saves too. */
export interface FodOptions extends DetectorOptions<FodConfig> {
  /** Reference features, `layer<k>` of `[C, h · w]`, such as `readReference` gives; they replace the model's. */
  readonly reference?: StateDict | undefined;
}

/**
 * Makes a FOD detector. What fails leaves nothing on the device.
 * @throws LoupeError `config` for settings, `checkpoint` for weights or reference features that don't fit
 * @example const detector = createFod({ device, config: { backbone: "resnet18" }, teacher, seed: 1 });
 * @example const trained = createFod({ device, config, frozen, model, seed: 1 }); // nothing is drawn
 */
export function createFod(options: FodOptions): Fod {
  return new Fod(options);
}

export class Fod implements Detector {
  readonly method = "fod";
  readonly device: Device;
  readonly #config: FodConfig;
  readonly #encoder: FrozenNetwork;
  readonly #levels: Levels;
  readonly #step: Program<[Tensor], Tensor>;
  readonly #map: Program<[Tensor], Tensor>;
  readonly #smooth: Program<[Tensor], Tensor>;
  readonly #record: boolean;
  readonly #means: EpochMeans;

  /** Use `createFod`. */
  constructor({ device, config: given, teacher, frozen, model, reference, ...rest }: FodOptions) {
    const config = fodConfig(given);
    if (reference && !config.inter) {
      const rule = "reference features have no effect without inter; leave them out";
      throw new LoupeError("config", `fod: ${rule}`);
    }
    const { backbone, precision } = config;
    requirePrecision("fod", device, precision);
    const rng = new Rng(rest.seed);
    const settings = { method: this.method, backbone, prefix, precision };
    this.#encoder = new FrozenNetwork(device, settings, { teacher, frozen }, rng);
    try {
      const inputs = inputsOf(this.#encoder.backbone, config);
      const levels = new Levels(device, config, inputs, model ?? rng);
      this.#levels = levels;
      try {
        if (reference) levels.loadReference(reference, "reference features");
      } catch (error) {
        levels.dispose();
        throw error;
      }
    } catch (error) {
      this.#encoder.dispose();
      throw error;
    }
    this.device = device;
    this.#config = config;
    this.#means = new EpochMeans(config);
    this.#record = rest.record ?? true;
    this.#step = program(device, (images) => this.#learn(images));
    this.#map = program(device, (images) => this.#detect(images));
    this.#smooth = program(device, (maps) => smoothed(maps, config.sigma));
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
    const { imageSize: size, fit } = this.#config;
    const shorter = fit === "crop" ? { shorter: size } : {};
    return { size, filters: "lanczos", ...shorter, synthesis: "none", detour: false };
  }

  /** True when nothing has to be computed from training images any more before a step or a prediction. */
  get hasReference(): boolean {
    return this.#levels.hasReference;
  }

  checkTraining(count: number): void {
    if (count < 1) throw new LoupeError("data", "fod: there are no images to train on");
  }

  /**
   * Streams the training images once for the reference, unless it is there: given, or loaded with the model.
   * reference: it is a file made beforehand.
   */
  async beginTraining(set: TrainingSet): Promise<void> {
    if (this.hasReference) return;
    const places = set.samples.map((_, i) => i);
    const { levels } = this.#config;
    const features = (images: Tensor) => this.features(images);
    const reference = await streamReference(this.device, features, levels, set.clean(places));
    this.#levels.loadReference(reference.features, "reference features");
  }

  /** The loss it returns is rec, the mean of all levels: what is descended on falls and rises with terms that work against each other. */
  trainStep(images: Tensor, _masks: Tensor, at: StepPosition): Tensor {
    this.#requireReference("trainStep");
    this.#requireSize("trainStep", images);
    this.#levels.begin(this.#config.learningRate);
    this.#means.stepsPerEpoch = at.iterationsPerEpoch;
    return this.#record ? this.#step(images) : this.#learn(images);
  }

  /** Of the config's levels. */
  #tokens(images: Tensor): Tensor[] {
    return noGrad(() =>
      this.device.scope(() => {
        const features = this.features(images);
        return this.#config.levels.map((k) => tokensOf(features[k] as Tensor));
      }),
    );
  }

  #learn(images: Tensor): Tensor {
    const told = this.#levels.learn(this.#tokens(images));
    return noGrad(() => {
      const recs = told.map((t) => slice(t, 0, 0, 1));
      const loss = mul(
        recs.reduce((a, b) => add(a, b)),
        1 / told.length,
      );
      return concat([loss, ...told], 0);
    });
  }

  observe(values: Float32Array): void {
    this.#means.add(values);
  }

  /** Means over the epoch of each level's rec, divergence (`target`, as the reference logs it) and entropies. */
  epochScalars(): Readonly<Record<string, number>> {
    return this.#means.scalars();
  }

  prepareTraining(options: PrepareOptions = {}): Promise<void> {
    const { batchSize } = this.#config;
    return this.#record
      ? this.#step.prepare([this.#type(batchSize, 3)], options)
      : Promise.resolve();
  }

  trainingMemory(): TrainingMemory {
    return {
      networks: this.#levels.bytes + this.#encoder.backbone.bytes,
      optimiser: this.#levels.optimiserBytes,
      plan: this.#step.plan(this.#type(this.#config.batchSize, 3)),
    };
  }

  #type(batchSize: number, ...channels: number[]): TensorType {
    const { imageSize } = this.#config;
    return { shape: [batchSize, imageSize, imageSize, ...channels], dtype: "f32" };
  }

  async preparePrediction(batchSize: number, options: PrepareOptions = {}): Promise<void> {
    if (!this.#record) return;
    await this.#map.prepare([this.#type(batchSize, 3)], options);
    await this.#smooth.prepare([this.#type(batchSize)]);
  }

  predict(images: Tensor): Tensor {
    return this.device.scope(() => this.smooth(this.rawMaps(images)));
  }

  rawMaps(images: Tensor): Tensor {
    this.#requireReference("predict");
    this.#requireSize("predict", images);
    return this.#record ? this.#map(images) : this.#detect(images);
  }

  smooth(maps: Tensor): Tensor {
    return this.#record ? this.#smooth(maps) : smoothed(maps, this.#config.sigma);
  }

  #detect(images: Tensor): Tensor {
    const side = images.shape[1] as number;
    return noGrad(() => this.device.scope(() => this.#levels.score(this.#tokens(images), side)));
  }

  imageScore(map: Float32Array): number {
    return topFractionMean(map, this.#config.scoreRatio);
  }

  features(images: Tensor): Tensor[] {
    return this.#encoder.features(images);
  }

  modelState(): Promise<StateDict> {
    return this.#levels.modelState();
  }

  loadModelState(state: StateDict): void {
    this.#levels.loadModelState(state);
  }

  /** `layer<k>` of `[C, h · w]` for each level. Throws before there are any. */
  referenceFeatures(): Promise<StateDict> {
    this.#requireReference("referenceFeatures");
    return this.#levels.referenceFeatures();
  }

  frozenState(): Promise<StateDict> {
    return this.#encoder.state();
  }

  loadFrozenState(state: StateDict): void {
    this.#encoder.load(state);
  }

  async trainingState(): Promise<StateDict> {
    return new Map([...(await this.#levels.trainingState()), ...this.#means.state()]);
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    this.#levels.loadTrainingState(this.#means.loadState(state));
  }

  #requireReference(where: string): void {
    if (this.hasReference) return;
    const rule = "there are no reference features yet";
    const next = "train it, load a trained model, or give reference features";
    throw new LoupeError("config", `fod: ${where}: ${rule}; ${next}`);
  }

  #requireSize(where: string, { shape }: Tensor): void {
    const { imageSize } = this.#config;
    if (shape.length === 4 && shape[1] === imageSize && shape[2] === imageSize) return;
    const rule = `images are [N, ${imageSize}, ${imageSize}, 3] as the config's imageSize says`;
    throw new LoupeError("shape", `fod: ${where}: ${rule}, got [${shape.join(", ")}]`);
  }

  dispose(): void {
    this.#step.dispose();
    this.#map.dispose();
    this.#smooth.dispose();
    this.#levels.dispose();
    this.#encoder.dispose();
  }
}
