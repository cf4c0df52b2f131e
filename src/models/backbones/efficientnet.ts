/**
 * EfficientNet-B5 as CFA reads it and -B6 as FOD does, up to the last map at stride 16. Tan and Le, "EfficientNet" (ICML 2019): one
 * table of stages, made wider and deeper.
 */
import { concat, type Tensor } from "../../core/index.ts";
import {
  applyNorm,
  type BatchNorm2d,
  type Build,
  type Conv2d,
  chain,
  convNorm,
  frugal,
  type Layer,
  type Module,
  ModuleList,
} from "../nn/index.ts";
import { Backbone, type LevelChannels } from "./backbone.ts";
import type { Dialect } from "./efficientnet-dialect.ts";
import { type BlockShape, MBConv } from "./mbconv.ts";

/** EfficientNet-B0 up to stride 16: a convolution, then stages of blocks. */
const stem = { kernel: 3, stride: 2, channels: 32 } as const;
const stages = [
  { kernel: 3, stride: 1, expansion: 1, channels: 16, count: 1 },
  { kernel: 3, stride: 2, expansion: 6, channels: 24, count: 2 },
  { kernel: 5, stride: 2, expansion: 6, channels: 40, count: 2 },
  { kernel: 3, stride: 2, expansion: 6, channels: 80, count: 3 },
  { kernel: 5, stride: 1, expansion: 6, channels: 112, count: 3 },
] as const;

/** Stages that end a level. */
const tapped: readonly number[] = [1, 2, 4];

export interface EfficientNetShape {
  /** Factors on channels and on blocks of a stage. */
  readonly width: number;
  readonly depth: number;
  /** Each level is the last so many blocks of its stage, side by side. */
  readonly joined: readonly [number, number, number];
  readonly dialect: Dialect;
}

/** The next multiple of 8, not below nine tenths. */
function widened(channels: number, width: number): number {
  const exact = channels * width;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

/** Channels of the levels, finest first. */
export function efficientNetChannels({ width, joined }: EfficientNetShape): LevelChannels {
  const of = (level: 0 | 1 | 2) => {
    const stage = stages[tapped[level] as number] as (typeof stages)[number];
    return joined[level] * widened(stage.channels, width);
  };
  return [of(0), of(1), of(2)];
}

/** The shapes of all blocks, by stage. */
function blockShapes({ width, depth, dialect }: EfficientNetShape): BlockShape[][] {
  let inChannels = widened(stem.channels, width);
  let nominal = Math.ceil(dialect.nominal / stem.stride);
  return stages.map(({ channels, count, stride: first, kernel, expansion }) =>
    Array.from({ length: Math.ceil(count * depth) }, (_, i) => {
      const stride = i === 0 ? first : 1;
      const outChannels = widened(channels, width);
      const shape = { kernel, stride, expansion, inChannels, outChannels, nominal };
      inChannels = outChannels;
      nominal = Math.ceil(nominal / stride);
      return shape;
    }),
  );
}

export class EfficientNet extends Backbone {
  override readonly name: string;
  override readonly channels: LevelChannels;
  override readonly deepestStride = 16;
  override readonly smallestSide: number;
  readonly #stem: readonly [Conv2d, BatchNorm2d];
  readonly #stages: readonly (readonly MBConv[])[];
  readonly #joined: EfficientNetShape["joined"];
  /** What the stem and the first block of each stage make of the pixels on a side. */
  readonly #sides: readonly ((side: number) => number)[];

  constructor(build: Build, name: string, shape: EfficientNetShape) {
    super();
    this.name = name;
    this.channels = efficientNetChannels(shape);
    this.#joined = shape.joined;
    const { dialect } = shape;
    const shapes = blockShapes(shape);
    const { kernel, stride } = stem;
    const padding = dialect.padding(kernel, stride, dialect.nominal);
    const settings = { kernelSize: kernel, stride, padding, ...dialect.drawn(false) };
    this.#stem = convNorm(build, 3, widened(stem.channels, shape.width), settings, dialect.norm);
    dialect.stem.forEach((part, i) => void this.child(part, this.#stem[i] as Layer));
    this.#stages = shapes.map((stage) => stage.map((block) => new MBConv(build, block, dialect)));
    const named: readonly Module[] = dialect.flat
      ? this.#stages.flat()
      : this.#stages.map((blocks) => new ModuleList(blocks));
    this.child(dialect.blocks, new ModuleList(named));
    const firsts = shapes.map(([first]) => sideAfter(first as BlockShape, dialect));
    this.#sides = [sideAfter({ ...stem, nominal: dialect.nominal }, dialect), ...firsts];
    let least = 1;
    while (this.levelSides(least)[2] < 1) least++;
    this.smallestSide = least;
  }

  /** As each convolution's padding has it; a map of none is what an image below `smallestSide` would give. */
  override levelSides(side: number): readonly [number, number, number] {
    let now = side;
    const [, ...ends] = this.#sides.map((after) => {
      now = after(now);
      return now;
    });
    const [a, b, c] = tapped.map((stage) => ends[stage] as number);
    return [a as number, b as number, c as number];
  }

  protected override deepestSide(side: number): number {
    return this.levelSides(side)[2];
  }

  protected override levels(x: Tensor): Tensor[] {
    return frugal(x, () => {
      const levels: Tensor[] = [];
      let y = this.part([x], () => applyNorm(x, ...this.#stem, { silu: true }));
      this.#stages.forEach((blocks, stage) => {
        const level = tapped.indexOf(stage);
        const ends = lastOf(blocks, this.#joined[level] ?? 1, y);
        y = ends.at(-1) as Tensor;
        if (level >= 0) levels.push(ends.length === 1 ? y : concat(ends, 3));
      });
      return levels;
    });
  }
}

/** What the last `count` blocks of a stage give. */
function lastOf(blocks: readonly MBConv[], count: number, x: Tensor): Tensor[] {
  const alone = blocks.length - count + 1;
  const steps = blocks.slice(0, alone).map((block) => (y: Tensor) => block.forward(y));
  const ends = [chain(x, steps)];
  for (const block of blocks.slice(alone)) ends.push(block.forward(ends.at(-1) as Tensor));
  return ends;
}

/** Pixels on a side that a convolution makes of so many; none where its kernel does not fit. */
function sideAfter(
  { kernel, stride, nominal }: Pick<BlockShape, "kernel" | "stride" | "nominal">,
  dialect: Dialect,
): (side: number) => number {
  const padding = dialect.padding(kernel, stride, nominal);
  return (side) => {
    const [before, after] = padding(side);
    return Math.max(0, Math.floor((side + before + after - kernel) / stride) + 1);
  };
}
