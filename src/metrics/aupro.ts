/** AUPRO as a function of its own, for callers who want it without the other metrics or with another limit. */
import { LoupeError } from "../error.ts";
import { type Connectivity, checkConnectivity, labelRegions } from "./components.ts";
import { type PixelInput, readPixels } from "./pixels.ts";
import { rank } from "./ranking.ts";
import { summarise } from "./summary.ts";

export interface AuproOptions {
  /** False-positive rate up to which the curve is integrated, in (0, 1]. */
  readonly fprLimit?: number;
  readonly connectivity?: Connectivity;
}

/**
 * Area under the per-region-overlap curve up to `fprLimit` (0.3), divided by it: the mean over connected mask regions
 * of the share of the region found, against the false-positive rate over all normal pixels, at every distinct score,
 * interpolated linearly at the limit. In [0, 1]; NaN without an abnormal or without a normal pixel.
 * Throws `shape`, `data`, `numeric` or `config`. (Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021.)
 */
export function auproScore(input: PixelInput, options: AuproOptions = {}): number {
  const { fprLimit = 0.3, connectivity = 8 } = options;
  checkFprLimit("auproScore", fprLimit);
  checkConnectivity("auproScore", connectivity);
  const pixels = readPixels("auproScore", input);
  const regions = labelRegions(pixels, connectivity);
  return summarise(rank(pixels.maps, regions.of), regions.areas, fprLimit).aupro;
}

export function checkFprLimit(where: string, fprLimit: number): void {
  if (!(fprLimit > 0 && fprLimit <= 1)) {
    throw new LoupeError(
      "config",
      `${where}: fprLimit must be above 0 and at most 1, got ${fprLimit}`,
    );
  }
}
