/** The one entry: which columns mean what, where labels and scores come from, and what is said when a number is undefined. */
import { describe, expect, test } from "vitest";
import {
  auproScore,
  defaultColumns,
  type EvaluationInput,
  evaluate,
  f1Max,
  rocAucScore,
} from "../../src/metrics/index.ts";

/** Three images of 2 x 2; the second and the third are abnormal. */
const small = {
  maps: Float32Array.of(0.1, 0.2, 0.3, 0.1, 0.2, 0.9, 0.4, 0.1, 0.3, 0.3, 0.5, 0.6),
  masks: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1),
  height: 2,
  width: 2,
} satisfies EvaluationInput;
const parity = ["cdo2025", "cdo2023", "cfa", "fod"] as const;

test("without options the exact values stand under the reference's seven columns, in its order", () => {
  const { protocol, metrics, thresholds, warnings } = evaluate(small);
  expect(protocol).toBe("exact");
  expect(Object.keys(metrics)).toEqual([...defaultColumns]);
  const flat = [small.masks, small.maps] as const;
  expect(metrics.mAUROC_px).toBe(rocAucScore(...flat));
  expect(metrics.mF1_max_px).toBe(f1Max(...flat).f1);
  expect(thresholds.pixel).toBe(f1Max(...flat).threshold);
  expect(metrics.mAUPRO_px).toBe(auproScore(small));
  expect(metrics.mAUROC_sp_max).toBe(1);
  expect(thresholds.image).toBe(Math.fround(0.6));
  expect(warnings).toEqual([]);
});

test("the best F1, Dice and IoU over all thresholds belong together, and recall reaches 1", () => {
  const columns = ["mF1_max_px", "mDice_max_px", "mIoU_max_px", "mAcc_max_px"];
  const masks = Uint8Array.of(1, 0, 1, 0);
  const { metrics } = evaluate(
    { maps: Float32Array.of(4, 3, 2, 1), masks, height: 2, width: 2 },
    { columns },
  );
  // At 2 and above: 2 hits, 1 false alarm.
  expect(metrics).toEqual({
    mF1_max_px: 0.8,
    mDice_max_px: 0.8,
    mIoU_max_px: 0.8 / 1.2,
    mAcc_max_px: 1,
  });
  expect(metrics.mIoU_max_px).toBeCloseTo(2 / 3, 14);
});

test("the threshold-list columns count strictly above a threshold of the normalised map", () => {
  // Normalised 0, 1/2, 1: at t = 0 the upper two, at t = 1/2 the last, at t = 1 none.
  const input = {
    maps: Float32Array.of(2, 4, 6),
    masks: Uint8Array.of(0, 1, 1),
    height: 1,
    width: 3,
  };
  const columns = ["mF1_px_0_1_0.5", "mAcc_px_0_1_0.5", "mIoU_px_0_1_0.5", "mDice_px_0.5_0.5_1"];
  expect(evaluate(input, { columns }).metrics).toEqual({
    "mF1_px_0_1_0.5": (1 + 2 / 3 + 0) / 3,
    "mAcc_px_0_1_0.5": 0.5,
    "mIoU_px_0_1_0.5": 0.5,
    "mDice_px_0.5_0.5_1": 2 / 3,
  });
});

test("the same column is exact or of 21 thresholds, as the protocol says", () => {
  // 0.02 and 0.04 of the range fall between 0 and 0.05, so 21 thresholds can't tell them apart.
  const input = {
    maps: Float32Array.of(0, 0.02, 0.04, 1),
    masks: Uint8Array.of(0, 0, 1, 1),
    height: 2,
    width: 2,
  };
  const columns = ["mF1_max_px"];
  expect(evaluate(input, { columns }).metrics.mF1_max_px).toBe(1);
  const coarse = evaluate(input, { columns, protocol: "cdo2025" });
  expect(coarse.metrics.mF1_max_px).toBeCloseTo(0.8, 7);
  expect(coarse.thresholds.pixel).toBe(0);
});

