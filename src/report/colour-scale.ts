/**
 * One colour scale per run, anchored at the pixel threshold, so that the same value has the same colour in every image of
 * the run and in every later prediction, and good images stay calm. Values map to 0 at `low`, 1/2 at `threshold` and
 * 1 at `high`, straight between; colour is Inferno over that position, and opacity grows with it.
 */
import { interpolateInferno } from "d3-scale-chromatic";
import { LoupeError } from "../error.ts";

/** Plain data, saved with the run as JSON; `low < threshold < high`. */
export interface ColourScale {
  /** At or below: transparent. */
  readonly low: number;
  /** The pixel threshold: the middle of the scale. */
  readonly threshold: number;
  /** At or above: the hottest colour. */
  readonly high: number;
}

/** Red, green, blue 0..255 and opacity 0..1. */
export type Rgba = readonly [red: number, green: number, blue: number, opacity: number];

/** Inferno without its black and its pale yellow, which vanish on dark and on bright photos. */
const ramp = [0.18, 0.88] as const;
const opacity = { threshold: 0.58, high: 0.78 } as const;

/**
 * A checked scale. An end that lies on the wrong side of the threshold (all maps equal, a threshold outside the range) is
 * moved out by the length of the other half, so that the threshold stays the middle. Also reads a scale back from JSON.
 * Throws `config` unless all three are finite numbers.
 *
 * @example colourScale({ threshold: 0.5, low: 0.1, high: 0.9 })
 */
export function colourScale({ threshold, low, high }: ColourScale): ColourScale {
  if (![threshold, low, high].every(Number.isFinite)) {
    const got = `low ${low}, threshold ${threshold}, high ${high}`;
    throw new LoupeError("config", `colourScale: all values must be finite numbers, got ${got}`);
  }
  const below = threshold - low;
  const above = high - threshold;
  const length = above > 0 ? above : below > 0 ? below : Math.abs(threshold) || 1;
  return {
    low: below > 0 ? low : threshold - length,
    threshold,
    high: above > 0 ? high : threshold + length,
  };
}

/**
 * The scale of a run from its maps: `low` is the median pixel of the good images (of all, if none is good), `high` the
 * value that one pixel in a thousand of all images exceeds. Throws `data` without maps, `numeric` for a map with NaN.
 */
export function fitColourScale(
  maps: readonly { readonly label: number; readonly map: ArrayLike<number> }[],
  threshold: number,
): ColourScale {
  const good = maps.filter(({ label }) => label === 0);
  const low = quantile(
    (good.length ? good : maps).map(({ map }) => map),
    0.5,
  );
  const high = quantile(
    maps.map(({ map }) => map),
    0.999,
  );
  return colourScale({ threshold, low, high });
}

/** Enough values to place a colour; more are thinned evenly. */
const sampleSize = 1 << 20;

function quantile(maps: readonly ArrayLike<number>[], q: number): number {
  const total = maps.reduce((n, map) => n + map.length, 0);
  if (total === 0) throw new LoupeError("data", "fitColourScale: needs at least one map, got none");
  const step = Math.max(1, Math.ceil(total / sampleSize));
  const values = new Float64Array(Math.ceil(total / step));
  let seen = 0;
  let n = 0;
  for (const map of maps) {
    for (let i = (step - (seen % step)) % step; i < map.length; i += step) values[n++] = map[i]!;
    seen += map.length;
  }
  if (!values.every(Number.isFinite)) {
    throw new LoupeError("numeric", "fitColourScale: the maps hold values that are not finite");
  }
  return values.sort()[Math.min(n - 1, Math.floor(q * n))]!;
}

/** Where a value lies on the scale: 0 at or below `low`, 1/2 at the threshold, 1 at or above `high`. */
export function scalePosition({ low, threshold, high }: ColourScale, value: number): number {
  if (value <= low) return 0;
  if (value >= high) return 1;
  return value < threshold
    ? (0.5 * (value - low)) / (threshold - low)
    : 0.5 + (0.5 * (value - threshold)) / (high - threshold);
}

const steps = 1024;
const table: readonly Rgba[] = Array.from({ length: steps + 1 }, (_, i) => colourOf(i / steps));

function colourOf(position: number): Rgba {
  const [from, to] = ramp;
  const hex = interpolateInferno(from + (to - from) * position);
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  const toThreshold = Math.min(1, 2 * position);
  const beyond = Math.max(0, 2 * position - 1);
  const alpha = opacity.threshold * toThreshold ** 2 + (opacity.high - opacity.threshold) * beyond;
  return [r!, g!, b!, alpha];
}

/** Colour and opacity of a value. */
export function colourAt(scale: ColourScale, value: number): Rgba {
  return table[Math.round(scalePosition(scale, value) * steps)]!;
}
