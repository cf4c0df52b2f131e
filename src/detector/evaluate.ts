/** From predictions to the table of metrics. */
import { LoupeError } from "../error.ts";
import { type Evaluation, evaluate, type ProtocolName, rocAucScore } from "../metrics/index.ts";
import type { Prediction } from "./predict.ts";

/**
 * The metrics of predictions under a protocol. Image metrics cover all of them, pixel metrics those that have masks; a warning
 * counts the others. Where several images show one object, `S_AUROC` is the AUROC of objects: each has the largest score and label
 * of its images. Source: Real-IAD, arXiv 2403.12580.
 * @param size side of the maps
 * @throws LoupeError `data` without predictions
 */
export function evaluatePredictions(
  predictions: readonly Prediction[],
  size: number,
  protocol: ProtocolName = "exact",
): Evaluation {
  const evaluation = evaluateImages(predictions, size, protocol);
  const objects = objectsOf(predictions);
  if (!objects) return evaluation;
  const auroc = rocAucScore(objects.labels, objects.scores);
  return { ...evaluation, metrics: { ...evaluation.metrics, S_AUROC: auroc } };
}

/** Label and score of each object; nothing unless all images belong to objects, and some to one. */
function objectsOf(predictions: readonly Prediction[]) {
  const objects = new Map<string, { label: number; score: number }>();
  for (const { object, label, score } of predictions) {
    if (object === undefined) return undefined;
    const known = objects.get(object) ?? { label, score };
    const most = { label: Math.max(known.label, label), score: Math.max(known.score, score) };
    objects.set(object, most);
  }
  if (objects.size === predictions.length) return undefined;
  const all = [...objects.values()];
  return { labels: all.map(({ label }) => label), scores: all.map(({ score }) => score) };
}

function evaluateImages(
  predictions: readonly Prediction[],
  size: number,
  protocol: ProtocolName,
): Evaluation {
  if (predictions.length === 0) {
    const next = "give a data set with test images";
    throw new LoupeError("data", `evaluatePredictions: there are no predictions; ${next}`);
  }
  const masked = predictions.filter(({ mask }) => mask);
  if (masked.length === predictions.length) return evaluate(inputOf(masked, size), { protocol });
  const { masks: _, ...unmasked } = inputOf(predictions, size);
  const columns = columnsOf(protocol);
  const images = evaluate(unmasked, { protocol, columns: columns.image });
  const missing = predictions.length - masked.length;
  const found = missing === 1 ? "1 defective image has" : `${missing} defective images have`;
  const warn = (what: string, more: readonly string[] = []) => [
    ...new Set([...images.warnings, ...more, `${found} no mask: ${what}`]),
  ];
  if (masked.every(({ label }) => label === 0)) {
    return { ...images, warnings: warn("there are no pixel metrics") };
  }
  // labels are left out: masks that differ from them would be told by places in this shorter list
  const { labels: __, ...unlabelled } = inputOf(masked, size);
  const pixels = evaluate(unlabelled, { protocol, columns: columns.pixel });
  return {
    protocol,
    metrics: { ...images.metrics, ...pixels.metrics },
    thresholds: { ...pixels.thresholds, ...images.thresholds },
    warnings: warn("pixel metrics leave them out", pixels.warnings),
  };
}

function inputOf(predictions: readonly Prediction[], size: number) {
  return {
    labels: predictions.map(({ label }) => label),
    scores: predictions.map(({ score }) => score),
    maps: predictions.map(({ map }) => map),
    masks: predictions.map(({ mask }) => mask as Uint8Array),
    ...(predictions.every(({ raw }) => raw)
      ? { rawMaps: predictions.map(({ raw }) => raw as Float32Array) }
      : {}),
    height: size,
    width: size,
  };
}

/** The columns of a protocol that need masks, and those that don't. */
function columnsOf(protocol: ProtocolName): { image: string[]; pixel: string[] } {
  const two = { labels: [0, 1], scores: [0, 1] };
  const maps = [Float32Array.of(0), Float32Array.of(1)];
  const masks = [Uint8Array.of(0), Uint8Array.of(1)];
  const image = Object.keys(evaluate(two, { protocol }).metrics);
  const all = evaluate({ ...two, maps, masks, height: 1, width: 1 }, { protocol });
  return { image, pixel: Object.keys(all.metrics).filter((name) => !image.includes(name)) };
}
