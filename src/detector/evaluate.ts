/** Runs a detector over test images: maps, scores, and with masks the table of metrics. */
import type { Batch, Sample } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { type Evaluation, evaluate, type ProtocolName } from "../metrics/index.ts";
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
}

/** Maps and scores of every image of the batches, in order. `samples`: the list that the batches were made from. */
export async function predictBatches(
  detector: Detector,
  samples: readonly Sample[],
  batches: AsyncIterable<Batch>,
  onImage?: (done: number) => void,
): Promise<Prediction[]> {
  const results: Prediction[] = [];
  for await (const batch of batches) {
    const [maps] = await detector.device.read(() => [
      detector.predict(upload(detector.device, batch)[0]),
    ]);
    const pixels = batch.side ** 2;
    batch.paths.forEach((path, i) => {
      const map = (maps as Float32Array).slice(i * pixels, (i + 1) * pixels);
      requireFinite(detector.method, path, map);
      const mask = Uint8Array.from(batch.masks.subarray(i * pixels, (i + 1) * pixels), (v) =>
        v > 0.5 ? 1 : 0,
      );
      const label = batch.labels[i] as number;
      const masked = label === 0 || samples[batch.indices[i] as number]?.maskPath !== undefined;
      results.push({
        path,
        label,
        score: detector.imageScore(map),
        map,
        ...(masked ? { mask } : {}),
      });
    });
    onImage?.(results.length);
  }
  return results;
}

function requireFinite(method: string, path: string, map: Float32Array): void {
  const bad = map.reduce((n, v) => n + (Number.isFinite(v) ? 0 : 1), 0);
  if (bad === 0) return;
  const text = `${bad} of ${map.length} pixels of the map of ${path} are not finite`;
  throw new LoupeError(
    "numeric",
    `${method}: ${text}; the weights are damaged or training diverged`,
  );
}

/** The metrics of predictions. Pixel metrics cover the images that have masks; a warning counts the others. */
export function evaluatePredictions(
  predictions: readonly Prediction[],
  size: number,
  protocol: ProtocolName = "exact",
): Evaluation {
  const labels = predictions.map((p) => p.label);
  const scores = predictions.map((p) => p.score);
  const masked = predictions.filter((p) => p.mask);
  if (masked.length === predictions.length) {
    const maps = predictions.map((p) => p.map);
    const masks = predictions.map((p) => p.mask as Uint8Array);
    return evaluate({ labels, scores, maps, masks, height: size, width: size }, { protocol });
  }
  const images = evaluate({ labels, scores }, { protocol });
  const missing = predictions.length - masked.length;
  const warning = `${missing} defective images have no mask; pixel metrics leave them out`;
  if (masked.every((p) => p.label === 0))
    return { ...images, warnings: [...images.warnings, warning] };
  const pixels = evaluate(
    {
      labels: masked.map((p) => p.label),
      scores: masked.map((p) => p.score),
      maps: masked.map((p) => p.map),
      masks: masked.map((p) => p.mask as Uint8Array),
      height: size,
      width: size,
    },
    { protocol },
  );
  return {
    protocol,
    metrics: { ...pixels.metrics, ...images.metrics },
    thresholds: { ...pixels.thresholds, ...images.thresholds },
    warnings: [...new Set([...images.warnings, ...pixels.warnings, warning])],
  };
}
