/** Attention against PyTorch's whole matrices and the FOD reference, with and without the prior; types, sizes, errors. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  type AttentionOptions,
  add,
  assertGradients,
  attention,
  cast,
  fromF16,
  grad,
  matmul,
  permute,
  sum,
  type Tensor,
  toF16,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { fill, U } from "../golden-u.ts";
import { attentionInputs, attentionTotal } from "./attention-inputs.ts";
import { closeTo } from "./close.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "attention", indexOps.attention!);

const random = (name: string, shape: number[], lo = -1, hi = 1) =>
  device.tensor(Float32Array.from(rnd(name, shape, lo, hi)), shape);
const inputs = (...of: [string, number, number, number, number]) => attentionInputs(device, ...of);

// ---- the reference -----------------------------------------------------------------------------------------------------

type Nested = number | readonly Nested[];
const flat = (x: Nested): number[] => (typeof x === "number" ? [x] : x.flatMap(flat));
const golden = (name: string) =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/fod/${name}.json`, import.meta.url), "utf8"),
  ) as Record<string, Nested> & { state_dict: Record<string, number[]> };

const eps = 1e-4;
const klOf = (p: readonly number[], q: readonly number[]) =>
  p.reduce((sofar, x, j) => sofar + x * (Math.log(x + eps) - Math.log(q[j]! + eps)), 0);
const entropyOf = (p: readonly number[]) =>
  p.reduce((sofar, x) => sofar - x * Math.log(x + eps), 0);
/** Rows of 16. */
const rowsOf = (x: Nested) => {
  const values = flat(x);
  return Array.from({ length: values.length / 16 }, (_, i) => values.slice(16 * i, 16 * i + 16));
};

test("outputs, divergences from the targets and entropies are those of FOD's attention", async () => {
  const want = golden("attention");
  const state = fill(new Map(Object.entries(want.state_dict)), "att.");
  const read = await device.read(() => {
    const project = (name: string, input: string) => {
      const of = (part: string) => state.get(`${name}_projection.${part}`)!.data as Float32Array;
      const x = device.tensor(U(input, [2, 16, 16]), [2, 16, 16]);
      const [weight, bias] = [device.tensor([...of("weight")], [16, 16]), [...of("bias")]];
      return add(matmul(x, weight, { transposeB: true }), device.tensor(bias, [16]));
    };
    const [q, k, v] = [
      project("query", "att.q"),
      project("key", "att.k"),
      project("value", "att.v"),
    ];
    const sigma = permute(device.tensor(flat(want.sigma!), [2, 4, 16, 2]), [0, 2, 1, 3]);
    const made = attention(q, k, v, { heads: 4, prior: { sigma, grid: [4, 4] } });
    return [made.out, made.mapDivergence, made.priorDivergence, made.entropy];
  });
  const [out, toMaps, toPrior, entropy] = read as Float32Array[];
  closeTo(out!, flat(want.out!), { rtol: 1e-5, atol: 1e-6 });
  const p = rowsOf(want.corr!);
  const t = rowsOf(want.target_first_image!).map((row) => {
    const all = row.reduce((a, b) => a + b, 0);
    return row.map((x) => x / all);
  });
  closeTo(entropy!, p.map(entropyOf), { rtol: 1e-5, atol: 1e-6 });
  const first = t.map((row, i) => klOf(p[i]!, row) + klOf(row, p[i]!));
  closeTo(toMaps!.subarray(0, first.length), first, { rtol: 1e-5, atol: 1e-6 });
  expect(toPrior).toEqual(toMaps);
});

test("entropies of given weights are those of FOD's losses", async () => {
  const want = golden("losses");
  const weights = flat(want.p!); // [2, 3, 5, 5]
  const at = (b: number, h: number, i: number, j: number) =>
    weights[((b * 3 + h) * 5 + i) * 5 + j]!;
  // queries pick the logarithms of the weights out of the keys
  const [q, k] = [new Float32Array(150), new Float32Array(150)];
  for (let e = 0; e < 150; e++) {
    const [b, row, h, c] = [
      Math.floor(e / 75),
      Math.floor(e / 15) % 5,
      Math.floor(e / 5) % 3,
      e % 5,
    ];
    q[e] = row === c ? 1 : 0;
    k[e] = Math.log(at(b, h, c, row));
  }
  const [entropy] = await device.read(() => {
    const [a, b] = [device.tensor(q, [2, 5, 15]), device.tensor(k, [2, 5, 15])];
    const sigma = device.ones([2, 5, 3, 2]);
    const made = attention(a, b, b, { heads: 3, scale: 1, prior: { sigma, grid: [1, 5] } });
    return [made.entropy];
  });
  const mean = Array.from({ length: 10 }, (_, e) => {
    const [b, i] = [Math.floor(e / 5), e % 5];
    return [0, 1, 2].reduce((sofar, h) => sofar + entropy![(b * 3 + h) * 5 + i]! / 3, 0);
  });
  closeTo(mean, flat(want.entropy_p!), { rtol: 1e-5, atol: 0 });
});

