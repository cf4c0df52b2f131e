/** Batch normalisation over N, H and W with running statistics. Ioffe and Szegedy 2015; PyTorch's `BatchNorm2d`. */
import { batchNorm, type Device, everyRun, once, silu, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import type { Build } from "./init.ts";
import { Layer } from "./module.ts";

export interface BatchNormSettings {
  readonly eps?: number;
  /** Share of the new batch in the running statistics. */
  readonly momentum?: number;
  /** What the scale starts from; 0 makes a residual block start as the identity. */
  readonly scale?: number;
}

/** Running statistics and the affine map. */
export interface Statistics {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly eps: number;
}

/** What is done to the normalised values in the same launch. */
export interface AfterNorm {
  /** Is added; of the input's shape. */
  readonly residual?: Tensor | undefined;
  /** Ends with a ReLU. */
  readonly relu?: boolean;
  /** Ends with x · σ(x); not together with `relu`. */
  readonly silu?: boolean;
}

export class BatchNorm2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  /** Batches seen in train mode. */
  readonly numBatchesTracked: { value: number };
  readonly #eps: number;
  readonly #momentum: number;

  constructor({ device }: Build, channels: number, settings: BatchNormSettings = {}) {
    super();
    const { eps = 1e-5, momentum = 0.1, scale = 1 } = settings;
    this.weight = this.parameter("weight", device.full([channels], scale));
    this.bias = this.parameter("bias", device.zeros([channels]));
    this.runningMean = this.buffer("running_mean", device.zeros([channels]));
    this.runningVar = this.buffer("running_var", device.ones([channels]));
    this.numBatchesTracked = this.counter("num_batches_tracked");
    this.#eps = eps;
    this.#momentum = momentum;
  }

  /** What an evaluated layer computes with. */
  get statistics(): Statistics {
    const { weight, bias, runningMean, runningVar } = this;
    return { weight, bias, runningMean, runningVar, eps: this.#eps };
  }

  /** `[N, H, W, C]` to the same shape. In train mode the running statistics move. */
  forward(x: Tensor, after: AfterNorm = {}): Tensor {
    const { statistics, training, numBatchesTracked } = this;
    if (x.shape.length !== 4) {
      throw new LoupeError("shape", `BatchNorm2d: input must be [N, H, W, C], got ${x}`);
    }
    if (training) once(() => count(x.device, numBatchesTracked));
    const { silu: ends, ...same } = after;
    const y = batchNorm(x, { ...statistics, training, momentum: this.#momentum, ...same });
    return ends ? silu(y) : y;
  }
}

function count(device: Device, counter: { value: number }): [] {
  everyRun(device, () => void counter.value++);
  return [];
}
