/**
 * How an image of any size and its mask become the square that a network sees. Every method says it with its `images`, and training,
 * testing and predicting all read it from there.
 */

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
