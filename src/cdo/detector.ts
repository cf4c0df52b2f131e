/**
 * CDO as a detector: a frozen expert and an apprentice of the same architecture look at the same image; where their features
 * differ, the image is abnormal.
 */
import { backward, type Device, noGrad, Rng, type Tensor } from "../core/index.ts";
import type { Detector, StepPosition, TrainingImages } from "../detector/index.ts";
import { topFractionMean } from "../metrics/index.ts";
import {
  Adam,
  AdamW,
  type Backbone,
  clipGradNorm,
  createBackbone,
  epochStepLR,
  exponentialLR,
  FeatureExtractor,
  type StateDict,
} from "../models/index.ts";
import { type CdoConfig, cdoConfig } from "./config.ts";
import { cdoLoss } from "./loss.ts";
import { anomalyMap } from "./map.ts";

export interface CdoOptions {
  readonly device: Device;
  readonly config?: Partial<CdoConfig>;
  /** The expert's weights; without them it is random, which is only good for trying things out. */
  readonly teacher?: StateDict | undefined;
  /** Draws the apprentice's first weights. */
  readonly seed: number;
}

/**
 * Makes a CDO detector.
 * @example const detector = createCdo({ device, config: { backbone: "resnet18" }, teacher, seed: 1 });
 */
export function createCdo(options: CdoOptions): Cdo {
  return new Cdo(options);
}

export class Cdo implements Detector {
  readonly method = "cdo";
  readonly device: Device;
  readonly #config: CdoConfig;
  readonly #teacher: FeatureExtractor;
  readonly #student: Backbone;
  readonly #optimiser: Adam | AdamW;

  /** Use `createCdo`. */
  constructor({ device, config, teacher, seed }: CdoOptions) {
    this.device = device;
    this.#config = cdoConfig(config);
    const { backbone, version } = this.#config;
    const rng = new Rng(seed);
    // reference: torchvision's ResNet, used in 2023, does not start its last BatchNorms from zero
    const common = { device, zeroInitLast: version === "2025" };
    const source = teacher
      ? { weights: teacher }
      : { rng: rng.fork("teacher"), zeroInitLast: false };
    this.#teacher = new FeatureExtractor(createBackbone(backbone, { ...common, ...source }));
    this.#student = createBackbone(backbone, { ...common, rng: rng.fork("student") });
    this.#optimiser = this.#createOptimiser();
  }

  #createOptimiser(): Adam | AdamW {
    const parameters = this.#student.namedParameters();
    const { learningRate: lr, version } = this.#config;
    return version === "2025"
      ? new Adam(parameters, { lr, betas: [0.5, 0.999] })
      : new AdamW(parameters, { lr, betas: [0.9, 0.999], weightDecay: 1e-4 });
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
    return { size: imageSize, synthesis: mom ? `cdo${version}` : "none", detour };
  }

  trainStep(images: Tensor, masks: Tensor, at: StepPosition): Tensor {
    const student = this.#student.train();
    this.#optimiser.lr = this.learningRate(at);
    const expert = this.#teacher.forward(images);
    const { gamma, oom, version } = this.#config;
    const loss = cdoLoss(expert, student.forward(images), masks, {
      gamma,
      oom,
      normaliseFirst: version === "2025",
    });
    backward(loss);
    if (this.#config.clipNorm > 0) clipGradNorm(student.parameters(), this.#config.clipNorm);
    this.#optimiser.step();
    this.#optimiser.zeroGrad();
    return loss;
  }

  /** 2025: a tenth from 80 % of the epochs on, by iteration; 2023: 5 % less with every epoch. */
  learningRate({ iteration, epoch, iterationsPerEpoch }: StepPosition): number {
    const { learningRate, epochs, version } = this.#config;
    const lr = learningRate;
    if (version === "2023") return exponentialLR({ lr, gamma: 0.95 })(epoch);
    return epochStepLR({ lr, epochs, iterationsPerEpoch })(iteration);
  }

  predict(images: Tensor): Tensor {
    const [, h, w] = images.shape as [number, number, number, number];
    return noGrad(() =>
      this.device.scope(() => {
        const expert = this.#teacher.forward(images);
        const apprentice = this.#student.eval().forward(images);
        return anomalyMap(expert, apprentice, [h, w], this.#config);
      }),
    );
  }

  imageScore(map: Float32Array): number {
    return topFractionMean(map, this.#config.scoreRatio);
  }

  features(images: Tensor): Tensor[] {
    return this.#teacher.forward(images);
  }

  async modelState(): Promise<StateDict> {
    return prefixed("net_s.", await this.#student.stateDict());
  }

  loadModelState(state: StateDict): void {
    this.#student.loadStateDict(unprefixed("net_s.", state));
  }

  async frozenState(): Promise<StateDict> {
    return prefixed("net_t.", await this.#teacher.backbone.stateDict());
  }

  loadFrozenState(state: StateDict): void {
    this.#teacher.backbone.loadStateDict(unprefixed("net_t.", state));
  }

  trainingState(): Promise<StateDict> {
    return this.#optimiser.stateDict();
  }

  loadTrainingState(state: StateDict): void {
    this.#optimiser.loadStateDict(state);
  }

  dispose(): void {
    this.#optimiser.dispose();
    this.#student.dispose();
    this.#teacher.dispose();
  }
}

function prefixed(prefix: string, state: StateDict): StateDict {
  return new Map([...state].map(([name, tensor]) => [prefix + name, tensor]));
}

function unprefixed(prefix: string, state: StateDict): StateDict {
  const own = [...state].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor]));
}
