/** The network of a level against the reference code's: positions, embedding, correlations, all four modes, names and sizes. */
import { expect, test } from "vitest";
import { assertGradients, noGrad } from "../../src/core/index.ts";
import { Correlations, spread } from "../../src/fod/correlation.ts";
import { Embedding } from "../../src/fod/embedding.ts";
import { LevelNetwork, positionTable } from "../../src/fod/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { fill, U } from "../golden-u.ts";
import {
  closeToSummary,
  flat,
  golden,
  type Nested,
  network,
  reference,
  type Summary,
  tokens,
} from "./golden.ts";

const device = await testDevice();
const build = { device, rng: undefined };

/** `[L, d]` as the reference has it, `[d, h, w]`. */
function channelsFirst(table: Float32Array, width: number): Float32Array {
  const length = table.length / width;
  return table.map((_, i) => table[(i % length) * width + Math.floor(i / length)] as number);
}

test("the table of positions is the reference's, for grids that are not square too", () => {
  const want = golden<Record<string, unknown>>("embedding");
  const small = channelsFirst(positionTable([3, 2], 8), 8);
  closeTo(small, flat(want["8_3x2"] as Nested), { rtol: 0, atol: 1e-6 });
  const square = channelsFirst(positionTable([4, 4], 16), 16);
  closeTo(square, flat(want["16_4x4"] as Nested), { rtol: 0, atol: 1e-6 });
  for (const [side, width] of [
    [32, 256],
    [16, 512],
  ] as const) {
    const table = channelsFirst(positionTable([side, side], width), width);
    closeToSummary(table, want[`${width}_${side}x${side}`] as Summary, { rtol: 0, atol: 1e-6 });
  }
  expect(() => positionTable([2, 2], 6)).toThrow(
    "positionTable: width must be a multiple of 4, got 6",
  );
});

test("tokens are embedded as the reference does it", async () => {
  const { embedding2d: want } = golden<{ embedding2d: { out: Nested } }>("embedding");
  const embedding = new Embedding(build, 6, 8);
  embedding.loadStateDict(fill(embedding.stateShapes(), "emb."));
  const [out] = await device.read(() => {
    const table = device.tensor(positionTable([3, 2], 8), [1, 6, 8]);
    return [embedding.forward(device.tensor(U("emb.x", [2, 6, 6]), [2, 6, 6]), table)];
  });
  closeTo(out as Float32Array, flat(want.out), { rtol: 1e-5, atol: 1e-6 });
  const other = () =>
    device.scope(() => void embedding.forward(device.zeros([1, 6, 5]), device.zeros([1, 6, 8])));
  expect(other).toThrow("Embedding: tokens must be [N, L, 6], got Tensor f32 [1, 6, 5]");
  embedding.dispose();
});

interface AttentionFile {
  state_dict: Record<string, number[]>;
  out: Nested;
  self_attn_out: Nested;
  sigma: Nested;
  corr: Nested;
  target_norm_first_image_head0: Nested;
}

/** The fixture's correlations `[2, 4, 16, 16]` against its widths `[2, 4, 16, 2]`: divergence and entropy of each query. */
function compared(corr: readonly number[], sigma: readonly number[]) {
  const [divergence, entropy]: [number[], number[]] = [[], []];
  for (let row = 0; row < 2 * 4 * 16; row++) {
    const i = row % 16;
    const [s1, s2] = [sigma[2 * row], sigma[2 * row + 1]] as [number, number];
    const target = Array.from({ length: 16 }, (_, j) => {
      const [dy, dx] = [Math.floor(i / 4) - Math.floor(j / 4), (i % 4) - (j % 4)];
      return Math.exp(-(dy ** 2) / (2 * s1 ** 2) - dx ** 2 / (2 * s2 ** 2));
    });
    const total = target.reduce((a, b) => a + b, 0);
    let [d, h] = [0, 0];
    for (let j = 0; j < 16; j++) {
      const [p, t] = [corr[row * 16 + j] as number, (target[j] as number) / total];
      d += (p - t) * (Math.log(p + 1e-4) - Math.log(t + 1e-4));
      h -= p * Math.log(p + 1e-4);
    }
    divergence.push(d);
    entropy.push(h);
  }
  return { divergence, entropy };
}