// ---- gradients, types, sizes -------------------------------------------------------------------------------------------

test("gradients agree with differences: of P's side to q, k and v, of the prior's to sigma", async () => {
  const [q, k, v, sigma] = inputs("differences", 2, 6, 2, 3);
  const prior = (s: Tensor) => ({ heads: 2, prior: { sigma: s, grid: [2, 3] } }) as const;
  await assertGradients((a, b, c) => attention(a, b, c, { heads: 2 }), [q, k, v]);
  for (const name of ["mapDivergence", "entropy"] as const) {
    const of = (a: Tensor, b: Tensor) => attention(a, b, v, prior(sigma))[name];
    await assertGradients(of, [q, k]);
  }
  await assertGradients((s) => attention(q, k, v, prior(s)).priorDivergence, [sigma]);
  for (const t of [q, k, v, sigma]) t.dispose();
});

test("each divergence moves its own side only, and nobody computes a gradient that is not wanted", async () => {
  const leaves = inputs("sides", 1, 6, 2, 3).map((t) => t.setRequiresGrad(true));
  const [q, k, v, sigma] = leaves as [Tensor, Tensor, Tensor, Tensor];
  device.scope(() => {
    const made = attention(q, k, v, { heads: 2, prior: { sigma, grid: [3, 2] } });
    const given = (y: Tensor) => grad(sum(y), leaves).map((g) => g !== undefined);
    expect(given(made.priorDivergence)).toEqual([false, false, false, true]);
    expect(given(made.out)).toEqual([true, true, true, true]);
    const launchesOf = (x: Tensor) => {
      const from = device.queue.launches;
      const grads = grad(sum(attention(x, k.detach(), v, { heads: 2 })), leaves);
      return [grads.map((g) => g !== undefined), device.queue.launches - from] as const;
    };
    const [without, fewer] = launchesOf(q.detach());
    const [both, all] = launchesOf(q);
    expect([without, both]).toEqual([
      [false, false, true, false],
      [true, false, true, false],
    ]);
    expect(all - fewer).toBe(1);
  });
  const toMaps = await device.read(() => {
    const made = attention(q, k, v, { heads: 2, prior: { sigma, grid: [3, 2] } });
    return grad(sum(made.mapDivergence), [v, sigma]) as Tensor[];
  });
  for (const zeros of toMaps) expect(zeros.every((g) => g === 0)).toBe(true);
  for (const t of leaves) t.dispose();
});

test("queries, keys and values may be one tensor: its gradient is the sum of the three", async () => {
  const data = Float32Array.from(rnd("one tensor", [1, 5, 6]));
  const [all, ...parts] = await device.read(() => {
    const x = device.tensor(data, [1, 5, 6]).setRequiresGrad(true);
    const three = [0, 1, 2].map(() => device.tensor(data, [1, 5, 6]).setRequiresGrad(true));
    const [q, k, v] = three as [Tensor, Tensor, Tensor];
    const w = random("one tensor/w", [1, 5, 6]);
    const [whole] = grad(attention(x, x, x, { heads: 2 }), [x], w);
    return [whole, ...grad(attention(q, k, v, { heads: 2 }), [q, k, v], w)] as Tensor[];
  });
  const summed = Array.from(all!, (_, i) => parts.reduce((a, p) => a + p[i]!, 0));
  closeTo(all!, summed, { rtol: 1e-5, atol: 1e-6 });
});

test("halves: operands of 16 bits give f32, gradients have the operands' types", async ({
  skip,
}) => {
  if (!device.features.has("shader-f16")) skip();
  const halves = (name: string, shape: number[]) => fromF16(toF16(rnd(name, shape)));
  const shapes = [1, 2, 3].map(() => [2, 6, 6]);
  const run = (types: readonly ("f32" | "f16")[]) =>
    device.read(() => {
      const [q, k, v] = shapes.map((shape, i) => {
        const leaf = device.tensor(halves(`half ${i}`, shape), shape).setRequiresGrad(true);
        return types[i] === "f16" ? cast(leaf, "f16") : leaf;
      }) as [Tensor, Tensor, Tensor];
      const sigma = random("half sigma", [2, 6, 2, 2], 0.3, 2).setRequiresGrad(true);
      const made = attention(q, k, v, { heads: 2, prior: { sigma, grid: [3, 2] } });
      const grads = grad(attentionTotal(made), [q, k, v, sigma]) as Tensor[];
      expect(made.out.dtype).toBe("f32");
      expect(grads.map((g) => g.dtype)).toEqual([...types, "f32"]);
      return [...Object.values(made), ...grads] as Tensor[];
    });
  const full = await run(["f32", "f32", "f32"]);
  for (const types of [
    ["f16", "f16", "f16"],
    ["f32", "f16", "f32"],
  ] as const) {
    const half = await run(types);
    full.forEach((want, i) => void closeTo(half[i]!, want, { rtol: 2 ** -10, atol: 2 ** -12 }));
  }
});

