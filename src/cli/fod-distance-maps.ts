/** `loupe fod distance-maps`: the files of distances that the reference needs beside it; nothing here does. */
import { join } from "node:path";
import { z } from "zod";
import { distanceMap } from "../fod/index.ts";
import type { CommandSpec } from "./command.ts";
import { writeWhole } from "./files.ts";
import { flag, whole } from "./flags.ts";
import { output } from "./options.ts";

const settings = z.strictObject({
  sizes: flag(
    z
      .array(
        whole(1)
          .max(8192)
          .refine((n) => Number.isInteger(Math.sqrt(n))),
      )
      .min(1),
    "numbers of cells, each a square; default 1024 256, of the reference's two levels at 256 × 256",
    { value: "cells", rule: "square numbers up to 8192, such as 1024 (32 × 32)" },
  ),
  output: output("where the files go; default ./distances"),
});

export const fodDistanceMaps: CommandSpec = {
  name: "fod distance-maps",
  summary: "Writes the distance files that the reference code of FOD reads; training needs none",
  description:
    "distances_x_<L>.npy and distances_y_<L>.npy: f4 [L, L], squared distances of all pairs of cells along columns and along rows.",
  examples: [
    "loupe fod distance-maps",
    "loupe fod distance-maps --sizes 1024 256 --output distances",
  ],
  settings,
  async run({ read }) {
    const { settings: told } = await read(settings);
    const { sizes = [1024, 256], output: folder = "distances" } = told;
    const files: string[] = [];
    for (const size of sizes) {
      for (const axis of ["x", "y"] as const) {
        const { name, bytes } = distanceMap(axis, size);
        await writeWhole(join(folder, name), bytes);
        files.push(join(folder, name));
      }
    }
    return { text: files.join("\n"), json: { files } };
  },
};
