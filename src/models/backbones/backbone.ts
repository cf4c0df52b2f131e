/** What a backbone gives a method: three maps of features, at strides 4, 8 and 16, and a clear word about image sizes. */
import type { Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { Module } from "../nn/index.ts";

/** Channels of the three levels, finest first. */
export type LevelChannels = readonly [number, number, number];

/** Pixels of the image per pixel of each level. */
export const levelStrides = [4, 8, 16] as const;

export abstract class Backbone extends Module {
  /** As in `backboneNames`. */
  abstract readonly name: string;
  abstract readonly channels: LevelChannels;
  /** Stride of the coarsest map that is computed, returned or not. */
  abstract readonly deepestStride: number;
  readonly strides: readonly [4, 8, 16] = levelStrides;

  protected abstract levels(x: Tensor): Tensor[];

  /**
   * The three levels, finest first. Under `noGrad` each intermediate map is freed as soon as it was used.
   * @param x `[N, H, W, 3]`, normalised as the weights expect
   * @returns `[N, ⌈H / s⌉, ⌈W / s⌉, C]` for the strides s = 4, 8, 16
   */
  forward(x: Tensor): Tensor[] {
    const [n, h, w, c] = x.shape;
    if (x.shape.length !== 4 || c !== 3) {
      throw new LoupeError("shape", `${this.name}: images are [N, H, W, 3], got ${x}`);
    }
    this.sizeCheck(h as number, w as number, n);
    return this.levels(x);
  }

  /**
   * Throws unless images of this size can go through. Any size can, down to one pixel: maps are rounded up. Only in train mode
   * BatchNorm needs two values of each channel on the coarsest map.
   */
  sizeCheck(height: number, width: number, batch = 1): void {
    const where = `${this.name}: image of ${height} × ${width}`;
    if (![height, width].every((n) => Number.isInteger(n) && n >= 1)) {
      throw new LoupeError("shape", `${where}: sizes are whole numbers from 1`);
    }
    const stride = this.deepestStride;
    const values = batch * Math.ceil(height / stride) * Math.ceil(width / stride);
    if (!this.training || values > 1) return;
    const map = `leaves a single value per channel at stride ${stride}, too few for batch statistics`;
    const next = `train with more than ${stride} pixels on a side, or with a batch of 2 or more`;
    throw new LoupeError("shape", `${where}: ${map}; ${next}`);
  }

  override toString(): string {
    return this.name;
  }
}
