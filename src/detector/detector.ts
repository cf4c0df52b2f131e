/**
 * The one interface every method implements. What is done with a method (fitting, evaluating, predicting, saving,
 * resuming) is written once against it.
 */
import type { Device, MemoryPlan, PrepareOptions, Tensor } from "../core/index.ts";
import type { Batch, Framing } from "../data/index.ts";
import type { StateDict } from "../models/index.ts";
import type { EpochPlan, TrainingSet } from "./course.ts";

/** Where a training step stands. */
export interface StepPosition {
  /** From 0, over all epochs. */
  readonly iteration: number;
  /** From 0. */
  readonly epoch: number;
  readonly iterationsPerEpoch: number;
}

/** How images become a method's input, and what is done to those it trains on. */
export interface TrainingImages extends Framing {
  /** White-noise patches: none, or as one of CDO's versions paints them. */
  readonly synthesis: "none" | "cdo2025" | "cdo2023";
  /** Whether the 2025 synthesis goes through 1024 × 1024. */
  readonly detour: boolean;
  /** An epoch's last batch is left out when it is not full, unless it is the only one. Default: it is seen. */
  readonly dropLast?: boolean;
}

/** What memory training takes, in bytes. */
export interface TrainingMemory {
  /** Parameters and buffers of all networks. */
  readonly networks: number;
  /** What the optimiser remembers. */
  readonly optimiser: number;
  /** A training step of the full batch size. */
  readonly plan: MemoryPlan;
}

/** A method with its networks on one device. */
export interface Detector {
  /** Its name on the command line. */
  readonly method: string;
  /** Everything needed to make it again; plain JSON. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly device: Device;
  readonly epochs: number;
  readonly batchSize: number;
  readonly images: TrainingImages;
  /**
   * Throws, before any work is done, what a later step would throw: images too small for the network or the synthesis.
   * @param count training images; the last batch of an epoch holds what is left over
   */
  checkTraining(count: number): void;
  /**
   * One optimisation step. Everything stays on the GPU.
   * @param images `[N, H, W, 3]`, normalised
   * @param masks `[N, H, W, 1]`, 0 where normal
   * @returns the loss, one element, and behind it whatever `observe` wants to be told
   */
  trainStep(images: Tensor, masks: Tensor, at: StepPosition): Tensor;
  /**
   * Before the first step of a training, or of one that goes on; its state is loaded by then. For methods whose training has a
   * course: see `course.ts`.
   */
  beginTraining?(set: TrainingSet): Promise<void>;
  /** At the start of an epoch, and again where training goes on in its middle. */
  planEpoch?(epoch: number): EpochPlan | undefined;
  /** After each step, in order: what `trainStep` returned behind the loss. */
  observe?(values: Float32Array, loss: number, batch: Batch): void;
  /** After the last step of an epoch, before anything is saved. */
  endEpoch?(epoch: number): Promise<void>;
  /** What the log and the plots show of the epoch that has just ended, beside its plan's, such as `{ r: 0.06 }`. */
  epochScalars?(): Readonly<Record<string, number>>;
  /** Compiles the kernels of a full batch's step, all at once, before the first one. */
  prepareTraining(options?: PrepareOptions): Promise<void>;
  /** Plans a training step without running it. */
  trainingMemory(): TrainingMemory;
  /**
   * @param images `[N, H, W, 3]`, normalised
   * @returns maps `[N, H, W]`, larger where more abnormal
   */
  predict(images: Tensor): Tensor;
  /**
   * `predict` in two halves, for protocols that measure maps before they are smoothed: `predict(x)` equals `smooth(rawMaps(x))`.
   * Both or neither are there.
   */
  rawMaps?(images: Tensor): Tensor;
  /** @param maps `[N, H, W]` */
  smooth?(maps: Tensor): Tensor;
  /** Compiles the kernels of `predict` for batches of this size, all at once, before the first one. */
  preparePrediction(batchSize: number, options?: PrepareOptions): Promise<void>;
  /** The score of one image from its map. */
  imageScore(map: Float32Array): number;
  /** Feature maps of the frozen network, finest first, `[N, h, w, C]`. */
  features(images: Tensor): Tensor[];
  /** What prediction needs and training has changed, under the checkpoint's names. */
  modelState(): Promise<StateDict>;
  loadModelState(state: StateDict): void;
  /** The frozen network that nothing changes; saved once, so that a run folder is complete. */
  frozenState(): Promise<StateDict>;
  loadFrozenState(state: StateDict): void;
  /** What training needs besides the model: the optimiser. */
  trainingState(): Promise<StateDict>;
  loadTrainingState(state: StateDict): void;
  /** Frees the networks. The device stays open. */
  dispose(): void;
}
