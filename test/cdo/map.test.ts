import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { anomalyMap, type CdoConfig, cdoConfig } from "../../src/cdo/index.ts";
import { normalize } from "../../src/core/index.ts";
import { topFractionMean } from "../../src/metrics/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { goldenFeatures } from "./features.ts";

interface Stats {
  sum: number;
  sq_sum: number;
}
interface GoldenCase {
  kwargs: {
    uni_am: boolean;
    amap_mode?: "add" | "mul";
    use_cos?: boolean;
    weights?: [number, number, number];
    gaussian_sigma: number;
  };
  stats: Stats;
  full?: number[][];
  scores: Record<string, number[]>;
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/cdo/maps.json", import.meta.url), "utf8"),
) as {
  cases: GoldenCase[];
  rect_48x32: { stats: Stats; row0: number[] };
  map_2023_32x32: { stats: Stats; full: number[][]; score_max: number[] };
};

const device = await testDevice();

async function mapOf(size: readonly [number, number], config: Partial<CdoConfig>) {
  const [map] = await device.read(() => {
    const { teacher, student } = goldenFeatures(device);
    return [anomalyMap(teacher, student, size, cdoConfig(config))];
  });
  return map as Float32Array;
}

function expectStats(map: Float32Array, { sum, sq_sum }: Stats): void {
  const total = map.reduce((a, b) => a + b, 0);
  const squares = map.reduce((a, b) => a + b * b, 0);
  expect(Math.abs(total - sum)).toBeLessThan(1e-5 * sum);
  expect(Math.abs(squares - sq_sum)).toBeLessThan(2e-5 * sq_sum);
}

for (const { kwargs, stats, full, scores } of golden.cases) {
  test(`the 2025 map with ${JSON.stringify(kwargs)} is the reference's`, async () => {
    const map = await mapOf([32, 32], {
      sigma: kwargs.gaussian_sigma,
      mapMode: kwargs.uni_am ? "concat" : (kwargs.amap_mode ?? "add"),
      mapDistance: kwargs.use_cos === false ? "euclidean" : "cosine",
      levelWeights: kwargs.weights ?? [1, 1, 1],
    });
    expectStats(map, stats);
    if (full) closeTo(map, full.flat(), { rtol: 1e-5, atol: 2e-6 });
    for (const [ratio, want] of Object.entries(scores)) {
      closeTo(scoresOf(map, Number(ratio)), want, { rtol: 1e-5, atol: 2e-6 });
    }
  });
}

test("a map may be any rectangle", async () => {
  const map = await mapOf([48, 32], {});
  const { stats, row0 } = golden.rect_48x32;
  expectStats(map, stats);
  closeTo(map.slice(0, 32), row0, { rtol: 1e-5, atol: 2e-6 });
});

test("the 2023 map is the reference's", async () => {
  const map = await mapOf([32, 32], { version: "2023" });
  const { stats, full, score_max } = golden.map_2023_32x32;
  expectStats(map, stats);
  closeTo(map, full.flat(), { rtol: 1e-5, atol: 1e-6 });
  closeTo(scoresOf(map, 0), score_max, { rtol: 1e-5, atol: 1e-6 });
});

test("a mean of the levels is three times the reference's map", async () => {
  const reference = await mapOf([8, 8], { sigma: 0 });
  const mean = await mapOf([8, 8], { sigma: 0, mapScale: "mean" });
  closeTo(
    mean,
    reference.map((v) => 3 * v),
    { rtol: 1e-6, atol: 1e-7 },
  );
});

test("equal features give a map of zeros", async () => {
  const [map] = await device.read(() => {
    const { teacher } = goldenFeatures(device);
    const same = teacher.map((t) => normalize(t));
    return [anomalyMap(teacher, same, [16, 16], cdoConfig())];
  });
  closeTo(map as Float32Array, new Float32Array(512), { rtol: 0, atol: 1e-6 });
});

/** The scores of two maps of 32 × 32. */
function scoresOf(map: Float32Array, ratio: number): number[] {
  return [0, 1].map((i) => topFractionMean(map.slice(i * 1024, (i + 1) * 1024), ratio));
}
