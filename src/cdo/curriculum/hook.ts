/**
 * A curriculum is up to four hooks, each in a place of its own: how synthetic anomalies are made, which normal images are seen, what
 * each image weighs, and γ. A hook is a schedule (when), a measure of difficulty (what) and its place (where).
 */
import type { Device, Tensor } from "../../core/index.ts";
import type { Batch, Synthesis } from "../../data/index.ts";
import type { TrainingSet } from "../../detector/index.ts";

/** From progress t ∈ [0, 1] to a strength or share in [0, 1]. Pure. */
export type Schedule = (t: number) => number;

/** Where an epoch stands. */
export interface EpochPosition {
  /** From 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** epoch / (epochs − 1), which ends at 1; as the fork counts, epoch / epochs. */
  readonly t: number;
}

/** What a hook may ask of the method it belongs to. Networks are read only. */
export interface Surroundings {
  readonly device: Device;
  readonly set: TrainingSet;
  /** Feature maps of the expert, finest first, `[N, h, w, C]`. */
  features(images: Tensor): Tensor[];
  /** Discrepancy d of both networks, `[N, H, W]` at the size of the images, without blur; the apprentice in eval mode. */
  discrepancy(images: Tensor): Tensor;
}

/** What all hooks have in common. Everything that a resumed training needs goes through `state`. */
export interface Hook {
  /**
   * Before the first step of a training, or of a resumed one: then after `loadState`, so that what the state holds need not be
   * made again.
   */
  begin?(around: Surroundings): Promise<void>;
  /**
   * Told after each step. `losses`: ℓ of the parts of the images `[2 · N]` as `partLosses` gives them, the images in the order of the
   * batch; empty unless a weight hook is at work.
   */
  observe?(losses: Float32Array, meanLoss: number, batch: Batch): void;
  /** After the last step of an epoch, before anything is saved. */
  endEpoch?(at: EpochPosition, around: Surroundings): Promise<void>;
  /** What the log shows of it in this epoch. */
  scalars(at: EpochPosition): Readonly<Record<string, number>>;
  /** Plain JSON; only for a hook that learns from the training. */
  state?(): unknown;
  /** @throws LoupeError `checkpoint` for anything that `state` did not give */
  loadState?(state: unknown): void;
}

/** How the synthetic anomalies of an epoch are made. */
export interface SynthesisHook extends Hook {
  synthesis(at: EpochPosition): Synthesis;
}

/** Which images an epoch sees: `count` places in the list of training images. */
export interface OrderHook extends Hook {
  order(at: EpochPosition, count: number): Uint32Array;
}

/** What each image weighs in the loss. The numbers of an epoch reach the recorded step as a tensor. */
export interface WeightHook extends Hook {
  /** Always as many. */
  controls(at: EpochPosition): readonly number[];
  /**
   * Inside the step, without a gradient.
   * @param losses ℓ of the parts of the images `[2 · N]`: the normal pixels of each image, then the abnormal ones; −1 where it has none
   * @param controls of this epoch, `[k]`
   * @returns weights of the same shape, 0..1 unless the rule says otherwise
   */
  weigh(losses: Tensor, controls: Tensor): Tensor;
}

/** The exponent of OOM's weights. */
export interface GammaHook extends Hook {
  gamma(at: EpochPosition): number;
  /** That of abnormal pixels, where it is another one. */
  abnormal?(at: EpochPosition): number;
}
