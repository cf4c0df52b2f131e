/** The table of metrics of predictions: all masks, some, none; one class; each protocol. */
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { evaluatePredictions, type Prediction } from "../../src/detector/index.ts";
import { evaluate, type ProtocolName, protocolNames } from "../../src/metrics/index.ts";

const size = 12;
const pixels = size * size;
const protocols = protocolNames;
const imageColumns: Readonly<Record<ProtocolName, readonly string[]>> = {
  exact: ["mAUROC_sp_max", "mAP_sp_max", "mF1_max_sp_max"],
  cdo2025: ["mAUROC_sp_max", "mAP_sp_max", "mF1_max_sp_max"],
  cdo2023: ["i_roc"],
  cfa: ["i_roc"],
  fod: ["i_roc"],
};
const pixelColumns: Readonly<Record<ProtocolName, readonly string[]>> = {
  exact: ["mAUROC_px", "mAP_px", "mF1_max_px", "mAUPRO_px"],
  cdo2025: ["mAUROC_px", "mAP_px", "mF1_max_px", "mAUPRO_px"],
  cdo2023: ["p_roc", "p_pro"],
  cfa: ["p_roc", "p_pro"],
  fod: ["p_roc", "p_roc_smoothed"],
};

/** Noisy maps, brighter inside the defect; the score is not the map's maximum. */
function predictionOf(i: number, label: 0 | 1, masked = true): Prediction {
  const map = new Rng(i).uniformHost(pixels);
  const mask = new Uint8Array(pixels);
  if (label === 1) {
    for (let y = 3; y < 7; y++) mask.fill(1, y * size + 2 + (i % 3), y * size + 8);
    mask.forEach((v, p) => {
      map[p]! += v * 0.4;
    });
  }
  const score = new Rng(i).fork("score").uniformHost(1)[0]! + 0.3 * label;
  return { path: `${i}.png`, label, score, map, ...(masked ? { mask } : {}) };
}

const labels = [0, 1, 0, 1, 1, 0, 1, 0] as const;
const all = labels.map((label, i) => predictionOf(i, label));
/** The defective ones with these places have no mask. */
const without = (...places: number[]) =>
  labels.map((label, i) => predictionOf(i, label, !places.includes(i)));

const inputOf = (predictions: readonly Prediction[]) => ({
  labels: predictions.map((p) => p.label),
  scores: predictions.map((p) => p.score),
  maps: predictions.map((p) => p.map),
  masks: predictions.map((p) => p.mask as Uint8Array),
  height: size,
  width: size,
});

for (const protocol of protocols) {
  test(`${protocol}: with all masks it is what the metrics room gives`, () => {
    const found = evaluatePredictions(all, size, protocol);
    expect(found).toEqual(evaluate(inputOf(all), { protocol }));
    expect(Object.keys(found.metrics)).toEqual([
      ...imageColumns[protocol],
      ...pixelColumns[protocol],
    ]);
    for (const value of Object.values(found.metrics)) expect(value).toBeGreaterThan(0.05);
  });

  test(`${protocol}: images without masks count for the image metrics, not for the pixel metrics`, () => {
    const some = without(3, 6);
    const found = evaluatePredictions(some, size, protocol);
    const masked = evaluate(inputOf(some.filter((p) => p.mask)), { protocol });
    const { masks: _, ...input } = inputOf(some);
    const images = evaluate(input, { protocol });
    expect(Object.keys(found.metrics)).toEqual([
      ...imageColumns[protocol],
      ...pixelColumns[protocol],
    ]);
    for (const name of imageColumns[protocol]) {
      expect(found.metrics[name]).toBe(images.metrics[name]);
    }
    for (const name of pixelColumns[protocol]) {
      expect(found.metrics[name]).toBe(masked.metrics[name]);
    }
    expect(found.thresholds.image).toBe(images.thresholds.image);
    expect(found.thresholds.pixel).toBe(masked.thresholds.pixel);
    expect(found.warnings).toContain(
      "2 defective images have no mask: pixel metrics leave them out",
    );
    // nothing says that pixel metrics are left out altogether
    expect(found.warnings.filter((w) => w.includes("maps and masks"))).toEqual([]);
  });

  test(`${protocol}: without any mask of a defect there are image metrics only, and that is said`, () => {
    const found = evaluatePredictions(without(1, 3, 4, 6), size, protocol);
    expect(Object.keys(found.metrics)).toEqual([...imageColumns[protocol]]);
    expect(found.warnings).toContain("4 defective images have no mask: there are no pixel metrics");
    expect(found.thresholds.pixel).toBeUndefined();
  });

  test(`${protocol}: good images only give no ranking, and a warning`, () => {
    const good = all.filter((p) => p.label === 0);
    const found = evaluatePredictions(good, size, protocol);
    expect(found.metrics[imageColumns[protocol][0] as string]).toBeNaN();
    expect(found.metrics[pixelColumns[protocol][0] as string]).toBeNaN();
    expect(found.warnings.join("\n")).toContain("all 4 images are normal");
    expect(found.warnings.join("\n")).toContain("no abnormal pixel");
  });

  test(`${protocol}: defective images only still have pixel metrics`, () => {
    const bad = all.filter((p) => p.label === 1);
    const found = evaluatePredictions(bad, size, protocol);
    expect(found.metrics[imageColumns[protocol][0] as string]).toBeNaN();
    expect(found.metrics[pixelColumns[protocol][0] as string]).toBeGreaterThan(0.5);
    expect(found.warnings.join("\n")).toContain("all 4 images are abnormal");
  });

  test(`${protocol}: defective images without masks only are told twice`, () => {
    const bad = without(1, 3, 4, 6).filter((p) => p.label === 1);
    const found = evaluatePredictions(bad.slice(0, 1), size, protocol);
    expect(Object.keys(found.metrics)).toEqual([...imageColumns[protocol]]);
    expect(found.warnings.join("\n")).toContain("the only image is abnormal");
    expect(found.warnings).toContain("1 defective image has no mask: there are no pixel metrics");
  });
}

