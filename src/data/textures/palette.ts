/** Colours of textures: pairs that differ a little or a lot, in light or in hue, as things in photos do. */
import type { Colour } from "../demo/surface.ts";
import type { Random } from "../random.ts";

const between = (random: Random, lo: number, hi: number) => lo + (hi - lo) * random.uniform();

/** Any colour, greyish ones more often. */
export function drawColour(random: Random): Colour {
  const light = between(random, 0.05, 0.95);
  const colourful = random.uniform() ** 2 * Math.min(light, 1 - light) * 1.4;
  const hue = 2 * Math.PI * random.uniform();
  return [0, 1, 2].map(
    (k) => light + colourful * Math.cos(hue - (k * 2 * Math.PI) / 3),
  ) as unknown as Colour;
}

/** Two colours that can be told apart: a fifth or more in one channel. */
export function drawPair(random: Random): readonly [Colour, Colour] {
  const first = drawColour(random);
  for (;;) {
    const other = drawColour(random);
    const share = random.uniform() < 0.5 ? 1 : between(random, 0.3, 0.7);
    const second = first.map((c, k) => c + share * (other[k]! - c)) as unknown as Colour;
    const apart = Math.max(...first.map((c, k) => Math.abs(c - second[k]!)));
    if (apart > 0.2) return [first, second];
  }
}
