/** What the frozen network gives on the levels that are used. */
import { LoupeError } from "../error.ts";
import type { Backbone } from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import type { LevelInput } from "./level.ts";

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
