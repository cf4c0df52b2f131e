/**
 * CDO as a detector: a frozen expert and an apprentice of the same architecture look at the same image; where their features
 * differ, the image is abnormal.
 */
import {
  concat,
  type Device,
  noGrad,
  type PrepareOptions,
  type Program,
  program,
  Rng,
  reshape,
  slice,
  type Tensor,
  type TensorType,
  withPrecision,
} from "../core/index.ts";
import { type Batch, detourSize } from "../data/index.ts";
import {
  type Detector,
  type DetectorOptions,
  type EpochPlan,
  FrozenNetwork,
  jsonOf,
  jsonTensor,
  type StepPosition,
  type TrainingImages,
  type TrainingMemory,
  type TrainingSet,
} from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { topFractionMean } from "../metrics/index.ts";
import type { Backbone, StateDict } from "../models/index.ts";
import { Apprentice } from "./apprentice.ts";
import { type CdoConfig, cdoConfig } from "./config.ts";
import { type Curriculum, createCurriculum, type Surroundings } from "./curriculum/index.ts";
import { type CdoLosses, type CdoLossOptions, cdoLosses } from "./loss.ts";
import { unitFeatureLoss } from "./losses/index.ts";
import { anomalyMap } from "./map.ts";
import { curriculumEntry, frozenPrefix as prefix } from "./parts.ts";

/** What a step takes: images, masks, and the numbers of the curriculum if there are any. */
type StepInputs = [images: Tensor, masks: Tensor, controls?: Tensor];

/** What `drawPatches` takes. */
const smallestNoise = 20;

export type CdoOptions = DetectorOptions<CdoConfig>;

/**
 * Makes a CDO detector. What fails leaves nothing on the device.
 * @throws LoupeError `config` for settings, `checkpoint` for weights that don't fit
 * @example const detector = createCdo({ device, config: { backbone: "resnet18" }, teacher, seed: 1 });
 * @example const trained = createCdo({ device, config, frozen, model, seed: 1 }); // nothing is drawn
 */
export function createCdo(options: CdoOptions): Cdo {
  return new Cdo(options);
}

export class Cdo implements Detector {
  readonly method = "cdo";
  readonly device: Device;
  readonly #config: CdoConfig;
  readonly #expert: FrozenNetwork;
  readonly #apprentice: Apprentice;
  readonly #step: Program<Tensor[], Tensor>;
  readonly #map: Program<[Tensor], Tensor>;
  readonly #record: boolean;
  readonly #curriculum: Curriculum | undefined;
  #around: Surroundings | undefined;

  /** Use `createCdo`. */
  constructor({ device, config: given, teacher, frozen, model, seed, record }: CdoOptions) {
    const config = cdoConfig(given);
    const { curriculum, epochs, batchSize, imageSize, backbone, precision } = config;
    const side = config.version === "2025" && config.detour ? detourSize : imageSize;
    this.#curriculum = curriculum
      ? createCurriculum(curriculum, { epochs, seed, batchSize, side })
      : undefined;
    const rng = new Rng(seed);
    const settings = { method: this.method, backbone, prefix, precision };
    this.#expert = new FrozenNetwork(device, settings, { teacher, frozen }, rng);
    try {
      this.#apprentice = new Apprentice(device, config, model ?? rng);
    } catch (error) {
      this.#expert.dispose();
      throw error;
    }
    this.device = device;
    this.#config = config;
    this.#record = record ?? true;
    this.#step = program(device, (images, masks, controls) => this.#learn(images, masks, controls));
    this.#map = program(device, (images) => this.#detect(images));
  }

  /** True while the expert's weights are random, which is good for trying things out only: whoever shows results says so. */
  get hasRandomExpert(): boolean {
    return this.#expert.isRandom;
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
    const { imageSize, mom, version, detour } = this.#config;
    return { size: imageSize, filters: version, synthesis: mom ? `cdo${version}` : "none", detour };
  }

  checkTraining(count: number): void {
    if (count < 1) throw new LoupeError("data", "cdo: there are no images to train on");
    const { imageSize, batchSize } = this.#config;
    const { synthesis, detour } = this.images;
    if (synthesis !== "none" && !detour && imageSize < smallestNoise) {
      const rule = `white noise needs at least ${smallestNoise} without the detour`;
      const next = "raise it, or turn mom off";
      throw new LoupeError("config", `cdo: imageSize is ${imageSize}, but ${rule}; ${next}`);
    }
    const last = count % batchSize || Math.min(count, batchSize);
    this.#apprentice.network.train().sizeCheck(imageSize, imageSize, last);
  }

  trainStep(images: Tensor, masks: Tensor, at: StepPosition): Tensor {
    this.#apprentice.begin(at);
    const controls = this.#curriculum?.controls(at.epoch) ?? [];
    const numbers = Float32Array.from(controls);
    const more = controls.length > 0 ? [this.device.tensor(numbers, [numbers.length])] : [];
    const inputs = [images, masks, ...more];
    return this.#record ? this.#step(...inputs) : this.#learn(...(inputs as StepInputs));
  }

