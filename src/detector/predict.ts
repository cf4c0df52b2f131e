/** Runs a detector over test images: maps and scores. */
import type { Batch, Sample } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { Detector } from "./detector.ts";
import { upload } from "./fit.ts";

/** One image's result. */
export interface Prediction {
  readonly path: string;
  /** 0 good, 1 defective, as the folder says. */
  readonly label: number;
  readonly score: number;
  /** `[size, size]`, larger where more abnormal. */
  readonly map: Float32Array;
  /** `[size, size]`, 0 or 1; absent when the image has no mask although it is defective. */
  readonly mask?: Uint8Array;
  /** The map before it was smoothed; there when it was asked for. */
  readonly raw?: Float32Array;
  /** The object it shows, by class, where a data set has several views of one. */
  readonly object?: string;
}

/**
 * Maps and scores of every image of the batches, in order.
 * @param samples the list that the batches were made from
 * @param onImage called after each batch with the images done so far
 * @param options `raw`: also the maps before smoothing, of a method that has them
 * @throws LoupeError `numeric` for a map that is not finite
 */
export async function predictBatches(
  detector: Detector,
  samples: readonly Sample[],
  batches: AsyncIterable<Batch>,
  onImage?: (done: number) => void,
  { raw = false }: { readonly raw?: boolean } = {},
): Promise<Prediction[]> {
  const results: Prediction[] = [];
  for await (const batch of batches) {
    await detector.preparePrediction(batch.size);
    const [maps, before] = (await mapsOf(detector, batch, raw)) as Float32Array[];
    const pixels = batch.side ** 2;
    for (let i = 0; i < batch.size; i++) {
      const prediction = predictionOf(detector, samples, batch, maps as Float32Array, i);
      const own = before && { raw: before.slice(i * pixels, (i + 1) * pixels) };
      results.push({ ...prediction, ...own });
    }
    onImage?.(results.length);
  }
  return results;
}

/** The maps of a batch and, if asked for and there, those before smoothing: one pass through the networks. */
function mapsOf(detector: Detector, batch: Batch, raw: boolean) {
  return detector.device.read(() => {
    const [images] = upload(detector.device, batch);
    const before = raw ? detector.rawMaps?.(images) : undefined;
    if (!before || !detector.smooth) return [detector.predict(images)];
    return [detector.smooth(before), before];
  });
}

function predictionOf(
  detector: Detector,
  samples: readonly Sample[],
  batch: Batch,
  maps: Float32Array,
  i: number,
): Prediction {
  const pixels = batch.side ** 2;
  const [path, label] = [batch.paths[i] as string, batch.labels[i] as number];
  const sample = samples[batch.indices[i] as number];
  if (sample?.path !== path) {
    const found = sample ? `is ${sample.path}` : "does not exist";
    const text = `image ${batch.indices[i]} of the list ${found}, but the batch has ${path}`;
    throw new LoupeError("data", `predictBatches: ${text}; give the list that it was made from`);
  }
  const map = maps.slice(i * pixels, (i + 1) * pixels);
  requireFinite(detector.method, path, map, pixels);
  const mask = binary(batch.masks.subarray(i * pixels, (i + 1) * pixels));
  const masked = label === 0 || sample.maskPath !== undefined;
  const score = detector.imageScore(map);
  const { className, sampleId } = sample;
  const object = sampleId === undefined ? {} : { object: `${className}/${sampleId}` };
  return { path, label, score, map, ...(masked ? { mask } : {}), ...object };
}

/** 1 where the mask is above one half. */
function binary(mask: Float32Array): Uint8Array {
  const out = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) out[i] = mask[i]! > 0.5 ? 1 : 0;
  return out;
}

function requireFinite(method: string, path: string, map: Float32Array, pixels: number): void {
  if (map.length !== pixels) {
    const text = `the map of ${path} has ${map.length} pixels instead of ${pixels}`;
    throw new LoupeError("shape", `${method}: ${text}`);
  }
  let bad = 0;
  for (let i = 0; i < map.length; i++) if (!Number.isFinite(map[i]!)) bad++;
  if (bad === 0) return;
  const text = `${bad} of ${map.length} pixels of the map of ${path} are not finite`;
  throw new LoupeError(
    "numeric",
    `${method}: ${text}; the weights are damaged or training diverged: use another run`,
  );
}
