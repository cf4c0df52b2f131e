/** Photos as people see them under a map: never more than the network saw of them. */
import { readImage } from "./decode.ts";
import { frame, type Place } from "./frame.ts";
import { crops, type Framing } from "./framing.ts";
import type { Image } from "./image.ts";

/** A photo that its map covers. `place`: where it was cut out of the stored one; absent where that is all of it. */
export type Shown = { readonly photo: Image; readonly place?: Place };

/**
 * Reads a photo to be shown with its map: as it is stored where a framing stretches it, else the square that it cuts. Throws
 * `LoupeError("io")` or `("data")`.
 */
export async function readShown(path: string, framing: Framing): Promise<Shown> {
  const stored = await readImage(path);
  if (!crops(framing)) return { photo: stored };
  const { image, place } = frame(stored, framing);
  return { photo: image, place };
}
