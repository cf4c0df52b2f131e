/** The frozen network whose features a method looks at: made of published weights, drawn, or loaded; and its part of a run's files. */
import {
  type Device,
  moveTogether,
  type Precision,
  type Rng,
  type Tensor,
  withPrecision,
} from "../core/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Backbone,
  createBackbone,
  FeatureExtractor,
  findBackbone,
  type StateDict,
} from "../models/index.ts";
import { loadPart, prefixed } from "./state-parts.ts";

export interface FrozenSettings {
  /** Whose it is, for messages. */
  readonly method: string;
  readonly backbone: string;
  /** Names in a run's files begin so. */
  readonly prefix: string;
  /** In which it computes. */
  readonly precision: Precision;
  /** See `ResNetSettings`. */
  readonly leakySum?: number;
}

/** Where its weights come from; without either they are drawn, which is good for trying things out only. */
export interface FrozenWeights {
  /** Published weights. */
  readonly teacher?: StateDict | undefined;
  /** What `state`, or a detector's `frozenState`, gave, instead of `teacher`. */
  readonly frozen?: StateDict | undefined;
}

/** What a method with settings `Config` is made of. */
export interface DetectorOptions<Config> extends FrozenWeights {
  readonly device: Device;
  readonly config?: Partial<Config>;
  /** What `modelState` gave; without it weights are drawn, and what is computed from training images comes with `beginTraining`. */
  readonly model?: StateDict | undefined;
  /** Draws what is not given. */
  readonly seed: number;
  /** False: every step is computed from scratch instead of replayed, with the same bits, more slowly. */
  readonly record?: boolean;
}

export class FrozenNetwork {
  readonly #settings: FrozenSettings;
  readonly #extractor: FeatureExtractor;
  #isRandom: boolean;

  /**
   * What fails leaves nothing on the device.
   * @param rng draws the weights that are not given
   * @throws LoupeError `config` for settings and for both kinds of weights, `checkpoint` for weights that don't fit
   */
  constructor(
    device: Device,
    settings: FrozenSettings,
    { teacher, frozen }: FrozenWeights,
    rng: Rng,
  ) {
    if (teacher && frozen) {
      const rule = "teacher and frozen both give the frozen network; leave one of them out";
      throw new LoupeError("config", `${settings.method}: ${rule}`);
    }
    this.#settings = settings;
    this.#isRandom = !teacher && !frozen;
    const drawing = frozen ? undefined : rng.fork("teacher");
    this.#extractor = new FeatureExtractor(made(device, settings, teacher, drawing));
    try {
      if (settings.precision === "f16") moveTogether(this.backbone.parameters()); // one launch makes their halves
      if (frozen) this.load(frozen);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get backbone(): Backbone {
    return this.#extractor.backbone;
  }

  /** True while its weights are random, which is good for trying things out only: whoever shows results says so. */
  get isRandom(): boolean {
    return this.#isRandom;
  }

  /** The levels of `[N, H, W, 3]`, finest first, outside any graph. */
  features(images: Tensor): Tensor[] {
    return withPrecision(this.#settings.precision, () => this.#extractor.forward(images));
  }

  async state(): Promise<StateDict> {
    return prefixed(this.#settings.prefix, await this.backbone.stateDict());
  }

  load(state: StateDict): void {
    const { prefix, method } = this.#settings;
    loadPart(this.backbone, prefix, state, method);
    this.#isRandom = false;
  }

  dispose(): void {
    this.#extractor.dispose();
  }
}

/** @param rng without it, and without published weights, they are zeros, to be loaded */
function made(
  device: Device,
  { backbone, leakySum }: FrozenSettings,
  teacher: StateDict | undefined,
  rng: Rng | undefined,
): Backbone {
  const settings = leakySum === undefined ? {} : { leakySum };
  if (teacher) return createBackbone(backbone, { ...settings, device, weights: teacher });
  return findBackbone(backbone).create({ device, rng }, { ...settings, zeroInitLast: false });
}
