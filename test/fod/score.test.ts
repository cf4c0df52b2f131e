/** Scores and maps against the reference code's, and its distance files. */
import { expect, test } from "vitest";
import { noGrad } from "../../src/core/index.ts";
import { readNpy } from "../../src/data/index.ts";
import { distanceMap, scoreMap, tokenScores } from "../../src/fod/index.ts";
import { scoredBranches } from "../../src/fod/score.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { flat, golden, type Nested, network, reference, tokens } from "./golden.ts";

const device = await testDevice();

interface Scored {
  rec_score: Nested;
  corrs: Nested;
  inter_score: Nested;
  score: Nested;
  upsampled_32: Nested;
  max: number;
}
const images = golden<{ images: Scored[] }>("scoring").images;

/** Scores `[64]` and map `[32, 32]` of a fixture's image. */
async function scored(i: number, branches: { intra: boolean; inter: boolean }) {
  const net = network(device, branches);
  const [scores, map] = (await device.read(() =>
    noGrad(() => {
      const x = tokens(device, `sc.x${i}`);
      const made = net.forward(
        x,
        branches.inter ? reference(device) : undefined,
        scoredBranches(branches),
      );
      const scores = tokenScores(x, made);
      return [scores, scoreMap([{ scores, grid: [8, 8] }], 32)];
    }),
  )) as Float32Array[];
  net.dispose();
  return { scores: scores!, map: map! };
}

test("scores and maps are the reference's", async () => {
  expect(images.length).toBe(3);
  for (const [i, want] of images.entries()) {
    const { scores, map } = await scored(i, { intra: true, inter: true });
    // differences of two shares: the rounding is that of the larger one
    closeTo(scores, flat(want.score), { rtol: 1e-4, atol: 2e-6 });
    closeTo(map, flat(want.upsampled_32), { rtol: 1e-4, atol: 2e-6 });
    expect(Math.min(...scores)).toBe(0); // the most usual token
  }
});

test("the other modes score by what they have", async () => {
  const { scores: none } = await scored(0, { intra: false, inter: false });
  const { scores: intra } = await scored(0, { intra: true, inter: false });
  const shares = intra.map((s, i) => s / none[i]!);
  expect(none.every((s) => s > 0)).toBe(true);
  // rec of both modes is the same, see the network's outputs: what is left are shares of a whole
  closeTo([shares.reduce((a, b) => a + b, 0)], [1], { rtol: 1e-5, atol: 0 });
  const { scores: inter } = await scored(0, { intra: false, inter: true });
  expect(Math.min(...inter)).toBe(0);
  expect(Math.max(...inter)).toBeGreaterThan(0);
});

test("levels are averaged after they were resized with their corners in place", async () => {
  const [map] = (await device.read(() => {
    const coarse = device.tensor([0, 1, 2, 3], [1, 4]);
    const fine = device.tensor([0, 0, 6, 0, 0, 0, 0, 0, 0], [1, 9]);
    return [
      scoreMap(
        [
          { scores: coarse, grid: [2, 2] },
          { scores: fine, grid: [3, 3] },
        ],
        3,
      ),
    ];
  })) as Float32Array[];
  expect([...map!]).toEqual([0, 0.25, 3.5, 0.5, 0.75, 1, 1, 1.25, 1.5]);
});

interface Distances {
  "16": { x: Nested; y: Nested };
  "256": Record<string, number | number[] | string>;
  "1024": Record<string, number | number[] | string>;
}

test("distance files are the reference's, byte for byte of the header", () => {
  const want = golden<Distances>("distance-maps");
  for (const axis of ["x", "y"] as const) {
    const { bytes, name } = distanceMap(axis, 16);
    expect(name).toBe(`distances_${axis}_16.npy`);
    expect([...readNpy(bytes, name).data]).toEqual(flat(want["16"][axis]));
    for (const tokens of [256, 1024] as const) {
      const facts = want[tokens];
      const file = distanceMap(axis, tokens);
      expect(file.bytes.length).toBe(facts.file_bytes);
      const header = new TextDecoder().decode(file.bytes.subarray(10, 128)).trim();
      expect(header).toBe(String(facts.header_ascii).trim());
      const { data, shape } = readNpy(file.bytes, file.name);
      expect(shape).toEqual([tokens, tokens]);
      expect([...data.subarray(0, 20)]).toEqual(facts[`${axis}[0,:20]`]);
      expect(data[37 * tokens + 5]).toBe(facts[`${axis}[37,5]`]);
      expect((data as Float32Array).reduce((a, b) => a + b, 0)).toBe(facts[`sum_${axis}`]);
    }
  }
});

test("distance files exist for square numbers that fit into memory only", () => {
  for (const tokens of [0, 2, 15, 1.5, Number.NaN, 16_384]) {
    expect(() => distanceMap("x", tokens)).toThrow(
      `fod distance-maps: a number of cells is a square from 1 to 8192, such as 1024 (32 × 32), got ${tokens}`,
    );
  }
  expect(distanceMap("y", 1).bytes.length).toBe(132);
});
