/** Every stored number of the reference's metric code, to the twelve digits it was stored with. */
import { describe, expect, test } from "vitest";
import { adevalCurves } from "../../src/metrics/adeval.ts";
import { labelRegions } from "../../src/metrics/components.ts";
import { adevalScores, auproScore, evaluate, topFractionMean } from "../../src/metrics/index.ts";
import { thresholdList } from "../../src/metrics/normalised.ts";
import { readPixels } from "../../src/metrics/pixels.ts";
import cdo from "../fixtures/metrics/cdo.json" with { type: "json" };
import { rnd } from "../golden.ts";
import { fixtureMaps, fixtureMasks } from "./fixture.ts";

/** Where the mask of the one-pixel case lies: row 7, column 7. */
const onePixel = 7 * 32 + 7;

type Stored = Readonly<Record<string, number | string>>;

function load(name: string) {
  const stored = cdo.cases.find((c) => c.case === name)!;
  const masks = fixtureMasks(stored, onePixel);
  return { stored, maps: fixtureMaps(stored, masks), masks, height: stored.h, width: stored.w };
}

/** A stored error is a NaN of ours. */
function expectStored(actual: Stored, wanted: Stored): void {
  for (const [column, value] of Object.entries(wanted)) {
    if (typeof value === "number") expect(actual[column], column).toBeCloseTo(value, 11);
    else expect(actual[column], column).toBeNaN();
  }
}

const names = cdo.cases.map((c) => c.case);

test("the maps behind the numbers are rebuilt from their names", () => {
  const { stored, maps } = load("std");
  const second = stored.maps_full![0]!;
  for (const [i, value] of second.entries()) expect(maps[1024 + i]).toBeCloseTo(value, 6);
});

describe.each(names)("case %s", (name) => {
  const { stored, ...input } = load(name);
  const columns = Object.keys(stored.sklearn_each);

  test("image scores and labels are the top 1 % of the map and the mask's", () => {
    for (const [i, score] of stored.image_scores.entries()) {
      const map = input.maps.subarray(i * 1024, (i + 1) * 1024);
      expect(topFractionMean(map, 0.01)).toBeCloseTo(score, 11);
      expect(Math.max(...input.masks.subarray(i * 1024, (i + 1) * 1024))).toBe(
        stored.image_labels[i],
      );
    }
  });

  test("cdo2025 without ADEval gives the scikit-learn path", () => {
    const settings = { useAdeval: false, maxStepAupro: stored.max_step_aupro };
    const { metrics } = evaluate(input, { protocol: "cdo2025", columns, ...settings });
    expectStored(metrics, stored.sklearn_each);
  });

  test("cdo2025 gives the ADEval path with its 50 strips", () => {
    if ("error" in stored.use_adeval) return expect(stored.image_labels).not.toEqual([0, 1]);
    const { metrics } = evaluate(input, { protocol: "cdo2025", columns });
    expectStored(metrics, stored.use_adeval as unknown as Stored);
  });

  test("ADEval with 1000 strips", () => {
    if (typeof stored.adeval_nstrips_1000 === "string") {
      return expect(Object.values(adevalScores(input, 1000))).toEqual([NaN, NaN, NaN]);
    }
    const { p_auroc, p_aupr, p_aupro } = stored.adeval_nstrips_1000;
    expectStored({ ...adevalScores(input, 1000) }, { p_auroc, p_aupr, p_aupro });
  });

  test("cdo2023 gives i_roc, p_roc, p_pro and the threshold", () => {
    const wanted = stored["metrics_2023 (image score = max)"];
    const { metrics, thresholds } = evaluate(input, { protocol: "cdo2023" });
    if (wanted === undefined || typeof wanted === "string")
      return expect(Object.keys(metrics)).toHaveLength(3);
    expectStored({ ...metrics, threshold: thresholds.pixel! }, wanted);
  });

  test("the exact protocol gives scikit-learn's values, and no worse F1 than 21 thresholds", () => {
    const { metrics } = evaluate(input, { columns });
    if (!input.masks.includes(1))
      return expect(Object.values(metrics)).toEqual(columns.map(() => NaN));
    const { mAUROC_px, mAP_px, mF1_max_px, mIoU_max_px } = stored.sklearn_each as Record<
      string,
      number
    >;
    expectStored(metrics, { mAUROC_px: mAUROC_px!, mAP_px: mAP_px! });
    expect(metrics.mF1_max_px).toBeGreaterThanOrEqual(mF1_max_px!);
    expect(metrics.mIoU_max_px).toBeGreaterThanOrEqual(mIoU_max_px!);
    // The list columns differ only by the 1e-8 in the reference's denominators, which a one-pixel mask shows most.
    expect(metrics["mF1_px_0.2_0.8_0.1"]).toBeCloseTo(
      Number(stored.sklearn_each["mF1_px_0.2_0.8_0.1"]),
      7,
    );
  });

  test("ADEval with many strips comes close to exact AUPRO", () => {
    if (!input.masks.includes(1)) return expect(auproScore(input)).toBeNaN();
    expect(adevalScores(input, 1e6).p_aupro).toBeCloseTo(auproScore(input), 4);
  });
});

