/**
 * What is trained: a backbone with two heads on each of its three levels. One says which texture lies at a place; the other gives the
 * mean and the spread of the colours there, so that features keep what the textures' names do not need. The heads are thrown away.
 */
import {
  add,
  argmax,
  avgPool2d,
  concat,
  crossEntropy,
  mseLoss,
  mul,
  noGrad,
  relu,
  sqrt,
  square,
  sub,
  type Tensor,
} from "../../src/core/index.ts";
import {
  type Backbone,
  type Build,
  Conv2d,
  findBackbone,
  levelStrides,
  Module,
  ModuleList,
} from "../../src/models/index.ts";

/** A place whose texture is not clear has this label and does not count. */
export const noLabel = -1;

export class TextureNet extends Module {
  readonly backbone: Backbone;
  readonly #names: ModuleList<Conv2d>;
  readonly #colours: ModuleList<Conv2d>;

  constructor(build: Build, backbone: string, classes: number) {
    super();
    this.backbone = this.child("backbone", findBackbone(backbone).create(build, {}));
    const heads = (outputs: number) =>
      new ModuleList(
        this.backbone.channels.map((c) => new Conv2d(build, c, outputs, { kernelSize: 1 })),
      );
    this.#names = this.child("names", heads(classes));
    this.#colours = this.child("colours", heads(6));
  }

  /**
   * The loss of a batch, summed over the levels.
   * @param images `[N, S, S, 3]`, normalised
   * @param labels per level `[N, S / stride, S / stride]`, i32
   * @param colour weight of the second head
   */
  loss(images: Tensor, labels: readonly Tensor[], colour: number): Tensor {
    const losses = this.backbone.forward(images).map((x, level) => {
      const named = crossEntropy(this.#names.items[level]!.forward(x), labels[level]!, {
        ignoreIndex: noLabel,
      });
      if (colour === 0) return named;
      const wanted = noGrad(() => coloursOf(images, levelStrides[level]!));
      const seen = mseLoss(this.#colours.items[level]!.forward(x), wanted);
      return add(named, mul(seen, colour));
    });
    return losses.reduce((a, b) => add(a, b));
  }

  /** The likeliest texture at each place, per level; i32. */
  name(images: Tensor): Tensor[] {
    return noGrad(() =>
      this.backbone
        .forward(images)
        .map((x, level) => argmax(this.#names.items[level]!.forward(x), -1)),
    );
  }
}

/** Mean and standard deviation of each channel in squares of `stride` pixels, `[N, S / stride, S / stride, 6]`. */
function coloursOf(images: Tensor, stride: number): Tensor {
  const pool = { kernelSize: stride, stride };
  const middle = avgPool2d(images, pool);
  const power = avgPool2d(square(images), pool);
  const variance = relu(sub(power, square(middle))); // rounding can take it below 0
  return concat([middle, sqrt(add(variance, 1e-6))], 3);
}
