/** Attention in other layouts than this machine's, its memory, and recorded. */
import { expect, test } from "vitest";
import {
  add,
  attention,
  backward,
  grad,
  launch,
  openDevice,
  program,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import {
  type AttentionPlan,
  type AttentionShape,
  attentionFacts,
  attentionKernel,
  attentionKeyGradKernel,
  attentionPlan,
  attentionQueryGradKernel,
  attentionRowsKernel,
} from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";
import { attentionInputs, attentionTotal } from "./attention-inputs.ts";
import { closeTo } from "./close.ts";

const device = await testDevice();
const inputs = (...of: [string, number, number, number, number]) => attentionInputs(device, ...of);

/** Most bytes in use while one head of four channels is attended over n positions, forward and backward. */
async function peakOf(side: number): Promise<number> {
  const own = await openDevice({ onWarning: () => {} });
  try {
    const n = side * side;
    own.scope(() => {
      const leaves = [4, 4, 4].map((d) => own.ones([1, n, d]).setRequiresGrad(true));
      const [q, k, v] = leaves as [Tensor, Tensor, Tensor];
      const sigma = own.ones([1, n, 1, 2]).setRequiresGrad(true);
      const made = attention(q, k, v, { heads: 1, prior: { sigma, grid: [side, side] } });
      backward(sum(add(made.mapDivergence, made.priorDivergence)));
      for (const t of [...leaves, sigma]) t.grad?.dispose();
    });
    await own.settle();
    return own.memory.stats().peakBytes;
  } finally {
    own.close();
  }
}

test("memory grows with the positions, not with their square", async () => {
  const [small, large] = [await peakOf(32), await peakOf(64)];
  expect(small).toBeLessThan(1024 * 1024 * 4 * 0.15); // one matrix of floats would be 4 MiB
  expect(large / small).toBeLessThan(4.2);
});

test("recorded and run again, attention gives the same bits as on its own", async () => {
  const leaves = inputs("recorded", 2, 12, 2, 3).map((t) => t.keep().setRequiresGrad(true));
  const [q, k, v, sigma] = leaves as [Tensor, Tensor, Tensor, Tensor];
  const step = (x: Tensor) => {
    const made = attention(add(q, x), k, v, { heads: 2, prior: { sigma, grid: [4, 3] } });
    return [...Object.values(made), ...grad(attentionTotal(made), leaves)] as Tensor[];
  };
  const run = program(device, step);
  for (const name of ["first", "second", "third"]) {
    const [x, ...rest] = inputs(`recorded/${name}`, 2, 12, 2, 3);
    const plain = await device.read(() => step(x));
    const replayed = await device.read(() => run(x));
    expect(replayed).toEqual(plain);
    for (const t of [x, ...rest]) t.dispose();
  }
  run.dispose();
  for (const t of leaves) t.dispose();
});

const caps = { subgroups: true, f16: true, workgroupMemory: 32_768, workgroupThreads: 256 };
const plans: Readonly<Record<string, AttentionPlan>> = {
  "a GPU": attentionPlan({ ...caps, software: false }, 32),
  "a software adapter without subgroups": attentionPlan(
    { ...caps, subgroups: false, software: true },
    32,
  ),
  "two rows of a thread in registers": { lanes: 8, rows: 2, tile: 2, handed: false, looped: false },
  "tiles of four handed round": { lanes: 16, rows: 1, tile: 4, handed: true, looped: true },
};

/** Results and gradients by a plan, launch by launch, of everything's sum. */
function byPlan(plan: AttentionPlan, tensors: readonly Tensor[], width: number): Tensor[] {
  const [q, k, v, sigma] = tensors as [Tensor, Tensor, Tensor, Tensor];
  const [batch, queries] = q.shape as [number, number];
  const shape: AttentionShape = {
    ...{ batch, heads: 2, queries, keys: queries, width, shared: k.shape[0] === 1, scale: 0.5 },
    ...{ grid: [5, 3], stored: { q: "f32", k: "f32", v: "f32" }, plan },
  };
  const rows = [batch, 2, queries];
  const [out, divergence, entropy] = [q.shape, rows, rows].map((s) => device.empty(s)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [saved, facts] = [device.empty([...rows, 12]), device.empty([...rows, attentionFacts])];
  const of = { saved: true, sigma: "f32" } as const;
  launch(attentionKernel(shape, of), [q, k, v, sigma], [out, divergence, entropy, saved]);
  const [dy, one] = [device.ones(q.shape), device.ones(rows)];
  const [dq, dk, dv, dSigma] = [q, k, v, sigma].map((t) => device.empty(t.shape));
  launch(attentionRowsKernel(shape), [out, dy, saved, one, one, one], [facts, dSigma!]);
  const read = [q, k, v, dy, facts];
  launch(attentionQueryGradKernel(shape), read, [dq!]);
  launch(attentionKeyGradKernel(shape, { k: true, v: true }), read, [dk!, dv!]);
  return [out, divergence, entropy, dq!, dk!, dv!, dSigma!];
}

/** Images of k and v, and channels of a head: with vectors of four and without, where a plan in use reads them. */
const casesOf = ({ looped, rows }: AttentionPlan): (readonly [number, number])[] =>
  looped
    ? [[1, 3]]
    : rows === 1
      ? [
          [2, 3],
          [1, 4],
        ]
      : [[1, 4]];

for (const [name, plan] of Object.entries(plans)) {
  test(`${name}: the same results and gradients as here`, async ({ skip }) => {
    if (plan.handed && !device.subgroups) skip();
    for (const [images, width] of casesOf(plan)) {
      const read = await device.read(() => {
        const [q, , , sigma] = inputs("plans", 2, 15, 2, width);
        const [, k, v] = inputs("plans", images, 15, 2, width);
        const leaves = [q, k, v, sigma].map((t) => t.setRequiresGrad(true));
        const o = { heads: 2, scale: 0.5, prior: { sigma, grid: [5, 3] } } as const;
        const { out, mapDivergence, priorDivergence, entropy } = attention(q, k, v, o);
        const sums = [out, mapDivergence, priorDivergence, entropy].map((t) => sum(t));
        const grads = grad(sums.reduce(add), leaves) as Tensor[];
        return [...byPlan(plan, leaves, width), out, mapDivergence, entropy, ...grads];
      });
      for (let i = 0; i < 7; i++) closeTo(read[i]!, read[i + 7]!, { rtol: 1e-5, atol: 2e-6 });
    }
  });
}
