/** The golden helper must draw exactly the numbers that the reference run drew, or every other fixture is void. */
import { expect, test } from "vitest";
import stored from "./fixtures/golden-selfcheck.json" with { type: "json" };
import { fillWeight, fnv, lowbias32, rnd, u01 } from "./golden.ts";

/** Shapes of the tensors in the self-check (HRNet-18 stem and first bottleneck). */
const shapes: Record<string, number[]> = {
  "model.conv1.weight": [64, 3, 3, 3],
  "model.layer1.0.conv1.weight": [64, 64, 1, 1],
};

test("names hash as FNV-1a over their UTF-8 bytes", () => {
  for (const [name, hash] of Object.entries(stored.fnv)) expect(fnv(name)).toBe(hash);
  expect(fnv("")).toBe(2166136261);
  expect(fnv("é")).toBe(fnv(String.fromCharCode(0xe9)));
  expect(fnv("é")).not.toBe(fnv("e"));
});

test("streams start with the stored draws, bit by bit", () => {
  for (const [name, draws] of Object.entries(stored.u01_first8)) {
    expect([...u01(name, 8)]).toEqual(draws);
  }
});

test("lowbias32 wraps modulo 2^32", () => {
  expect(lowbias32(0)).toBe(0);
  expect(lowbias32(2 ** 32 + 5)).toBe(lowbias32(5));
});

test("rnd spreads a stream over a range, row-major", () => {
  const first = rnd("input", [1, 2, 2, 1], -2, 2);
  expect([...first].map((x) => Number(Math.fround(x).toPrecision(9)))).toEqual(
    stored.rnd_input_first4_float32,
  );
  expect(rnd("input", [0, 3])).toHaveLength(0);
  expect(rnd("input", [])[0]).toBe(2 * stored.u01_first8.input[0]! - 1);
});

test("weights follow the fill rule and are float32", () => {
  for (const [key, values] of Object.entries(stored.filled_first4)) {
    const tensor = fillWeight(key, shapes[key] ?? [64]);
    expect([...tensor.subarray(0, 4)].map((x) => Number(x.toPrecision(9)))).toEqual(values);
    expect(tensor.every((x) => x === Math.fround(x))).toBe(true);
  }
  expect([...fillWeight("model.bn1.num_batches_tracked", [])]).toEqual([0]);
});
