/** A training set of small made-up images and an expert that only averages them, for hooks that look at both. */
import type { Surroundings } from "../../../src/cdo/curriculum/hook.ts";
import { adaptiveAvgPool2d, concat, type Device, square, sub } from "../../../src/core/index.ts";
import { type Batch, makeImage, normalise, type Sample } from "../../../src/data/index.ts";
import { u01 } from "../../golden.ts";

export const side = 8;

/** The 8-bit pixels `[side, side, 3]` of an image. */
export function pixelsOf(place: number): Uint8Array {
  return Uint8Array.from(u01(`image ${place}`, side * side * 3), (u, i) => {
    const spread = 20 + 10 * (place % 7); // some are busier
    return Math.floor(100 + spread * (u - 0.5) + (i % 3) * 20);
  });
}

export function samplesOf(labels: readonly (0 | 1)[]): Sample[] {
  return labels.map((label, i) => {
    const defect = label ? "hole" : "good";
    return { path: `/data/nut/train/${defect}/${i}.png`, label, defect, className: "nut" };
  });
}

/** `asked`: how often images were looked at. */
export function surroundings(
  device: Device,
  labels: readonly (0 | 1)[],
  batchSize = 4,
): Surroundings & { asked: number } {
  const samples = samplesOf(labels);
  const around = {
    asked: 0,
    device,
    set: {
      samples,
      seed: 1,
      async *clean(places: readonly number[]) {
        around.asked++;
        for (let at = 0; at < places.length; at += batchSize) {
          yield batchOf(samples, places.slice(at, at + batchSize));
        }
      },
      probe: () => {
        throw new Error("no anomalies here");
      },
    },
    features: (images: Parameters<Surroundings["features"]>[0]) => {
      const coarse = (n: number) => adaptiveAvgPool2d(images, [n, n]);
      const [a, b] = [coarse(4), coarse(2)];
      return [concat([a, square(a)], -1), sub(b, 0.3)];
    },
    discrepancy: () => {
      throw new Error("there is no apprentice here");
    },
  };
  return around;
}

function batchOf(samples: readonly Sample[], places: readonly number[]): Batch {
  const images = new Float32Array(places.length * side * side * 3);
  places.forEach((place, i) => {
    const own = images.subarray(i * side * side * 3, (i + 1) * side * side * 3);
    normalise(makeImage(side, side, 3, pixelsOf(place)), own);
  });
  const chosen = places.map((place) => samples[place] as Sample);
  return {
    size: places.length,
    side,
    images,
    masks: new Float32Array(places.length * side * side),
    labels: Uint8Array.from(chosen, ({ label }) => label),
    paths: chosen.map(({ path }) => path),
    indices: Uint32Array.from(places),
  };
}
