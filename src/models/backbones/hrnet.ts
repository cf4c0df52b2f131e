/**
 * HRNet-W18, -W32, -W48 as CDO runs them: the finest three outputs of stage 4. The coarsest output and the segmentation head
 * `last_layer` have weights, as in the reference, but give nothing.
 */
import type { Tensor } from "../../core/index.ts";
import {
  applyNormRelu,
  BatchNorm2d,
  type Build,
  Conv2d,
  chain,
  convNorm,
  frugal,
  type Layer,
  ModuleList,
  ReLU,
  Sequential,
} from "../nn/index.ts";
import { Backbone, type LevelChannels } from "./backbone.ts";
import { HRModule, type Widths } from "./hrnet-module.ts";
import { Bottleneck, blocks } from "./residual.ts";

/** Modules in stages 2, 3, 4. */
const counts = [1, 4, 3] as const;
/** Classes of the head, which was made for Cityscapes. */
const headClasses = 19;
const strided = { kernelSize: 3, stride: 2, padding: 1 } as const;

export class HRNet extends Backbone {
  override readonly name: string;
  override readonly channels: LevelChannels;
  override readonly deepestStride = 32;
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly layer1: Sequential;
  readonly transition1: ModuleList<Layer>;
  readonly stage2: ModuleList<HRModule>;
  readonly transition2: ModuleList<Layer>;
  readonly stage3: ModuleList<HRModule>;
  readonly transition3: ModuleList<Layer>;
  readonly stage4: ModuleList<HRModule>;
  readonly lastLayer: Sequential;

  /** @param width channels of the finest branch: 18, 32 or 48 */
  constructor(build: Build, name: string, width: number) {
    super();
    this.name = name;
    const widths = [1, 2, 4, 8].map((k) => k * width);
    this.channels = widths.slice(0, 3) as unknown as LevelChannels;
    this.conv1 = this.child("conv1", new Conv2d(build, 3, 64, { ...strided, bias: false }));
    this.bn1 = this.child("bn1", new BatchNorm2d(build, 64));
    this.conv2 = this.child("conv2", new Conv2d(build, 64, 64, { ...strided, bias: false }));
    this.bn2 = this.child("bn2", new BatchNorm2d(build, 64));
    const stem = { inChannels: 64, planes: 64, count: 4 };
    this.layer1 = this.child("layer1", blocks(Bottleneck, build, stem));
    this.transition1 = this.child("transition1", firstTransition(build, widths));
    this.stage2 = this.child("stage2", stage(build, widths, 0));
    this.transition2 = this.child("transition2", newBranch(build, widths, 2));
    this.stage3 = this.child("stage3", stage(build, widths, 1));
    this.transition3 = this.child("transition3", newBranch(build, widths, 3));
    this.stage4 = this.child("stage4", stage(build, widths, 2));
    this.lastLayer = this.child("last_layer", head(build, 15 * width));
  }

  protected override levels(x: Tensor): Tensor[] {
    return frugal(x, () => {
      const two = frugal(x, () => run(this.stage2, this.#split(this.#stem(x))));
      const three = frugal(x, () => run(this.stage3, grow(this.transition2, two)));
      return frugal(x, () => run(this.stage4, grow(this.transition3, three), 3));
    });
  }

  #stem(x: Tensor): Tensor {
    const first = (y: Tensor) => applyNormRelu(y, this.conv1, this.bn1);
    const second = (y: Tensor) => applyNormRelu(y, this.conv2, this.bn2);
    return chain(x, [
      (y) => this.part([y], () => chain(y, [first, second])),
      (y) => this.layer1.forward(y),
    ]);
  }

  #split(x: Tensor): Tensor[] {
    return this.transition1.items.map((layer) => (layer as Layer).forward(x));
  }
}

/** All modules of a stage; of the last one only the finest `outputs` maps. */
function run(stage: ModuleList<HRModule>, xs: Tensor[], outputs = xs.length): Tensor[] {
  const last = stage.items.length - 1;
  return stage.items.reduce(
    (ys, module, m) => (module as HRModule).forward(ys, m === last ? outputs : ys.length),
    xs,
  );
}

/** The branches so far, and a new one from the coarsest. */
function grow(transition: ModuleList<Layer>, xs: Tensor[]): Tensor[] {
  const layer = transition.items.at(-1) as Layer;
  return [...xs, layer.forward(xs.at(-1) as Tensor)];
}

function stage(build: Build, widths: Widths, index: 0 | 1 | 2): ModuleList<HRModule> {
  const branches = widths.slice(0, index + 2);
  const modules = Array.from({ length: counts[index] }, () => new HRModule(build, branches));
  return new ModuleList(modules);
}

/** 256 channels to the first two branches. Only the second is nested, as in the checkpoints' names. */
function firstTransition(build: Build, widths: Widths): ModuleList<Layer> {
  const [one, two] = widths as [number, number];
  const kept = convNorm(build, 256, one, { kernelSize: 3, padding: 1 });
  const halved = convNorm(build, 256, two, strided);
  return new ModuleList<Layer>([
    new Sequential([...kept, new ReLU()]),
    new Sequential([new Sequential([...halved, new ReLU()])]),
  ]);
}

/** The branches pass through without a layer; branch `index` is new. */
function newBranch(build: Build, widths: Widths, index: 2 | 3): ModuleList<Layer> {
  const [from, to] = [widths[index - 1], widths[index]] as [number, number];
  const layers = new Sequential([...convNorm(build, from, to, strided), new ReLU()]);
  return new ModuleList<Layer>([...Array(index).fill(undefined), new Sequential([layers])]);
}

/** Never run: it is here because checkpoints and parameter counts have it. */
function head(build: Build, channels: number): Sequential {
  return new Sequential([
    new Conv2d(build, channels, channels, { kernelSize: 1 }),
    new BatchNorm2d(build, channels),
    new ReLU(),
    new Conv2d(build, channels, headClasses, { kernelSize: 1 }),
  ]);
}
