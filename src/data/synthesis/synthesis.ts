/**
 * How the synthetic anomalies of one epoch are made, as plain data that a loading thread can take. Each axis makes them harder to
 * tell from a normal image with its strength s: 0 easiest, 1 hardest. What is left out stays as the reference paints it.
 */

/** s of an axis for the images of an epoch: the same for all, or drawn for each. */
export type Strength =
  | { readonly kind: "fixed"; readonly s: number }
  /** Uniform over [0, 1). */
  | { readonly kind: "uniform" }
  /** Around `mean`, clipped to [0, 1]. */
  | { readonly kind: "gaussian"; readonly mean: number; readonly sigma: number };

/** What patches are filled with. */
export type Texture =
  /** White noise over 0..254, whatever the strength. */
  | { readonly kind: "normal" }
  /** White noise over [a, 255 − a), a = 127 · most · s. `most` 1: flat grey at s = 1. */
  | { readonly kind: "amp"; readonly strength: Strength; readonly most?: number }
  /** Low-passed white noise, cut off at r = side^(1 − s) bins, at least `lowest`. */
  | { readonly kind: "freq"; readonly strength: Strength; readonly lowest?: number }
  /** A mixture that moves from white noise over coarse noise to pieces of the image itself. */
  | { readonly kind: "source"; readonly strength: Strength };

/** The patch lets α = most · s^exponent of the image shine through. Defaults 0.6 and 4. */
export interface Opacity {
  readonly strength: Strength;
  readonly most?: number;
  readonly exponent?: number;
}

export interface Synthesis {
  readonly texture?: Texture;
  readonly opacity?: Opacity;
  /** Half sides from [h/16, h/6) to [h/80, h/20); [h/40, h/10), the reference, lies at s = 0.5. */
  readonly size?: Strength;
  /** From four patches to one. */
  readonly count?: Strength;
  /** Share of patches that are blobs or slivers instead of rectangles. */
  readonly shape?: Strength;
  /** How far mean and spread of a patch are pulled to those of what it covers. */
  readonly colour?: Strength;
  /** Only what changes the image by more than 3/255 counts as abnormal; default true. */
  readonly guard?: boolean;
}
