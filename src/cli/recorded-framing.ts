/** How the images of a run became squares, as its run.json says. */
import { z } from "zod";
import type { Framing } from "../data/index.ts";
import { defined } from "./defined.ts";

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