test("of thresholds with equal F1 the lowest is reported, exactly and in cdo2023", () => {
  // At 5: precision 1, recall 1/2. At 2: precision 1/2, recall 1.
  const maps = Float32Array.of(5, 4, 3, 2, 1);
  const input = { maps, masks: Uint8Array.of(1, 0, 0, 1, 0), height: 1, width: 5 };
  expect(evaluate(input).thresholds.pixel).toBe(2);
  expect(evaluate(input, { protocol: "cdo2023" }).thresholds.pixel).toBe(2);
});

describe("image labels", () => {
  const input = { ...small, labels: [1, 1, 1], scores: [1, 2, 3] };

  test("are the flags by default, and the mask's in cdo2025, with a warning where they differ", () => {
    const exact = evaluate(input);
    expect(exact.metrics.mAUROC_sp_max).toBeNaN();
    expect(exact.warnings[0]).toBe(
      "image labels: 1 image (0) is flagged abnormal, but without an abnormal pixel in the mask at this size; labelled by the flag",
    );
    const reference = evaluate(input, { protocol: "cdo2025" });
    expect(reference.metrics.mAUROC_sp_max).toBe(1);
    expect(reference.warnings[0]).toMatch(/; labelled by the mask$/);
  });

  test("can be chosen, and a normal flag on an abnormal mask is reported too", () => {
    const stray = { ...small, labels: [false, false, true], scores: [1, 2, 3] };
    const chosen = evaluate(stray, { imageLabels: "mask" });
    expect(chosen.metrics.mAP_sp_max).toBe(1);
    expect(chosen.warnings).toEqual([
      "image labels: 1 image (1) is flagged normal, but with abnormal pixels in the mask; labelled by the mask",
    ]);
  });

  test("that agree raise no warning", () => {
    expect(evaluate({ ...small, labels: [0, 1, 1] }).warnings).toEqual([]);
  });
});

describe("image scores", () => {
  test("not given are the mean of the top pixels of the map", () => {
    const labels = [1, 0, 1];
    const mean = (ratio: number) =>
      evaluate({ ...small, labels }, { scoreRatio: ratio }).thresholds.image;
    expect(mean(0)).toBe(Math.fround(0.3));
    expect(mean(1)).toBeCloseTo(0.175, 7);
  });

  test.each(["cdo2023", "cfa", "fod"] as const)(
    "are the maximum of the map in %s, whatever is given",
    (protocol) => {
      const input = { ...small, rawMaps: small.maps };
      const { metrics, warnings } = evaluate({ ...input, scores: [3, 2, 1] }, { protocol });
      expect(metrics.i_roc).toBe(1);
      expect(warnings).toEqual([
        "image scores: those given differ from the maps' maxima; this protocol uses the maxima",
      ]);
      const same = { ...input, scores: Float32Array.of(0.3, 0.9, 0.6) };
      expect(evaluate(same, { protocol }).warnings).toEqual([]);
    },
  );
});

describe("maps before smoothing", () => {
  const rawMaps = Float32Array.of(0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0);
  const given = { ...small, rawMaps };

  test("are what fod measures p_roc on, while images and p_roc_smoothed go by the others", () => {
    const { metrics, warnings } = evaluate(given, { protocol: "fod" });
    expect(metrics).toEqual({
      i_roc: evaluate(small, { protocol: "cfa" }).metrics.i_roc,
      p_roc: rocAucScore(small.masks, rawMaps),
      p_roc_smoothed: rocAucScore(small.masks, small.maps),
    });
    expect(metrics.p_roc).toBeLessThan(0.5);
    expect(warnings).toEqual([]);
  });

  test("that are missing are told, and p_roc is of the maps there are", () => {
    const { metrics, warnings } = evaluate(small, { protocol: "fod" });
    expect(metrics.p_roc).toBe(metrics.p_roc_smoothed);
    expect(warnings).toEqual([
      "p_roc: measured on the maps after smoothing, for those before are missing",
    ]);
    const columns = ["i_roc", "p_roc_smoothed"];
    expect(evaluate(small, { protocol: "fod", columns }).warnings).toEqual([]);
  });

  test("change nothing under the other protocols", () => {
    for (const protocol of ["exact", "cdo2025", "cdo2023", "cfa"] as const) {
      expect(evaluate(given, { protocol })).toEqual(evaluate(small, { protocol }));
    }
  });

  test("must be as many and as large as the maps, and finite", () => {
    const say = (raw: Float32Array | Float32Array[]) => () =>
      evaluate({ ...small, rawMaps: raw }, { protocol: "fod" });
    expect(say(rawMaps.subarray(4))).toThrow("one mask per map is needed, got 2 maps and 3 masks");
    expect(say([rawMaps])).toThrow("rawMaps must hold 2 x 2 = 4 values an image, got 12");
    expect(say(rawMaps.map(() => Number.NaN))).toThrow("maps must be finite, but image 0 has 4");
  });
});

