/** Residual blocks: y = relu(f(x) + shortcut(x)). He et al., "Deep Residual Learning" (CVPR 2016). */
import type { Tensor } from "../../core/index.ts";
import {
  applyNorm,
  applyNormRelu,
  BatchNorm2d,
  type Build,
  Conv2d,
  convNorm,
  frugal,
  type Initialiser,
  Layer,
  Sequential,
} from "../nn/index.ts";

export interface BlockSettings {
  readonly stride?: number;
  /** Channels inside a bottleneck, when not `planes`. */
  readonly width?: number;
  readonly init?: Initialiser;
  /** What the scale of the last BatchNorm starts from; timm's ResNets start from 0. */
  readonly lastScale?: number;
  /** The last block of `blocks` leaves out its last ReLU: whoever reads its sum applies one. Default false. */
  readonly endsAtSum?: boolean;
}

/** Two 3 × 3 convolutions; the shortcut is projected where the shape changes. */
export class BasicBlock extends Layer {
  static readonly expansion = 1;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | undefined;
  readonly #relu: boolean;

  constructor(build: Build, inChannels: number, planes: number, settings: BlockSettings = {}) {
    super();
    const { stride = 1, lastScale = 1 } = settings;
    const kernel = { kernelSize: 3, padding: 1, bias: false, ...initOf(settings) };
    this.conv1 = this.child("conv1", new Conv2d(build, inChannels, planes, { ...kernel, stride }));
    this.bn1 = this.child("bn1", new BatchNorm2d(build, planes));
    this.conv2 = this.child("conv2", new Conv2d(build, planes, planes, kernel));
    this.bn2 = this.child("bn2", new BatchNorm2d(build, planes, { scale: lastScale }));
    const projected = projection(build, inChannels, planes, settings);
    this.downsample = projected && this.child("downsample", projected);
    this.#relu = !settings.endsAtSum;
  }

  forward(x: Tensor): Tensor {
    return this.part([x], () => {
      const y = applyNormRelu(x, this.conv1, this.bn1);
      return join(y, this.conv2, this.bn2, x, this.downsample, this.#relu);
    });
  }
}

/** 1 × 1, 3 × 3 (which takes the stride), 1 × 1 to four times the planes. */
export class Bottleneck extends Layer {
  static readonly expansion = 4;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | undefined;
  readonly #relu: boolean;

  constructor(build: Build, inChannels: number, planes: number, settings: BlockSettings = {}) {
    super();
    const { stride = 1, width = planes, lastScale = 1 } = settings;
    const plain = { bias: false, ...initOf(settings) };
    const out = planes * Bottleneck.expansion;
    this.conv1 = this.child(
      "conv1",
      new Conv2d(build, inChannels, width, { ...plain, kernelSize: 1 }),
    );
    this.bn1 = this.child("bn1", new BatchNorm2d(build, width));
    this.conv2 = this.child(
      "conv2",
      new Conv2d(build, width, width, { ...plain, kernelSize: 3, padding: 1, stride }),
    );
    this.bn2 = this.child("bn2", new BatchNorm2d(build, width));
    this.conv3 = this.child("conv3", new Conv2d(build, width, out, { ...plain, kernelSize: 1 }));
    this.bn3 = this.child("bn3", new BatchNorm2d(build, out, { scale: lastScale }));
    const projected = projection(build, inChannels, out, settings);
    this.downsample = projected && this.child("downsample", projected);
    this.#relu = !settings.endsAtSum;
  }

  forward(x: Tensor): Tensor {
    return this.part([x], () => {
      const y = this.#inner(x);
      return join(y, this.conv3, this.bn3, x, this.downsample, this.#relu);
    });
  }

  #inner(x: Tensor): Tensor {
    return frugal(x, () =>
      applyNormRelu(applyNormRelu(x, this.conv1, this.bn1), this.conv2, this.bn2),
    );
  }
}

/** bn(conv(y)) + shortcut(x), and its ReLU. A projected shortcut is read by nothing else, so its memory is given back. */
function join(
  y: Tensor,
  conv: Conv2d,
  bn: BatchNorm2d,
  x: Tensor,
  downsample: Layer | undefined,
  relu: boolean,
): Tensor {
  const projected = downsample?.forward(x);
  const out = applyNorm(y, conv, bn, { residual: projected ?? x, relu });
  projected?.forgetValues();
  return out;
}

/** `count` blocks; the first takes the stride and projects where it must. */
export function blocks(
  kind: typeof BasicBlock | typeof Bottleneck,
  build: Build,
  size: { readonly inChannels: number; readonly planes: number; readonly count: number },
  settings: BlockSettings = {},
): Sequential {
  const { inChannels, planes, count } = size;
  return new Sequential(
    Array.from({ length: count }, (_, i) => {
      const from = i === 0 ? inChannels : planes * kind.expansion;
      const stride = i === 0 ? (settings.stride ?? 1) : 1;
      const endsAtSum = settings.endsAtSum === true && i === count - 1;
      return new kind(build, from, planes, { ...settings, stride, endsAtSum });
    }),
  );
}

function projection(
  build: Build,
  inChannels: number,
  outChannels: number,
  settings: BlockSettings,
): Sequential | undefined {
  const { stride = 1 } = settings;
  if (stride === 1 && inChannels === outChannels) return undefined;
  const conv = { kernelSize: 1, stride, ...initOf(settings) };
  return new Sequential(convNorm(build, inChannels, outChannels, conv));
}

function initOf({ init }: BlockSettings): { init?: Initialiser } {
  return init ? { init } : {};
}
