/** The size people evaluate. How long it takes is `bench/metrics.ts`'s to say. */
import { expect, test } from "vitest";
import { defaultColumns, evaluate } from "../../src/metrics/index.ts";
import { lowbias32 } from "../golden.ts";

const [n, height, width] = [100, 256, 256];
const size = height * width;
const abnormal = 40 * 40;

/** Every second image has one square of 40 x 40, and normal pixels are uniform in [0, 1), square ones in [0.5, 1.5). */
function hundredMaps(): { maps: Float32Array; masks: Uint8Array } {
  const masks = new Uint8Array(n * size);
  for (let i = 1; i < n; i += 2) {
    for (let y = 100; y < 140; y++)
      masks.fill(1, i * size + y * width + 90, i * size + y * width + 130);
  }
  const maps = Float32Array.from(masks, (m, i) => lowbias32(i) / 2 ** 32 + m / 2);
  return { maps, masks };
}

test("a hundred maps of 256 x 256 with every column are right and take under 1 GB", () => {
  const lists = ["F1", "Dice", "Acc", "IoU"].flatMap((m) => [
    `m${m}_max_px`,
    `m${m}_px_0.2_0.8_0.1`,
  ]);
  const columns = [...new Set([...defaultColumns, ...lists])];
  const input = { ...hundredMaps(), height, width };
  const { metrics } = evaluate(input, { columns });
  expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(1024);
  expect(Object.keys(metrics)).toHaveLength(14);

  // Uniform scores shifted by half their range: P(abnormal > normal) = 7/8. PRO(f) is 1/2 + f up to FPR 1/2.
  expect(metrics.mAUROC_px).toBeCloseTo(7 / 8, 2);
  expect(metrics.mAUPRO_px).toBeCloseTo(0.5 + 0.3 / 2, 2);
  // Best at score 1, where nothing normal is left and half of the abnormal is found.
  const normal = n * size - (n / 2) * abnormal;
  expect(normal).toBeGreaterThan(6e6);
  expect(metrics.mF1_max_px).toBeCloseTo(2 / 3, 2);
});