test("correlations, the widths of their targets and how they compare are the reference's", async () => {
  const want = golden<AttentionFile>("attention");
  const layer = new Correlations(build, 16, 4);
  expect(Object.fromEntries(layer.stateShapes())).toEqual(want.state_dict);
  layer.loadStateDict(fill(layer.stateShapes(), "att."));
  const input = (name: string) => device.tensor(U(name, [2, 16, 16]), [2, 16, 16]);
  const [self, alone, divergence, prior, entropy] = (await device.read(() => {
    const { out } = layer.forward(input("att.q"), input("att.q"));
    const cross = layer.forward(input("att.q"), input("att.k"), [4, 4]);
    const { mapDivergence, priorDivergence, entropy } = cross.correlation!;
    const same = layer.forward(input("att.q"), input("att.q"), [4, 4]).out;
    return [out, same, mapDivergence, priorDivergence, entropy];
  })) as Float32Array[];
  closeTo(self!, flat(want.self_attn_out), { rtol: 1e-5, atol: 1e-6 });
  closeTo(alone!, flat(want.self_attn_out), { rtol: 1e-5, atol: 1e-6 });
  const expected = compared(flat(want.corr), flat(want.sigma));
  closeTo(divergence!, expected.divergence, { rtol: 2e-5, atol: 0 });
  closeTo(entropy!, expected.entropy, { rtol: 1e-5, atol: 0 });
  expect(prior).toEqual(divergence);
  layer.dispose();
});

test("the width of a target goes from almost 0 to 2 with the projection", async () => {
  const z = [0, -0.5, 1, -100, 100];
  const [sigma] = await device.read(() => [spread(device.tensor(z, [5]))]);
  closeTo(sigma as Float32Array, [0.73207, 0.0869218, 1.9780552, 1.0986e-5, 2.000033], {
    rtol: 1e-6,
    atol: 2e-7,
  });
  using x = device.tensor([-0.7, -0.2, 0, 0.1, 0.9], [5]);
  await assertGradients((z) => spread(z!), [x]);
});

interface ForwardFile {
  state_dict: Record<string, readonly number[]>;
  modes: Record<string, { out: Nested | Summary }>;
}

for (const [mode, intra, inter] of [
  ["intra1_inter1", true, true],
  ["intra1_inter0", true, false],
  ["intra0_inter1", false, true],
  ["intra0_inter0", false, false],
] as const) {
  test(`the network makes what the reference makes, ${mode}`, async () => {
    const file = golden<ForwardFile>("fod-forward");
    const want = file.modes[mode]!;
    const net = network(device, { intra, inter });
    const read = await device.read(() =>
      noGrad(() => {
        const r = inter ? reference(device) : undefined;
        const made = net.forward(tokens(device, "fod.x"), r, { intra, inter });
        expect([made.intra.length, made.inter.length]).toEqual([intra ? 3 : 0, inter ? 3 : 0]);
        return [made.out];
      }),
    );
    const [out] = read as Float32Array[];
    const tolerance = { rtol: 1e-4, atol: 1e-5 };
    if ("sample" in (want.out as Summary)) closeToSummary(out!, want.out as Summary, tolerance);
    else closeTo(out!, flat(want.out as Nested), tolerance);
    net.dispose();
  });
}

test("names and shapes of a level's state are the reference's, in its order", () => {
  const { state_dict } = golden<ForwardFile>("fod-forward");
  const net = network(device);
  expect([...net.stateShapes()]).toEqual(Object.entries(state_dict));
  const without = network(device, { inter: false }); // the reference has no embedding then
  const rest = Object.entries(state_dict).filter(([name]) => !name.startsWith("ref_embedding."));
  expect([...without.stateShapes()]).toEqual(rest);
  const trained = net.trained().map(([name]) => name);
  expect(trained.length).toBe(80);
  expect(trained.filter((name) => name.includes("out_projection"))).toEqual([]);
  net.dispose();
  without.dispose();
});

test("both levels have as many parameters as the reference's", () => {
  const counts = golden<Record<string, [number, number]>>("param-counts");
  const channels = { wide_resnet50_2: [512, 1024], efficientnet_b6: [72, 200] };
  for (const [name, [first, second]] of Object.entries(channels)) {
    const made = [
      { channels: first!, width: 256, grid: [32, 32] as const },
      { channels: second!, width: 512, grid: [16, 16] as const },
    ].map((shape) => {
      const rest = { heads: 8, layers: 3, intra: true, inter: true };
      const net = new LevelNetwork(build, { ...shape, ...rest });
      const { bytes } = net;
      net.dispose();
      return bytes / 4;
    });
    expect(made).toEqual(counts[name]);
  }
});

test("tokens of another grid or with other channels are refused", () => {
  const net = network(device);
  const forward = (shape: number[]) => () =>
    device.scope(
      () => void net.forward(device.zeros(shape), undefined, { intra: true, inter: true }),
    );
  expect(forward([1, 63, 12])).toThrow(
    "fod: tokens of 8 × 8 cells are [N, 64, 12], got Tensor f32 [1, 63, 12]",
  );
  expect(forward([1, 64, 8])).toThrow("are [N, 64, 12]");
  net.dispose();
});
