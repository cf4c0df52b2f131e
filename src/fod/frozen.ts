/** The frozen network, and what it gives on the levels that are used. */
import type { Device, Rng } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type Backbone, createBackbone, findBackbone, type StateDict } from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import type { LevelInput } from "./level.ts";

/** @param rng draws the weights; without it they are zeros, to be loaded */
export function createEncoder(
  device: Device,
  { backbone }: FodConfig,
  teacher: StateDict | undefined,
  rng: Rng | undefined,
): Backbone {
  if (teacher) return createBackbone(backbone, { device, weights: teacher });
  const build = { device, rng: rng?.fork("teacher") };
  return findBackbone(backbone).create(build, { zeroInitLast: false });
}

/**
 * Channels and grids of the levels of the config.
 * @throws LoupeError `config` for images that are too small, `shape` where the network says so
 */
export function inputsOf(
  backbone: Backbone,
  { levels, imageSize, intra, inter }: FodConfig,
): LevelInput[] {
  backbone.sizeCheck(imageSize, imageSize);
  const sides = backbone.levelSides(imageSize);
  return levels.map((k) => {
    const side = sides[k] as number;
    if (side < 2 && (intra || inter)) {
      const stride = backbone.strides[k] as number;
      const rule = `scores compare the tokens of an image, but ${backbone} has a single one at stride ${stride}`;
      const next = `set imageSize above ${stride}, or leave level ${k} out`;
      throw new LoupeError("config", `fod: imageSize is ${imageSize}: ${rule}; ${next}`);
    }
    return { channels: backbone.channels[k] as number, grid: [side, side] };
  });
}
