/**
 * How the synthetic anomalies of one epoch are made, as plain data that a loading thread can take. Each axis makes them harder to
 * tell from a normal image with its strength s: 0 easiest, 1 hardest. What is left out stays as the reference paints it.
 */
import { LoupeError } from "../../error.ts";

/** s of an axis for the images of an epoch: the same for all, or drawn for each. */
export type Strength =
  | { readonly kind: "fixed"; readonly s: number }
  /** Uniform over [0, 1). */
  | { readonly kind: "uniform" }
  /** Around `mean`, clipped to [0, 1]. */
  | { readonly kind: "gaussian"; readonly mean: number; readonly sigma: number };

/** What patches are filled with. */
export type Texture =
  /** White noise over 0..254, whatever the strength: the reference's, bit for bit. */
  | { readonly kind: "normal" }
  /** White noise over [a, 255 − a), a = 127 · most · s, both ends cut to whole numbers. `most` 1: flat grey at s = 1. */
  | { readonly kind: "amp"; readonly strength: Strength; readonly most?: number }
  /** Low-passed white noise, cut off at r = side^(1 − s) bins, at least `lowest` (default 1). `side`: where noise is painted. */
  | { readonly kind: "freq"; readonly strength: Strength; readonly lowest?: number }
  /**
   * A mixture that moves from white noise over coarse noise to pieces of the image itself, first turned and recoloured, then as
   * they are. Each patch draws its kind: of four kinds, kind k has the probability max(0, 1 − |3s − k|).
   */
  | { readonly kind: "source"; readonly strength: Strength };

/** The patch lets α = most · s^exponent of the image shine through. Defaults 0.6 and 4. */
export interface Opacity {
  readonly strength: Strength;
  readonly most?: number;
  readonly exponent?: number;
}

/** An axis of which s = 1 is the reference's way, or with `beyond` something harder still. */
export type Reach = Strength & { readonly beyond?: boolean };

export interface Synthesis {
  readonly texture?: Texture;
  readonly opacity?: Opacity;
  /**
   * Half sides are drawn from [h/16, h/6) at s = 0 to [h/40, h/10), the reference, at s = 1; `beyond`: to [h/80, h/20). Both
   * bounds move log-linearly. Centres move only as far as it takes for a patch to fit.
   */
  readonly size?: Reach;
  /** From four patches at s = 0 to the reference's 0 to 4 at s = 1; `beyond`: to one. Fractions are rounded by chance. */
  readonly count?: Reach;
  /** Probability that a patch is a blob or a sliver, up to eight times as long as wide, and not a rectangle. */
  readonly shape?: Strength;
  /** How far mean and spread of a patch are pulled to those of what it covers: (1 − s) · noise + s · (μ + σ · z). */
  readonly colour?: Strength;
  /**
   * Only pixels of a patch that differ from the image by more than 3/255 in a channel, where it is painted, count as abnormal, and
   * a patch with none is left out. Default true; opaque white noise as the reference paints it always counts as a whole.
   */
  readonly guard?: boolean;
}

/** How much of what was painted counts as abnormal: pixels at the resolution of the painting. */
export interface Survival {
  readonly painted: number;
  readonly survived: number;
}

/** @throws LoupeError `config` naming the field that is out of range */
export function checkSynthesis({ texture, opacity, ...axes }: Synthesis): void {
  const { size, count, shape, colour } = axes;
  for (const [name, strength] of Object.entries({ size, count, shape, colour, opacity })) {
    if (strength) checkStrength(name, "strength" in strength ? strength.strength : strength);
  }
  if (opacity) {
    check("opacity.most", opacity.most, "0 to 1", (v) => v >= 0 && v <= 1);
    check("opacity.exponent", opacity.exponent, "above 0", (v) => v > 0);
  }
  if (!texture || texture.kind === "normal") return;
  if (!["amp", "freq", "source"].includes(texture.kind)) {
    const rule = `must be normal, amp, freq or source, got ${String(texture.kind)}`;
    throw new LoupeError("config", `synthesis: texture.kind ${rule}`);
  }
  checkStrength(texture.kind, texture.strength);
  if (texture.kind === "amp") check("amp.most", texture.most, "0 to 1", (v) => v >= 0 && v <= 1);
  if (texture.kind === "freq") check("freq.lowest", texture.lowest, "1 or more", (v) => v >= 1);
}

function checkStrength(axis: string, strength: Strength): void {
  const kind = strength?.kind;
  if (kind !== "fixed" && kind !== "uniform" && kind !== "gaussian") {
    const rule = `must be fixed, uniform or gaussian, got ${String(kind)}`;
    throw new LoupeError("config", `synthesis: ${axis}: the kind of strength ${rule}`);
  }
  if (kind === "fixed") check(`${axis}: s`, strength.s, "0 to 1", (v) => v >= 0 && v <= 1, true);
  if (kind !== "gaussian") return;
  check(`${axis}: mean`, strength.mean, "a number", () => true, true);
  check(`${axis}: sigma`, strength.sigma, "0 or more", (v) => v >= 0, true);
}

function check(
  name: string,
  value: number | undefined,
  rule: string,
  holds: (value: number) => boolean,
  needed = false,
): void {
  if (value === undefined && !needed) return;
  if (typeof value === "number" && Number.isFinite(value) && holds(value)) return;
  throw new LoupeError("config", `synthesis: ${name} must be ${rule}, got ${value}`);
}