test("maps that are all 0.25 behave as in the reference where it returns a value", () => {
  const stored = cdo["constant_maps_0.25"] as Stored;
  const masks = load("std").masks.subarray(0, 4 * 1024);
  const input = { masks, maps: new Float64Array(4 * 1024).fill(0.25), height: 32, width: 32 };
  for (const useAdeval of [false, true]) {
    const suffix = ` adeval=${useAdeval ? "True" : "False"}`;
    const columns = Object.keys(stored).flatMap((k) =>
      k.endsWith(suffix) ? [k.replace(suffix, "")] : [],
    );
    expect(columns.length).toBeGreaterThan(10);
    const scores = [0.25, 0.25, 0.25, 0.25];
    const { metrics } = evaluate({ ...input, scores }, { protocol: "cdo2025", columns, useAdeval });
    expectStored(metrics, Object.fromEntries(columns.map((c) => [c, stored[c + suffix]!])));
  }
});

test("ADEval's histograms and curves come out strip by strip", () => {
  const { stored: _, ...input } = load("std");
  const stored = cdo.adeval_internals_std_nstrips_50;
  const pixels = readPixels("test", input);
  expect(pixels.min).toBeCloseTo(stored.min, 8);
  expect(pixels.max).toBeCloseTo(stored.max, 8);
  const { counted, ...curves } = adevalCurves(pixels, labelRegions(pixels), 50);
  expect([...counted.positives]).toEqual(stored.pos_stat);
  expect([...counted.negatives]).toEqual(stored.neg_stat);
  const wanted = { ...stored, overlap: stored.weighted_pos_stat };
  for (const [name, values] of Object.entries({ ...curves, overlap: counted.overlap })) {
    for (const [i, v] of wanted[name as "fpr"].entries())
      expect(values[i], name).toBeCloseTo(v, 11);
  }
});

test("threshold lists are the reference's to the last bit", () => {
  expect([...thresholdList("", 0.2, 0.8, 0.1)]).toEqual(cdo.threshold_lists["range_0.2_0.8_0.1"]);
  expect([...thresholdList("", 0, 1, 0.05)]).toEqual(cdo.threshold_lists["max_0_1_0.05"]);
});

test("the top 1 % of 256 x 256 is 655 pixels", () => {
  const score = rnd("score", [1, 256, 256], 0, 1);
  expect(topFractionMean(score, 0.01)).toBeCloseTo(cdo.score_256.mean_top_1pct[0]!, 14);
  expect(topFractionMean(score, 0)).toBeCloseTo(cdo.score_256.max[0]!, 14);
});
