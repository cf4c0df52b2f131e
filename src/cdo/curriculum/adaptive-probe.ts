/**
 * What the network has learned of some anomalies: pixel AUROC of its discrepancy on normal training images with synthetic anomalies,
 * the same images and boxes each time. Never on test images.
 */
import { noGrad } from "../../core/index.ts";
import { permutation, type Synthesis, seededRandom } from "../../data/index.ts";
import { upload } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { rocAucScore } from "../../metrics/index.ts";
import type { Surroundings } from "./hook.ts";

/** Of the streams that hooks draw from. */
export const tags = { probe: 0x9b0be, choice: 0xa23 } as const;

/**
 * Pixel AUROC at these anomalies; null where it does not exist, because nothing painted counts as abnormal.
 * @param count normal images that are looked at, fewer if there are fewer
 */
export async function probed(
  around: Surroundings,
  synthesis: Synthesis,
  count: number,
): Promise<number | null> {
  const places = probePlaces(around.set, count);
  // An image gets no anomaly with a chance of 1 in 5, so few of them may get none at all.
  for (let key = tags.probe; key < tags.probe + 100; key++) {
    const { painted, masks, maps } = await seen(around, places, synthesis, key);
    if (!painted) continue;
    const auroc = rocAucScore(
      masks.map((value) => (value === 0 ? 0 : 1)),
      maps,
    );
    return Number.isNaN(auroc) ? null : auroc;
  }
  const next = "take a curriculum without selector and gate";
  throw new LoupeError("data", `curriculum: no image gets a synthetic anomaly; ${next}`);
}

/** Pixels that an AUROC is made of; each takes some 20 bytes until it is done. */
const mostPixels = 2 ** 26;

function requireRoom(count: number, side: number): void {
  if (count * side * side <= mostPixels) return;
  const fits = Math.max(1, Math.floor(mostPixels / side ** 2));
  const next = `lower probe to ${fits} or the size of the images`;
  throw new LoupeError(
    "config",
    `curriculum: probe: ${count} images of ${side} x ${side} pixels are more than fit in memory; ${next}`,
  );
}

interface Seen {
  readonly painted: boolean;
  readonly masks: Float32Array;
  readonly maps: Float32Array;
}

async function seen(
  { device, set, discrepancy }: Surroundings,
  places: readonly number[],
  synthesis: Synthesis,
  key: number,
): Promise<Seen> {
  const maps: Float32Array[] = [];
  const masks: Float32Array[] = [];
  let painted = false;
  for await (const batch of set.probe(places, synthesis, key)) {
    requireRoom(places.length, batch.side);
    const [map] = await device.read(() => noGrad(() => [discrepancy(upload(device, batch)[0])]));
    maps.push(map as Float32Array);
    masks.push(batch.masks);
    painted ||= (batch.synthetic?.painted ?? 0) > 0 || batch.masks.some((value) => value !== 0);
  }
  return { painted, masks: joined(masks), maps: joined(maps) };
}

/** Some of the normal images, the same for the same training. */
function probePlaces({ samples, seed }: Surroundings["set"], count: number): readonly number[] {
  const normal = [...samples.keys()].filter((place) => samples[place]?.label === 0);
  if (normal.length === 0) {
    const next = "take a curriculum without selector and gate";
    throw new LoupeError("data", `curriculum: there is no normal image to look at; ${next}`);
  }
  const order = permutation(normal.length, seededRandom(seed, tags.probe));
  return Array.from(order.subarray(0, count), (i) => normal[i] as number);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
