/** The one entry of this room: from maps, masks, labels and scores to a row of the results table, under a named protocol. */
import { LoupeError } from "../error.ts";
import type { Column } from "./columns.ts";
import { explainImages, explainPixels } from "./explain.ts";
import { type Protocol, type ProtocolName, protocols } from "./protocols.ts";
import type { ProtocolSettings, Reader } from "./readers.ts";
import { type EvaluationInput, type LabelSource, readSamples, type Samples } from "./samples.ts";

export interface EvaluateOptions extends ProtocolSettings {
  /**
   * "exact" (default): every threshold, ties grouped. "cdo2025", "cdo2023", "cfa", "fod": as those references compute them,
   * under their column names, so `mF1_max_px` is the best F1 under "exact" and the best of 21 thresholds under "cdo2025".
   */
  readonly protocol?: ProtocolName;
  /** Columns to compute; the protocol's default columns if not given. */
  readonly columns?: readonly string[];
  /**
   * Where image labels come from if both are there. Default: the flag, because a defect too small to survive the resize
   * of its mask is still a defect; "cdo2025": the mask, as its reference. A warning names the images where they differ.
   */
  readonly imageLabels?: LabelSource;
  /** Fraction of largest pixels whose mean is the image score, where scores are not given; 0.01, and 0 is the maximum. */
  readonly scoreRatio?: number;
}

/** One row of results. */
export interface Evaluation {
  readonly protocol: ProtocolName;
  /** Fractions in 0..1 by column name; NaN where undefined, and then a warning says why. */
  readonly metrics: Readonly<Record<string, number>>;
  /**
   * F1-max thresholds in the units of the scores and of the maps (abnormal: at or above; cdo2025's pixels: above).
   * NaN unless both classes are there.
   */
  readonly thresholds: { readonly image?: number; readonly pixel?: number };
  readonly warnings: readonly string[];
}

/**
 * Image and pixel metrics of N images. Columns whose input is missing are left out with a warning.
 * Throws `shape`, `data`, `numeric` (NaN or infinity in maps or scores) or `config`.
 *
 * @example
 * const { metrics } = evaluate({ labels: [0, 0, 1, 1], scores: [0.1, 0.4, 0.35, 0.8] });
 * metrics.mAUROC_sp_max; // 0.75
 */
export function evaluate(input: EvaluationInput, options: EvaluateOptions = {}): Evaluation {
  const name = options.protocol ?? "exact";
  const protocol = protocolOf(name, options);
  const columns = readColumns(name, protocol, options.columns ?? protocol.columns);
  const samples = readSamples(input, {
    labels: options.imageLabels ?? protocol.labels,
    scores: protocol.scores,
    scoreRatio: options.scoreRatio ?? 0.01,
    rawMaps: protocol.needs.rawMaps,
  });
  const metrics: Record<string, number> = {};
  const warnings = [...samples.warnings];
  const thresholds: { image?: number; pixel?: number } = {};
  for (const scope of ["image", "pixel"] as const) {
    const wanted = columns.filter(([, column]) => column.scope === scope);
    if (wanted.length === 0) continue;
    const part =
      scope === "image" ? imagePart(protocol, samples) : pixelPart(protocol, samples, options);
    if (scope === "pixel" && samples.pixels) warnings.push(...unsmoothedMissing(wanted, samples));
    if (typeof part === "string") {
      warnings.push(`${wanted.map(([column]) => column).join(", ")}: left out, ${part}`);
      continue;
    }
    const values = wanted.map(([column, parsed]) => [column, part.reader.value(parsed)] as const);
    Object.assign(metrics, Object.fromEntries(values));
    warnings.push(...part.explain(Object.fromEntries(values)));
    thresholds[scope] = part.reader.threshold();
  }
  return { protocol: name, metrics: inOrder(metrics, columns), thresholds, warnings };
}

interface Part {
  readonly reader: Reader;
  explain(metrics: Readonly<Record<string, number>>): string[];
}

function imagePart(protocol: Protocol, { labels, scores }: Samples): Part | string {
  if (!labels) return "neither labels nor masks are given";
  if (!scores) return "neither scores nor maps are given";
  const positives = labels.reduce((a, b) => a + b, 0);
  return {
    reader: protocol.image(labels, scores),
    explain: (metrics) => explainImages(metrics, positives, labels.length),
  };
}

function pixelPart(
  protocol: Protocol,
  samples: Samples,
  settings: ProtocolSettings,
): Part | string {
  const { pixels, regions, rawPixels } = samples;
  if (!pixels || !regions) return "maps and masks are not both given";
  return {
    reader: protocol.pixel(pixels, regions, settings, rawPixels),
    explain: (metrics) => explainPixels(metrics, pixels, regions),
  };
}

/** Columns of maps before smoothing, where there are none. */
function unsmoothedMissing(
  wanted: readonly (readonly [string, Column])[],
  { rawPixels }: Samples,
): string[] {
  const names = wanted.flatMap(([name, column]) => ("raw" in column ? [name] : []));
  if (rawPixels || names.length === 0) return [];
  return [
    `${names.join(", ")}: measured on the maps after smoothing, for those before are missing`,
  ];
}

function protocolOf(name: ProtocolName, options: EvaluateOptions): Protocol {
  if (!Object.hasOwn(protocols, name)) {
    const known = Object.keys(protocols).join(", ");
    throw new LoupeError("config", `evaluate: no protocol "${name}"; there are ${known}`);
  }
  const protocol = protocols[name];
  for (const key of ["fprLimit", "useAdeval", "strips", "maxStepAupro"] as const) {
    if (options[key] === undefined || protocol.settings.includes(key)) continue;
    throw new LoupeError(
      "config",
      `evaluate: ${key} has no effect under protocol "${name}"; leave it out`,
    );
  }
  if (options.scoreRatio !== undefined && protocol.scores !== "given") {
    throw new LoupeError(
      "config",
      `evaluate: scoreRatio has no effect under protocol "${name}"; leave it out`,
    );
  }
  return protocol;
}

function readColumns(
  name: ProtocolName,
  protocol: Protocol,
  columns: readonly string[],
): (readonly [string, Column])[] {
  return columns.map((column) => {
    const parsed = protocol.parse(column);
    if (parsed) return [column, parsed] as const;
    const known = protocol.columns.join(", ");
    throw new LoupeError(
      "config",
      `evaluate: no column "${column}" under protocol "${name}"; there are ${[known, protocol.more ?? []].flat().join(", ")}`,
    );
  });
}

function inOrder(
  metrics: Readonly<Record<string, number>>,
  columns: readonly (readonly [string, Column])[],
): Record<string, number> {
  const present = columns.filter(([name]) => Object.hasOwn(metrics, name));
  return Object.fromEntries(present.map(([name]) => [name, metrics[name]!]));
}