test("cdo2023 scores images by their maximum, also where masks are missing", () => {
  const some = without(3);
  const byMaximum = some.map((p) => ({ ...p, score: p.map.reduce((a, b) => Math.max(a, b)) }));
  const found = evaluatePredictions(some, size, "cdo2023");
  expect(found.metrics).toEqual(evaluatePredictions(byMaximum, size, "cdo2023").metrics);
  expect(found.warnings.join("\n")).toContain("this protocol uses the maxima");
});

test("fod measures pixels on maps before smoothing where predictions have them, and says where not", () => {
  const before = (p: Prediction, i: number) => ({
    ...p,
    raw: new Rng(i).fork("raw").uniformHost(pixels),
  });
  const found = evaluatePredictions(all.map(before), size, "fod");
  const rawMaps = all.map((p, i) => before(p, i).raw);
  expect(found).toEqual(evaluate({ ...inputOf(all), rawMaps }, { protocol: "fod" }));
  expect(found.metrics.p_roc).not.toBe(found.metrics.p_roc_smoothed);
  const told = "p_roc: measured on the maps after smoothing, for those before are missing";
  expect(found.warnings).not.toContain(told);
  expect(evaluatePredictions(all, size, "fod").warnings).toContain(told);
  const some = without(3, 6).map(before);
  const masked = evaluatePredictions(some, size, "fod");
  const own = some.filter(({ mask }) => mask);
  const input = { ...inputOf(own), rawMaps: own.map(({ raw }) => raw) };
  expect(masked.metrics.p_roc).toBe(evaluate(input, { protocol: "fod" }).metrics.p_roc);
});

test("a defect that vanished from its mask stays defective under exact, and is told", () => {
  const vanished = all.map((p, i) => (i === 1 ? { ...p, mask: new Uint8Array(pixels) } : p));
  const { warnings } = evaluatePredictions(vanished, size, "exact");
  expect(warnings.join("\n")).toContain("1 image (1) is flagged abnormal, but without an abnormal");
});

test("exact is what one gets without asking", () => {
  expect(evaluatePredictions(all, size).protocol).toBe("exact");
});

test("no predictions are an error with the next step", () => {
  expect(() => evaluatePredictions([], size)).toThrow(
    "evaluatePredictions: there are no predictions; give a data set with test images",
  );
});

test("maps of another size are refused", () => {
  expect(() => evaluatePredictions(all, size + 1)).toThrow(
    "13 x 13 = 169 values an image, got 144",
  );
  expect(() => evaluatePredictions(without(1), size + 1)).toThrow("got 144");
});

test("objects seen in several views score by their worst view, whatever its label", () => {
  const seen = (object: string, label: 0 | 1, score: number): Prediction => {
    return { ...predictionOf(1, label), label, score, object };
  };
  const views = [
    seen("a/NG/1", 1, 0.1),
    seen("a/NG/1", 0, 0.9),
    seen("a/OK/1", 0, 0.5),
    seen("a/OK/1", 0, 0.2),
    seen("a/NG/2", 1, 0.4),
    seen("a/NG/2", 1, 0.45),
  ];
  const { metrics } = evaluatePredictions(views, size);
  expect(metrics.S_AUROC).toBe(0.5); // 0.9 beats 0.5, 0.45 does not
  expect(metrics.mAUROC_sp_max).toBeCloseTo(2 / 9); // 0.4 and 0.45 beat 0.2
  const single = views.filter((_, i) => i % 2 === 0);
  expect(Object.keys(evaluatePredictions(single, size).metrics)).not.toContain("S_AUROC");
  const { object: _, ...without } = views[0]!;
  expect(evaluatePredictions([without, ...views], size).metrics.S_AUROC).toBeUndefined();
});
