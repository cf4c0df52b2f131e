/** Batch normalisation over N, H and W with running statistics. Ioffe and Szegedy 2015; PyTorch's `BatchNorm2d`. */
import { batchNorm, type Tensor } from "../../core/index.ts";
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

export class BatchNorm2d extends Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  /** Batches seen in train mode; a host number, so whoever replays a recorded step counts it up. */
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

  /** `[N, H, W, C]` to the same shape. In train mode the running statistics move. */
  forward(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar, training } = this;
    const [eps, momentum] = [this.#eps, this.#momentum];
    if (x.shape.length !== 4) {
      throw new LoupeError("shape", `BatchNorm2d: input must be [N, H, W, C], got ${x}`);
    }
    if (training) this.numBatchesTracked.value++;
    return batchNorm(x, { weight, bias, runningMean, runningVar, training, momentum, eps });
  }
}
