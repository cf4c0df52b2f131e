/**
 * Draws what belongs to one image: a stream of its own for each purpose and patch, and s of each axis. The boxes' stream is left
 * alone, so two kinds of anomalies with the same seed have the same boxes, and neither an axis more nor what happens to one patch
 * changes another.
 */
import { normal, type Random, seededRandom } from "../random.ts";
import type { Strength, Synthesis } from "./synthesis.ts";

/** Part of the streams' keys: never renumber. */
const purposes = {
  textureStrength: 1,
  opacityStrength: 2,
  sizeStrength: 3,
  countStrength: 4,
  shapeStrength: 5,
  colourStrength: 6,
  texture: 7,
  size: 8,
  count: 9,
  shape: 10,
  field: 11,
  kind: 12,
} as const;

/** The stream of one purpose, or of one patch for this purpose, from its beginning. */
export type Streams = (purpose: keyof typeof purposes, patch?: number) => Random;

/** Streams that follow from where `random` stands, which is not moved. */
export function streamsBeside(random: Random): Streams {
  const key = random.state();
  return (purpose, patch = 0) => seededRandom(...key, purposes[purpose], patch);
}

/** s of every axis for one image. */
export interface Strengths {
  readonly texture: number;
  readonly opacity: number;
  readonly size: number;
  readonly count: number;
  readonly shape: number;
  readonly colour: number;
}

/** Axes that are not used have s = 0. */
export function drawStrengths(synthesis: Synthesis, streams: Streams): Strengths {
  const { texture, opacity, size, count, shape, colour } = synthesis;
  const draw = (strength: Strength | undefined, purpose: Parameters<Streams>[0]) =>
    strength ? drawStrength(strength, streams(purpose)) : 0;
  return {
    texture: draw(
      texture && texture.kind !== "normal" ? texture.strength : undefined,
      "textureStrength",
    ),
    opacity: draw(opacity?.strength, "opacityStrength"),
    size: draw(size, "sizeStrength"),
    count: draw(count, "countStrength"),
    shape: draw(shape, "shapeStrength"),
    colour: draw(colour, "colourStrength"),
  };
}

function drawStrength(strength: Strength, random: Random): number {
  switch (strength.kind) {
    case "fixed":
      return strength.s;
    case "uniform":
      return random.uniform();
    case "gaussian":
      return Math.max(0, Math.min(1, strength.mean + strength.sigma * normal(random)));
  }
}
