/**
 * How an image of any size and its mask become the square that a network sees. Every method says it with its `images`, and training,
 * testing and predicting all read it from there.
 */
import { LoupeError } from "../error.ts";

/** Whose rules of resizing hold: `2025` Pillow's bilinear, `2023` OpenCV's, `lanczos` Pillow's Lanczos and masks nearest. */
export type Filters = "2025" | "2023" | "lanczos";

export interface Framing {
  /** Side of the square, pixels. */
  readonly size: number;
  /** Default `2025`. */
  readonly filters?: Filters;
  /**
   * The shorter side becomes this long, the other keeps the aspect, and the square is cut from the middle. Without it both sides
   * become `size`, whatever the aspect.
   */
  readonly shorter?: number;
  /** RD-MVTec: each image is turned by up to so many degrees, and the square is cut anywhere; in training and in testing. */
  readonly wild?: { readonly degrees: number };
}

/** The framing alone of what holds more. */
export function framingOf({ size, filters, shorter, wild }: Framing): Framing {
  return {
    size,
    ...(filters === undefined ? {} : { filters }),
    ...(shorter === undefined ? {} : { shorter }),
    ...(wild === undefined ? {} : { wild }),
  };
}

/** Throws `LoupeError("config")` for sides that are not whole and positive, and angles outside 0 to 180 degrees. */
export function checkFraming({ size, shorter, wild }: Framing): void {
  for (const [name, side] of Object.entries({ size, shorter: shorter ?? size })) {
    if (Number.isSafeInteger(side) && side >= 1) continue;
    throw new LoupeError("config", `${name}: must be a whole number of pixels, got ${side}`);
  }
  if (wild && !(wild.degrees >= 0 && wild.degrees <= 180)) {
    throw new LoupeError("config", `wild: degrees must be 0 to 180, got ${wild.degrees}`);
  }
}

/** Whether parts of an image that is not square may stay outside the square. */
export function crops({ shorter, wild }: Framing): boolean {
  return shorter !== undefined || wild !== undefined;
}
