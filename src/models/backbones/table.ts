/** The table of backbones, and the one way to make one. */
import type { Device, Rng } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type StateDict, teacherHeads } from "../checkpoint/index.ts";
import type { Build } from "../nn/index.ts";
import { type Backbone, type LevelChannels, type LevelStrides, levelStrides } from "./backbone.ts";
import { EfficientNet, type EfficientNetShape, efficientNetChannels } from "./efficientnet.ts";
import { lukemelas, timm, timmTensorFlow } from "./efficientnet-dialect.ts";
import { HRNet } from "./hrnet.ts";
import { ResNet, type ResNetSettings, type ResNetShape } from "./resnet.ts";
import { Vgg19Bn } from "./vgg.ts";

/** One row of the table. */
export interface BackboneEntry {
  /** timm's name where timm has it; `--weights` knows the published weights under it. */
  readonly name: string;
  /** Channels of the three levels, finest first. */
  readonly channels: LevelChannels;
  readonly strides: LevelStrides;
  /** Starts of names in published weights that this network does without. */
  readonly heads: readonly string[];
  /** Whether it knows `leakySum`. */
  readonly hasSums?: true;
  readonly create: (build: Build, settings: ResNetSettings) => Backbone;
}

/** Where the weights come from: a stream to draw them from, or a state dict. */
export type BackboneOptions = ResNetSettings & { readonly device: Device } & (
    | { readonly rng: Rng; readonly weights?: undefined }
    | {
        readonly rng?: undefined;
        /** Heads of published classifiers may be in it, `last_layer` may be missing. */
        readonly weights: StateDict;
        /** The file's name, for messages. */
        readonly file?: string;
      }
  );

function resnet(name: string, shape: ResNetShape): BackboneEntry {
  const first = (shape.stem ?? 64) * (shape.block === "basic" ? 1 : 4);
  const channels: LevelChannels = [first, 2 * first, 4 * first];
  const create = (build: Build, settings: ResNetSettings) =>
    new ResNet(build, name, shape, settings);
  const heads = teacherHeads.resnet;
  return { name, channels, strides: levelStrides, heads, hasSums: true, create };
}

function hrnet(name: string, width: number): BackboneEntry {
  const channels: LevelChannels = [width, 2 * width, 4 * width];
  const create = sumless(name, (build) => new HRNet(build, name, width));
  return { name, channels, strides: levelStrides, heads: teacherHeads.hrnet, create };
}

function efficientnet(
  name: string,
  shape: EfficientNetShape,
  heads: readonly string[],
): BackboneEntry {
  const create = sumless(name, (build) => new EfficientNet(build, name, shape));
  return { name, channels: efficientNetChannels(shape), strides: levelStrides, heads, create };
}

const b6 = { width: 1.8, depth: 2.6, joined: [1, 1, 1] } as const;
const b6Heads = teacherHeads.timmEfficientnet;

/** Of networks that are no ResNets, which have no sums before their levels. */
function sumless(name: string, make: (build: Build) => Backbone): BackboneEntry["create"] {
  return (build, { leakySum }) => {
    if (leakySum === undefined) return make(build);
    const next = `leave it out, or choose a ResNet`;
    throw new LoupeError("config", `createBackbone: ${name} has no leakySum; ${next}`);
  };
}

/** All backbones. */
export const backbones: readonly BackboneEntry[] = [
  resnet("resnet18", { block: "basic", counts: [2, 2, 2] }),
  resnet("resnet34", { block: "basic", counts: [3, 4, 6] }),
  resnet("resnet50", { block: "bottleneck", counts: [3, 4, 6] }),
  resnet("wide_resnet50_2", { block: "bottleneck", counts: [3, 4, 6], widening: 2 }),
  resnet("resnet10_half", { block: "basic", counts: [1, 1, 1], stem: 32 }),
  hrnet("hrnet_w18", 18),
  hrnet("hrnet_w32", 32),
  hrnet("hrnet_w48", 48),
  {
    name: "vgg19_bn",
    channels: Vgg19Bn.channels,
    strides: Vgg19Bn.strides,
    heads: teacherHeads.vgg,
    create: sumless("vgg19_bn", (build) => new Vgg19Bn(build)),
  },
  efficientnet(
    "efficientnet_b5",
    { width: 1.6, depth: 2.2, joined: [5, 3, 1], dialect: lukemelas },
    teacherHeads.efficientnet,
  ),
  efficientnet("tf_efficientnet_b6", { ...b6, dialect: timmTensorFlow }, b6Heads),
  efficientnet("efficientnet_b6", { ...b6, dialect: timm }, b6Heads),
];

export const backboneNames: readonly string[] = backbones.map((b) => b.name);

/** What CFA's code calls them. */
const cfaNames: ReadonlyMap<string, string> = new Map([
  ["res18", "resnet18"],
  ["wrn50_2", "wide_resnet50_2"],
  ["effnet-b5", "efficientnet_b5"],
  ["vgg19", "vgg19_bn"],
]);

/**
 * The row of a name. CDO's own names (`hrnet32`, `mshrnet32`, `timm_resnet18`) and CFA's (`res18`, `wrn50_2`, `effnet-b5`, `vgg19`) mean
 * the same networks.
 * @throws LoupeError `config` with the list of names
 */
export function findBackbone(name: string): BackboneEntry {
  const plain = name.replace(/^timm_/, "").replace(/^(?:ms)?hrnet_?w?(\d+)$/, "hrnet_w$1");
  const known = cfaNames.get(name) ?? plain;
  const entry = backbones.find((b) => b.name === known);
  if (entry) return entry;
  throw new LoupeError(
    "config",
    `createBackbone: there is no backbone "${name}"; choose one of ${backboneNames.join(", ")}`,
  );
}

/**
 * A backbone in train mode, its weights drawn from a stream or loaded.
 * @throws LoupeError `config` for an unknown name, `checkpoint` for weights that don't fit
 * @example const student = createBackbone("resnet18", { device, rng });
 * @example const teacher = createBackbone("resnet18", { device, weights });
 */
export function createBackbone(name: string, options: BackboneOptions): Backbone {
  const entry = findBackbone(name);
  const { device, rng, weights } = options;
  const backbone = entry.create({ device, rng }, options);
  if (!weights) return backbone;
  try {
    const file = options.file ?? "weights";
    backbone.loadStateDict(weights, { ignore: entry.heads, file });
    return backbone;
  } catch (error) {
    backbone.dispose();
    throw error;
  }
}
