/**
 * The block of EfficientNet: y = project(gate ⊙ depthwise(expand(x))) [+ x], each of the three a convolution with BatchNorm, the first
 * two with SiLU; gate = σ(W₂ silu(W₁ mean(·))) for each channel. Sandler et al. (CVPR 2018), Hu et al. (CVPR 2018), Tan and Le
 * (ICML 2019).
 * reference: drop-connect, which both libraries may train with, is left out.
 */
import { adaptiveAvgPool2d, mul, sigmoid, type Tensor } from "../../core/index.ts";
import {
  applyNorm,
  applySilu,
  type BatchNorm2d,
  type Build,
  Conv2d,
  type Conv2dSettings,
  chain,
  convNorm,
  frugal,
  Layer,
} from "../nn/index.ts";
import type { Dialect, Pairing } from "./efficientnet-dialect.ts";

export interface BlockShape {
  readonly kernel: number;
  readonly stride: number;
  /** Channels inside as a multiple of those that come in. */
  readonly expansion: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** See `Dialect.padding`. */
  readonly nominal: number;
}

type Unit = readonly [Conv2d, BatchNorm2d];

export class MBConv extends Layer {
  readonly #expand: Unit | undefined;
  readonly #depthwise: Unit;
  readonly #reduce: Conv2d;
  readonly #excite: Conv2d;
  readonly #project: Unit;
  readonly #skips: boolean;

  constructor(build: Build, shape: BlockShape, dialect: Dialect) {
    super();
    const { kernel, stride, expansion, inChannels, outChannels, nominal } = shape;
    const inside = inChannels * expansion;
    const narrow = Math.max(1, Math.floor(inChannels / 4));
    const names = dialect[expansion > 1 ? "expanding" : "plain"];
    const unit = (pair: Pairing, from: number, to: number, settings: Conv2dSettings): Unit => {
      const made = convNorm(build, from, to, settings, dialect.norm);
      pair.forEach((name, i) => void this.child(name, made[i] as Layer));
      return made;
    };
    const point = { kernelSize: 1, ...dialect.drawn(false) };
    const padding = dialect.padding(kernel, stride, nominal);
    const own = { kernelSize: kernel, stride, padding, groups: inside, ...dialect.drawn(true) };
    this.#expand = names.expand && unit(names.expand, inChannels, inside, point);
    this.#depthwise = unit(names.depthwise, inside, inside, own);
    this.#reduce = this.child(names.reduce, new Conv2d(build, inside, narrow, point));
    this.#excite = this.child(names.excite, new Conv2d(build, narrow, inside, point));
    this.#project = unit(names.project, inside, outChannels, point);
    this.#skips = stride === 1 && inChannels === outChannels;
  }

  forward(x: Tensor): Tensor {
    const units = [this.#expand, this.#depthwise].filter((unit) => unit !== undefined);
    const steps = units.map((unit) => (y: Tensor) => applyNorm(y, ...unit, { silu: true }));
    return this.part([x], () => {
      const y = chain(x, [...steps, (t) => this.#gated(t)]);
      return applyNorm(y, ...this.#project, this.#skips ? { residual: x } : {});
    });
  }

  #gated(x: Tensor): Tensor {
    return frugal(x, () => {
      const narrow = applySilu(adaptiveAvgPool2d(x, 1), this.#reduce);
      return mul(x, sigmoid(this.#excite.forward(narrow)));
    });
  }
}
