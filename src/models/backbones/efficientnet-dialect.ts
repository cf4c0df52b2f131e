/** What the libraries that published weights of EfficientNet do differently: names, padding, BatchNorm, starting values. */
import {
  type BatchNormSettings,
  type Conv2dSettings,
  kaimingNormal,
  normal,
  type PaddingRule,
  samePadding,
  zeros,
} from "../nn/index.ts";

/** Names of a convolution and its BatchNorm. */
export type Pairing = readonly [conv: string, norm: string];

export interface BlockNames {
  /** Not in blocks that do not expand. */
  readonly expand?: Pairing;
  readonly depthwise: Pairing;
  readonly reduce: string;
  readonly excite: string;
  readonly project: Pairing;
}

export interface Dialect {
  readonly stem: Pairing;
  readonly blocks: string;
  /** Blocks are numbered through; else in each stage anew. */
  readonly flat: boolean;
  readonly expanding: BlockNames;
  readonly plain: BlockNames;
  readonly norm: BatchNormSettings;
  /** @param nominal pixels on a side that come in when the network's input has the size it was trained with */
  readonly padding: (kernel: number, stride: number, nominal: number) => PaddingRule;
  /** Pixels on a side of the images that the network was trained with. */
  readonly nominal: number;
  readonly drawn: (depthwise: boolean) => Pick<Conv2dSettings, "init" | "biasInit">;
}

const ownNames = {
  depthwise: ["_depthwise_conv", "_bn1"],
  reduce: "_se_reduce",
  excite: "_se_expand",
  project: ["_project_conv", "_bn2"],
} as const;

/** lukemelas/EfficientNet-PyTorch. Padding is made for 456 pixels, whatever size comes; weights start as PyTorch's do. */
export const lukemelas: Dialect = {
  stem: ["_conv_stem", "_bn0"],
  blocks: "_blocks",
  flat: true,
  expanding: { expand: ["_expand_conv", "_bn0"], ...ownNames },
  plain: ownNames,
  norm: { eps: 1e-3, momentum: 0.01 },
  padding: (kernel, stride, nominal) => {
    const fixed = samePadding(kernel, stride)(nominal);
    return () => fixed;
  },
  nominal: 456,
  drawn: () => ({}),
};

const gate = { reduce: "se.conv_reduce", excite: "se.conv_expand" } as const;
const fanOut = kaimingNormal({ mode: "fanOut", nonlinearity: "relu" });

/** timm's EfficientNets. */
export const timm: Dialect = {
  stem: ["conv_stem", "bn1"],
  blocks: "blocks",
  flat: false,
  expanding: {
    ...gate,
    expand: ["conv_pw", "bn1"],
    depthwise: ["conv_dw", "bn2"],
    project: ["conv_pwl", "bn3"],
  },
  plain: { ...gate, depthwise: ["conv_dw", "bn1"], project: ["conv_pw", "bn2"] },
  norm: {},
  padding: (kernel) => () => [Math.floor(kernel / 2), Math.floor(kernel / 2)],
  nominal: 528,
  drawn: (depthwise) => ({
    biasInit: zeros,
    init: depthwise
      ? (shape, rng) => normal(shape, rng, Math.sqrt(2 / (shape[0]! * shape[1]!)))
      : fanOut,
  }),
};

/** timm's EfficientNets with weights from TensorFlow. */
export const timmTensorFlow: Dialect = {
  ...timm,
  norm: { eps: 1e-3 },
  padding: samePadding,
};