test("no images, no queries, no keys and no channels: nothing, or zeros, and so are the gradients", async () => {
  const cases: [q: number[], k: number[]][] = [
    [
      [0, 4, 6],
      [0, 3, 6],
    ],
    [
      [0, 4, 6],
      [1, 3, 6],
    ],
    [
      [2, 0, 6],
      [2, 3, 6],
    ],
    [
      [2, 4, 6],
      [2, 0, 6],
    ],
    [
      [2, 4, 0],
      [2, 3, 0],
    ],
  ];
  for (const [of, by] of cases) {
    const read = await device.read(() => {
      const leaves = [of, by, by].map((shape) => device.ones(shape).setRequiresGrad(true));
      const [q, k, v] = leaves as [Tensor, Tensor, Tensor];
      const y = attention(q, k, v, { heads: 2 });
      expect(y.shape).toEqual(of);
      return [y, ...(grad(sum(y), leaves) as Tensor[])];
    });
    expect(read.map((t) => t.length)).toEqual(
      [of, of, by, by].map((s) => s.reduce((a, b) => a * b, 1)),
    );
    for (const values of read) expect(values.every((x) => x === 0)).toBe(true);
  }
  const [divergence] = await device.read(() => {
    const [q, sigma] = [device.ones([0, 4, 6]), device.ones([0, 4, 2, 2])];
    return [attention(q, q, q, { heads: 2, prior: { sigma, grid: [2, 2] } }).mapDivergence];
  });
  expect(divergence!.length).toBe(0);
});

test("a width of 0 is the place itself; one that is NaN makes NaN of its own divergence only", async () => {
  const [q, k, v] = ["nan.q", "nan.k", "nan.v"].map((name) => random(name, [1, 4, 2])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const sigma = device.tensor([1, 1, 0, 0, Number.NaN, 1, 1, Number.NaN], [1, 4, 1, 2]);
  const [out, divergence, entropy] = await device.read(() => {
    const made = attention(q, k, v, { heads: 1, prior: { sigma, grid: [2, 2] } });
    return [made.out, made.mapDivergence, made.entropy];
  });
  expect([...divergence!].map(Number.isFinite)).toEqual([true, true, false, false]);
  expect([...out!, ...entropy!].every(Number.isFinite)).toBe(true);
  for (const t of [q, k, v, sigma]) t.dispose();
});

test("what does not fit is refused with the sizes at fault", () => {
  device.scope(() => {
    const of = (...shape: number[]) => device.ones(shape);
    const told = (q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions, text: string) =>
      expect(() => attention(q, k, v, options)).toThrow(`attention: ${text}`);
    const [q, k] = [of(2, 4, 6), of(2, 3, 6)];
    const sizes = "(q [2, 4, 6], k [2, 3, 6], v [2, 3, 6])";
    told(q, k, k, { heads: 4 }, `4 heads do not divide 6 channels ${sizes}`);
    told(q, k, k, { heads: 0 }, `0 heads do not divide 6 channels ${sizes}`);
    told(q, k, k, { heads: 1.5 }, `1.5 heads do not divide 6 channels ${sizes}`);
    told(q, k, k, { heads: 2, scale: Number.NaN }, `scale must be a number, got NaN ${sizes}`);
    told(of(4, 6), of(3, 6), of(3, 6), { heads: 2 }, "needs q, k and v of [B, L, d] (q [4, 6]");
    told(q, k, of(2, 4, 6), { heads: 2 }, "k and v differ");
    told(q, of(2, 3, 4), of(2, 3, 4), { heads: 2 }, "rows of q have 6 channels, those of k 4");
    told(q, of(3, 3, 6), of(3, 3, 6), { heads: 2 }, "k has 3 images, q 2");
    const prior = (sigma: Tensor, ...grid: [number, number]) => ({
      heads: 2,
      prior: { sigma, grid },
    });
    told(q, q, q, prior(of(2, 4, 2), 2, 2), "sigma must be [2, 4, 2, 2], got [2, 4, 2]");
    const rule = "needs as many rows of q and of k";
    told(q, q, q, prior(of(2, 4, 2, 2), 3, 2), `a grid of 3 × 2 ${rule}`);
    told(q, q, q, prior(of(2, 4, 2, 2), -2, -2), `a grid of -2 × -2 ${rule}`);
    told(q, k, k, prior(of(2, 4, 2, 2), 2, 2), `a grid of 2 × 2 ${rule}`);
    told(cast(q, "i32"), k, k, { heads: 2 }, "needs f32 or f16, got Tensor i32 [2, 4, 6]");
  });
});
