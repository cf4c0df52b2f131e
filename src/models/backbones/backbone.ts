/** What a backbone gives a method: three maps of features at falling sizes, and a clear word about image sizes. */
import type { Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { Module } from "../nn/index.ts";

/** Channels of the three levels, finest first. */
export type LevelChannels = readonly [number, number, number];

/** Pixels of the image per pixel of each level, finest first. */
export type LevelStrides = readonly [number, number, number];

/** Of all backbones but VGG. */
export const levelStrides: LevelStrides = [4, 8, 16];

export abstract class Backbone extends Module {
  /** As in `backboneNames`. */
  abstract readonly name: string;
  abstract readonly channels: LevelChannels;
  /** Stride of the coarsest map that a BatchNorm sees, returned or not. */
  abstract readonly deepestStride: number;
  readonly strides: LevelStrides = levelStrides;
  /** Fewest pixels on a side that give a map on every level. */
  readonly smallestSide: number = 1;

  protected abstract levels(x: Tensor): Tensor[];

  /**
   * The three levels, finest first. Under `noGrad` each intermediate map is freed as soon as it was used.
   * @param x `[N, H, W, 3]`, normalised as the weights expect
   * @returns `[N, h, w, C]` for each level, where `levelSides` says h and w
   */
  forward(x: Tensor): Tensor[] {
    const [n, h, w, c] = x.shape;
    if (x.shape.length !== 4 || c !== 3) {
      throw new LoupeError("shape", `${this.name}: images are [N, H, W, 3], got ${x}`);
    }
    this.sizeCheck(h as number, w as number, n);
    return this.levels(x);
  }

  /** Pixels along one axis of the three levels, of an image with `side` pixels along it: ⌈side / stride⌉, unless the network says otherwise. */
  levelSides(side: number): readonly [number, number, number] {
    const [a, b, c] = this.strides;
    return [Math.ceil(side / a), Math.ceil(side / b), Math.ceil(side / c)];
  }

  /** The same of the coarsest map that a BatchNorm sees. */
  protected deepestSide(side: number): number {
    return Math.ceil(side / this.deepestStride);
  }

  /**
   * Throws unless images of this size can go through: whole numbers from `smallestSide`, and in train mode BatchNorm needs two
   * values of each channel on the coarsest map.
   */
  sizeCheck(height: number, width: number, batch = 1): void {
    const where = `${this.name}: image of ${height} × ${width}`;
    const least = this.smallestSide;
    if (![height, width].every((n) => Number.isInteger(n) && n >= least)) {
      throw new LoupeError("shape", `${where}: sizes are whole numbers from ${least}`);
    }
    const stride = this.deepestStride;
    const values = batch * this.deepestSide(height) * this.deepestSide(width);
    if (!this.training || values > 1) return;
    const map = `leaves a single value per channel at stride ${stride}, too few for batch statistics`;
    const next = `train with more than ${stride} pixels on a side, or with a batch of 2 or more`;
    throw new LoupeError("shape", `${where}: ${map}; ${next}`);
  }

  override toString(): string {
    return this.name;
  }
}
