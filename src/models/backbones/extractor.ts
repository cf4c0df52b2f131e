/** A frozen teacher: no gradients, running statistics, and little memory. */
import { noGrad, type Tensor } from "../../core/index.ts";
import type { Backbone } from "./backbone.ts";

/** @example const features = new FeatureExtractor(createBackbone("resnet18", { device, weights })).forward(images); */
export class FeatureExtractor {
  readonly backbone: Backbone;

  /** Takes the backbone over: freezes it, and `dispose` frees it. */
  constructor(backbone: Backbone) {
    this.backbone = backbone.freeze().eval();
  }

  /** The three levels of `[N, H, W, 3]`, outside any graph. */
  forward(images: Tensor): Tensor[] {
    if (this.backbone.training) this.backbone.eval();
    return noGrad(() => this.backbone.forward(images));
  }

  dispose(): void {
    this.backbone.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