test("fod's image threshold is that of the largest F1 in floating point, as in its reference", () => {
  // both F1s are 2/3; with P = 1, R = 1/2 it comes out one bit above that with P = 3/5, R = 3/4
  const labels = [1, 1, 0, 0, 1, 0, 0, 0, 1];
  const scores = [9, 8, 7, 6, 5, 4, 3, 2, 1];
  expect(evaluate({ labels, scores }).thresholds.image).toBe(5);
  expect(evaluate({ labels, scores }, { protocol: "fod" }).thresholds.image).toBe(8);
});

describe("what is undefined", () => {
  test("is p_pro of cfa where no region is found below the limit, with the reason", () => {
    const maps = Float32Array.of(9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const masks = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    const { metrics, warnings } = evaluate(
      { maps, masks, labels: [1], height: 1, width: 10 },
      { protocol: "cfa", columns: ["p_roc", "p_pro"] },
    );
    expect(metrics).toEqual({ p_roc: 0, p_pro: NaN });
    expect(warnings).toEqual([
      "p_pro: undefined (NaN), up to the limit there is only one false-positive rate, or one overlap where that is stretched",
    ]);
  });

  test("is i_roc of one image, and every column of a good one, under cfa and fod", () => {
    const maps = Float32Array.of(1, 2, 3, 4);
    const one = { maps, rawMaps: maps, labels: [0], masks: new Uint8Array(4), height: 2, width: 2 };
    const cfa = evaluate(one, { protocol: "cfa" });
    expect(cfa.metrics).toEqual({ i_roc: NaN, p_roc: NaN, p_pro: NaN });
    expect(cfa.thresholds).toEqual({ image: NaN, pixel: NaN });
    expect(cfa.warnings).toEqual([
      "i_roc: undefined (NaN), the only image is normal",
      "p_roc, p_pro: undefined (NaN), no abnormal pixel in the mask",
    ]);
    const fod = evaluate(one, { protocol: "fod" });
    expect(Object.values(fod.metrics)).toEqual([NaN, NaN, NaN]);
    expect(fod.thresholds).toEqual({ image: NaN, pixel: NaN });
    const bad = { ...one, labels: [1], masks: Uint8Array.of(0, 0, 0, 1) };
    expect(evaluate(bad, { protocol: "cfa" }).metrics).toEqual({
      i_roc: NaN,
      p_roc: 1,
      p_pro: NaN,
    });
  });

  test("is p_pro of constant maps under cfa; AUROCs are one half", () => {
    const { metrics, warnings } = evaluate(
      { ...small, maps: new Float32Array(12).fill(0.5) },
      { protocol: "cfa" },
    );
    expect(metrics).toEqual({ i_roc: 0.5, p_roc: 0.5, p_pro: NaN });
    expect(warnings).toEqual([
      "pixel metrics: all maps have the one value 0.5, so they tell no pixel from another",
      "p_pro: undefined (NaN), a constant map can't be normalised or cut into steps",
    ]);
  });

  test("is NaN with the reason when all images are normal", () => {
    const { metrics, thresholds, warnings } = evaluate({ ...small, masks: new Uint8Array(12) });
    expect(Object.values(metrics)).toEqual(defaultColumns.map(() => NaN));
    expect(thresholds).toEqual({ image: NaN, pixel: NaN });
    expect(warnings).toEqual([
      "mAUROC_sp_max, mAP_sp_max, mF1_max_sp_max: undefined (NaN), all 3 images are normal",
      "mAUROC_px, mAP_px, mF1_max_px, mAUPRO_px: undefined (NaN), no abnormal pixel in any of 3 masks",
    ]);
  });

  test("is told from what is 1 whatever the scores when everything is abnormal", () => {
    const { metrics, thresholds, warnings } = evaluate({
      ...small,
      masks: new Uint8Array(12).fill(1),
    });
    expect(Object.values(metrics)).toEqual([NaN, 1, 1, NaN, 1, 1, NaN]);
    expect(thresholds).toEqual({ image: NaN, pixel: NaN });
    expect(warnings).toEqual([
      "mAUROC_sp_max: undefined (NaN), all 3 images are abnormal",
      "mAP_sp_max is 1, mF1_max_sp_max is 1 whatever the scores, because all 3 images are abnormal",
      "mAUROC_px, mAUPRO_px: undefined (NaN), every pixel of the masks is abnormal",
      "mAP_px is 1, mF1_max_px is 1 whatever the scores, because every pixel of the masks is abnormal",
    ]);
  });

  test("is NaN only in the columns that need a range when all maps are one value", () => {
    const columns = [...defaultColumns, "mIoU_px_0.2_0.8_0.1"];
    const { metrics, warnings } = evaluate(
      { ...small, maps: new Float32Array(12).fill(0.5) },
      { columns },
    );
    expect(metrics.mAUROC_px).toBe(0.5);
    expect(metrics.mAUPRO_px).toBeCloseTo(0.15, 14);
    expect(metrics.mAP_px).toBeCloseTo(3 / 12, 14);
    expect(metrics["mIoU_px_0.2_0.8_0.1"]).toBeNaN();
    expect(warnings).toEqual([
      "pixel metrics: all maps have the one value 0.5, so they tell no pixel from another",
      "mIoU_px_0.2_0.8_0.1: undefined (NaN), a constant map can't be normalised or cut into steps",
    ]);
  });

  test("keeps the reference's zeros in cdo2025, and says so", () => {
    const { metrics, warnings } = evaluate(
      { labels: [0, 0], scores: [1, 2] },
      { protocol: "cdo2025", columns: ["mAUROC_sp_max", "mAP_sp_max"] },
    );
    expect(metrics).toEqual({ mAUROC_sp_max: NaN, mAP_sp_max: 0 });
    expect(warnings[1]).toBe(
      "mAP_sp_max is 0 only by the reference's convention; undefined because all 2 images are normal",
    );
  });

  test.each(parity)("never crashes %s on a single pixel or a single row", (protocol) => {
    const one = { maps: Float32Array.of(1), masks: Uint8Array.of(1), height: 1, width: 1 };
    const row = {
      maps: Float64Array.of(1, 2, 3),
      masks: Uint8Array.of(0, 0, 1),
      height: 1,
      width: 3,
    };
    for (const input of [one, row]) {
      const { metrics, warnings } = evaluate(input, { protocol });
      for (const [name, value] of Object.entries(metrics)) {
        if (Number.isNaN(value)) expect(warnings.join()).toContain(name);
      }
    }
  });
});

test("columns whose input is missing are left out, with one warning", () => {
  const { metrics, thresholds, warnings } = evaluate({
    labels: [0, 0, 1, 1],
    scores: [0.1, 0.4, 0.35, 0.8],
  });
  expect(metrics).toEqual({
    mAUROC_sp_max: 0.75,
    mAP_sp_max: expect.closeTo(5 / 6, 14),
    mF1_max_sp_max: 0.8,
  });
  expect(thresholds).toEqual({ image: 0.35 });
  expect(warnings).toEqual([
    "mAUROC_px, mAP_px, mF1_max_px, mAUPRO_px: left out, maps and masks are not both given",
  ]);
  const { maps, height, width } = small;
  expect(evaluate({ maps, height, width }).warnings[0]).toBe(
    "mAUROC_sp_max, mAP_sp_max, mF1_max_sp_max: left out, neither labels nor masks are given",
  );
  expect(evaluate({ labels: [0, 1] }).warnings[0]).toContain("neither scores nor maps are given");
  expect(evaluate({ maps, height, width, labels: [0, 1, 1] }).metrics).toEqual({
    mAUROC_sp_max: 1,
    mAP_sp_max: 1,
    mF1_max_sp_max: 1,
  });
});

describe("bad input is refused in words:", () => {
  test("values that are not finite, by image and count, even where only scores are taken from the maps", () => {
    const maps = [
      Float32Array.of(1, 2),
      Float32Array.of(NaN, NaN),
      Float32Array.of(1, Number.NEGATIVE_INFINITY),
    ];
    const message =
      "evaluate: maps must be finite, but image 1 has 2 of 2 values that are NaN or infinite (2 of 3 images affected)";
    expect(() => evaluate({ maps, masks: new Uint8Array(6), height: 1, width: 2 })).toThrow(
      message,
    );
    expect(() => evaluate({ maps, labels: [0, 1, 0], height: 1, width: 2 })).toThrow(message);
    expect(() => evaluate({ labels: [0, 1], scores: [NaN, 1] })).toThrow(
      "evaluate: scores must be finite, but 1 of 2 are NaN or infinite (first at index 0)",
    );
  });

  test("numbers of images that differ, or no image", () => {
    expect(() => evaluate({ ...small, labels: [0, 1] })).toThrow(
      "evaluate: needs one of each per image, got 2 labels, 3 maps, 3 masks",
    );
    expect(() => evaluate({})).toThrow("evaluate: needs at least one image, got none");
    expect(() => evaluate({ labels: [], scores: [] })).toThrow(
      "evaluate: needs at least one image, got none",
    );
    expect(() => evaluate({ maps: new Float32Array(4) })).toThrow(
      "evaluate: height and width must be positive integers, got 0 x 0",
    );
  });

  test("unknown protocols and columns, and settings of another protocol", () => {
    expect(() => evaluate(small, { protocol: "cdo" as "exact" })).toThrow(
      'evaluate: no protocol "cdo"; there are exact, cdo2025, cdo2023, cfa, fod',
    );
    expect(() => evaluate(small, { protocol: "toString" as "exact" })).toThrow(
      'no protocol "toString"',
    );
    for (const column of [
      "mAUC_px",
      "toString",
      "mF1_px_0.2_0.8",
      "mF1_px_a_b_c",
      "mF1_px_-1_1_1",
    ]) {
      expect(() => evaluate(small, { columns: [column] })).toThrow(
        `evaluate: no column "${column}" under protocol "exact"; there are mAUROC_sp_max,`,
      );
    }
    expect(() => evaluate(small, { protocol: "cdo2023", columns: ["mAP_px"] })).toThrow(
      'evaluate: no column "mAP_px" under protocol "cdo2023"; there are i_roc, p_roc, p_pro',
    );
    expect(() => evaluate(small, { columns: ["mF1_px_0_1_0"] })).toThrow(
      "evaluate: mF1_px_0_1_0 must name 1 to 100000 thresholds as <first>_<last>_<step>, got 0 to 1 by 0",
    );
    expect(() => evaluate(small, { columns: ["mF1_px_0.8_0.2_0.1"] })).toThrow(
      "got 0.8 to 0.2 by 0.1",
    );
    expect(() => evaluate(small, { protocol: "cdo2025", fprLimit: 0.5 })).toThrow(
      'evaluate: fprLimit has no effect under protocol "cdo2025"; leave it out',
    );
    expect(() => evaluate(small, { strips: 50 })).toThrow("strips has no effect");
    expect(() => evaluate(small, { protocol: "cdo2025", strips: 0.5 })).toThrow(
      "adeval: strips must be an integer from 1 to 1000000, got 0.5",
    );
    expect(() => evaluate(small, { fprLimit: 1.5 })).toThrow(
      "evaluate: fprLimit must be above 0 and at most 1, got 1.5",
    );
    expect(() => evaluate(small, { protocol: "cdo2023", scoreRatio: 0.01 })).toThrow(
      "scoreRatio has no effect",
    );
    expect(() => evaluate(small, { scoreRatio: 2 })).toThrow(
      "topFractionMean: ratio must be from 0 to 1, got 2",
    );
  });
});