  #learn(images: Tensor, masks: Tensor, controls?: Tensor): Tensor {
    const [expert, own] = this.#look(images, this.#apprentice.network.train());
    const { loss, parts } = this.#losses(expert, own, masks, controls);
    this.#apprentice.descend(loss);
    return parts ? noGrad(() => concat([reshape(loss, [1]), parts], 0)) : loss;
  }

  #losses(expert: Tensor[], own: Tensor[], masks: Tensor, controls?: Tensor): CdoLosses {
    const { loss, gamma, oom, version, checkpointActivations: recompute } = this.#config;
    if (loss !== "cdo") return { loss: unitFeatureLoss(loss, expert, own) };
    const normaliseFirst = version === "2025";
    const options = { gamma, oom, normaliseFirst, recompute, ...this.#controlled(controls) };
    return cdoLosses(expert, own, masks, options);
  }

  /** What the curriculum changes about the loss, from the numbers of the epoch. */
  #controlled(controls: Tensor | undefined): Partial<CdoLossOptions> {
    const { hooks, gammas = 0 } = this.#curriculum ?? {};
    if (!controls || !hooks) return {};
    const { gamma, weights } = hooks;
    return noGrad(() => ({
      ...(gamma ? { gamma: slice(controls, 0, 0, gammas) } : {}),
      ...(weights
        ? { weigh: (parts: Tensor) => weights.weigh(parts, slice(controls, 0, gammas)) }
        : {}),
    }));
  }

  async beginTraining(set: TrainingSet): Promise<void> {
    const curriculum = this.#curriculum;
    if (!curriculum) return;
    this.#around = {
      device: this.device,
      set,
      features: (images) => this.features(images),
      discrepancy: (images) => this.#detect(images, 0),
    };
    await curriculum.begin(this.#around);
  }

  planEpoch(epoch: number): EpochPlan | undefined {
    if (!this.#curriculum) return undefined;
    if (!this.#around) {
      const rule = "a curriculum looks at its images first";
      throw new LoupeError("config", `cdo: planEpoch before beginTraining: ${rule}; call it`);
    }
    return this.#curriculum.plan(epoch, this.#around.set.samples.length);
  }

  observe(values: Float32Array, loss: number, batch: Batch): void {
    this.#curriculum?.observe(values, loss, batch);
  }

  async endEpoch(epoch: number): Promise<void> {
    if (this.#around) await this.#curriculum?.endEpoch(epoch, this.#around);
  }

  /** The features of both networks, finest first, in the precision of the config. */
  #look(images: Tensor, apprentice: Backbone): [expert: Tensor[], apprentice: Tensor[]] {
    const own = () => apprentice.forward(images);
    return [this.features(images), withPrecision(this.#config.precision, own)];
  }

  /** Images, masks and numbers of the curriculum of one training step. */
  #types(): TensorType[] {
    const { imageSize, batchSize } = this.#config;
    const f32 = (...shape: number[]): TensorType => ({ shape, dtype: "f32" });
    const of = (c: number) => f32(batchSize, imageSize, imageSize, c);
    const controls = this.#curriculum?.controls(0).length ?? 0;
    return [of(3), of(1), ...(controls > 0 ? [f32(controls)] : [])];
  }

  prepareTraining(options: PrepareOptions = {}): Promise<void> {
    return this.#record ? this.#step.prepare(this.#types(), options) : Promise.resolve();
  }

  trainingMemory(): TrainingMemory {
    return {
      networks: this.#apprentice.bytes + this.#expert.backbone.bytes,
      optimiser: this.#apprentice.optimiserBytes,
      plan: this.#step.plan(...this.#types()),
    };
  }

  learningRate(at: StepPosition): number {
    return this.#apprentice.learningRate(at);
  }

  preparePrediction(batchSize: number, options: PrepareOptions = {}): Promise<void> {
    const { imageSize } = this.#config;
    const type: TensorType = { shape: [batchSize, imageSize, imageSize, 3], dtype: "f32" };
    return this.#record ? this.#map.prepare([type], options) : Promise.resolve();
  }

  predict(images: Tensor): Tensor {
    return this.#record ? this.#map(images) : this.#detect(images);
  }

  #detect(images: Tensor, sigma = this.#config.sigma): Tensor {
    const [, h, w] = images.shape as [number, number, number, number];
    return noGrad(() =>
      this.device.scope(() => {
        const [expert, own] = this.#look(images, this.#apprentice.model.eval());
        return anomalyMap(expert, own, [h, w], { ...this.#config, sigma });
      }),
    );
  }

  imageScore(map: Float32Array): number {
    return topFractionMean(map, this.#config.scoreRatio);
  }

  features(images: Tensor): Tensor[] {
    return this.#expert.features(images);
  }

  modelState(): Promise<StateDict> {
    return this.#apprentice.modelState();
  }

  loadModelState(state: StateDict): void {
    this.#apprentice.loadModelState(state);
  }

  frozenState(): Promise<StateDict> {
    return this.#expert.state();
  }

  loadFrozenState(state: StateDict): void {
    this.#expert.load(state);
  }

  async trainingState(): Promise<StateDict> {
    const state = await this.#apprentice.trainingState();
    const learned = this.#curriculum?.state();
    return learned ? new Map([...state, [curriculumEntry, jsonTensor(learned)]]) : state;
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    const learned = state.get(curriculumEntry);
    const rest = [...state].filter(([name]) => name !== curriculumEntry);
    this.#apprentice.loadTrainingState(new Map(rest));
    this.#curriculum?.loadState(jsonOf(learned, "cdo: the state of the curriculum"));
  }

  dispose(): void {
    this.#step.dispose();
    this.#map.dispose();
    this.#apprentice.dispose();
    this.#expert.dispose();
  }
}
