/** How the images of a run became squares, as its run.json says, and of maps as the file beside them. */
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Framing } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { defined } from "./defined.ts";
import { readPlain } from "./plain-file.ts";

/** Lies beside a folder of maps, or among them. */
export const framingFile = "framing.json";

const side = z
  .int()
  .min(1)
  .max(2 ** 16);

/** `framing` in run.json. Runs from before methods cut their images have none. */
export const recordedFraming = z
  .looseObject({
    size: side,
    filters: z.enum(["2025", "2023", "lanczos"]).optional(),
    shorter: side.optional(),
    wild: z.looseObject({ degrees: z.number().min(0).max(180) }).optional(),
  })
  .transform(({ size, filters, shorter, wild }): Framing => {
    return { size, ...defined({ filters, shorter, wild }) };
  });

/** The framing of a run that has none recorded: CDO stretched images by the rules of its version. */
export function framingOfConfig({
  imageSize,
  version,
}: Readonly<Record<string, unknown>>): Framing {
  const size = typeof imageSize === "number" ? imageSize : 256;
  return { size, filters: version === "2023" ? "2023" : "2025" };
}

/** What maps are of that tensorloupe made; undefined for others. Throws `data` when the file was damaged. */
export async function framingOfMaps(path: string): Promise<Framing | undefined> {
  for (const file of [join(path, framingFile), join(dirname(path), framingFile)]) {
    const bytes = await readPlain(file, 2 ** 16);
    if (bytes) return parsed(bytes, file);
  }
  return undefined;
}

function parsed(bytes: Uint8Array, file: string): Framing {
  try {
    return recordedFraming.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    const next =
      "write it again with `loupe test`, or move it away if the maps are another program's";
    const rule = "it does not say what the maps are of";
    throw new LoupeError("data", `${file}: ${rule}; ${next}`, { cause });
  }
}
