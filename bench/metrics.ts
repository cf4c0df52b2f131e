/** Exact metrics of the size people evaluate: 100 maps of 256 × 256, on one core. The bar is 3 s. */
import { evaluate } from "../src/metrics/index.ts";
import type { Row } from "./result.ts";

const [count, side] = [100, 256];
const name = `exact metrics of ${count} maps of ${side}²`;

/** Image and pixel AUROC, AP, F1-max and AUPRO. It takes seconds and needs no GPU, so one run is enough. */
export const metricsRow = {
  name,
  /** @throws Error when the answer is wrong */
  measure(): Row {
    const ms = metricsMs();
    return { name, work: { images: count }, firstMs: ms, medianMs: ms, minMs: ms, runs: 1 };
  },
};

function metricsMs(): number {
  const masks = new Uint8Array(count * side * side);
  const maps = new Float32Array(masks.length);
  let state = 1;
  for (let i = 0; i < maps.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const [image, y, x] = [Math.floor(i / side ** 2), Math.floor(i / side) % side, i % side];
    const inside = image % 2 === 1 && y >= 100 && y < 140 && x >= 90 && x < 130;
    masks[i] = Number(inside);
    maps[i] = state / 2 ** 32 + Number(inside) / 2;
  }
  const start = performance.now();
  const { metrics } = evaluate({ maps, masks, height: side, width: side });
  const ms = performance.now() - start;
  // uniform scores, shifted by half their range where abnormal: P(abnormal > normal) = 7/8
  if (!(Math.abs((metrics.mAUROC_px ?? Number.NaN) - 7 / 8) < 0.01)) {
    throw new Error(`metrics: wrong pixel AUROC ${metrics.mAUROC_px}`);
  }
  return ms;
}
