/** Losses and gradients of a level against the reference code's, in all modes. */
import { expect, test } from "vitest";
import { backward, type Tensor } from "../../src/core/index.ts";
import { levelLoss } from "../../src/fod/index.ts";
import { toldNames } from "../../src/fod/losses.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { closeToSummary, golden, network, reference, type Summary, tokens } from "./golden.ts";

const device = await testDevice();

interface TrainLosses {
  terms: Record<string, number>;
  grads_loss1_plus_loss2: Record<string, Summary | null>;
}
const want = golden<TrainLosses>("train-losses");

/** Losses and, for each parameter, its gradient. */
async function learned(
  branches: { intra: boolean; inter: boolean },
  weights = { lambda1: 0.5, lambda2: 0.5 },
) {
  const net = network(device, branches);
  const [told, total] = (await device.read(() => {
    const x = tokens(device, "fod.x");
    const made = net.forward(x, branches.inter ? reference(device) : undefined, branches);
    const loss = levelLoss(x, made, weights);
    backward(loss.total);
    return [loss.told, loss.total];
  })) as Float32Array[];
  const named = net.namedParameters();
  const grads = new Map<string, Float32Array | undefined>();
  for (const [name, { grad }] of named) {
    grads.set(name, grad ? ((await grad.data()) as Float32Array) : undefined);
    (grad as Tensor | null)?.dispose();
  }
  net.dispose();
  const names = toldNames(branches);
  const terms = Object.fromEntries(names.map((name, i) => [name, told![i] as number]));
  return { terms, total: total![0] as number, grads };
}

test("the terms of the loss are the reference's", async () => {
  const { terms, total } = await learned({ intra: true, inter: true });
  const { rec, intra1, intra2, intra_ent, inter1, inter2, inter_ent, loss1, loss2 } = want.terms;
  const expected = [rec, intra1, intra_ent, inter1, inter_ent] as number[];
  closeTo(Object.values(terms), expected, { rtol: 1e-5, atol: 0 });
  expect([intra1, inter1]).toEqual([intra2, inter2]);
  closeTo([total], [loss1! + loss2!], { rtol: 1e-5, atol: 0 });
});

const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

test("gradients are the reference's, and the dead projections have none", async () => {
  const { grads } = await learned({ intra: true, inter: true });
  let total = 0;
  for (const [name, summary] of Object.entries(want.grads_loss1_plus_loss2)) {
    const grad = grads.get(name);
    if (!summary) {
      expect(grad, name).toBeUndefined();
      continue;
    }
    total = Math.max(total, norm(grad!));
    // 0 in theory, rounding noise in both: a constant added to every key cancels
    if (name.endsWith("key_projection.bias")) {
      for (const v of grad!) expect(Math.abs(v)).toBeLessThan(1e-6);
      continue;
    }
    // tensors whose gradients are small beside what they are differences of have its rounding
    closeToSummary(grad!, summary, { rtol: 1e-4, atol: 2e-6 });
  }
  expect([...grads.keys()].sort()).toEqual(Object.keys(want.grads_loss1_plus_loss2).sort());
  expect(total).toBeGreaterThan(1);
});

test("with one branch the loss holds its terms only, and what is left out gets no gradient", async () => {
  const both = { lambda1: 0.5, lambda2: 0.5 };
  for (const branches of [
    { intra: true, inter: false },
    { intra: false, inter: true },
  ]) {
    const { terms, total, grads } = await learned(branches);
    const branch = branches.intra ? "intra" : "inter";
    const sign = branches.intra ? -1 : 1;
    expect(Object.keys(terms)).toEqual(["rec", `${branch}Divergence`, `${branch}Entropy`]);
    const expected = 2 * terms.rec! + sign * both.lambda2 * terms[`${branch}Entropy`]!;
    closeTo([total], [expected], { rtol: 1e-6, atol: 0 });
    const unused = branches.intra ? "cross_attention" : "self_attention";
    for (const [name, grad] of grads) {
      const dead = name.includes(unused) || name.includes("out_projection");
      expect(grad === undefined, name).toBe(dead);
    }
  }
});

test("with no branch the loss is the reconstruction alone, and widths of targets are not learned", async () => {
  const { terms, total, grads } = await learned({ intra: false, inter: false });
  expect(terms).toEqual({ rec: total });
  for (const [name, grad] of grads) {
    const dead = /cross_attention|out_projection|sigma_projection/.test(name);
    expect(grad === undefined, name).toBe(dead);
  }
});

test("each weight scales its own terms", async () => {
  const branches = { intra: true, inter: true };
  const only = async (lambda1: number, lambda2: number) =>
    (await learned(branches, { lambda1, lambda2 })).grads;
  const [none, one, two, all] = [
    await only(0, 0),
    await only(0.3, 0),
    await only(0, 0.7),
    await only(0.3, 0.7),
  ];
  for (const [name, grad] of all) {
    if (!grad || name.endsWith("key_projection.bias")) continue;
    const [n, a, b] = [none, one, two].map((g) => g.get(name)!);
    const sum = grad.map((_, i) => a![i]! + b![i]! - n![i]!);
    closeTo(grad, sum, { rtol: 1e-4, atol: 1e-5 * Math.max(1, norm(grad)) });
  }
  const sigma = "encoder.encode_layers.2.self_attention.sigma_projection.weight";
  expect(norm(two.get(sigma)!)).toBe(0);
  expect(norm(one.get(sigma)!)).toBeGreaterThan(0);
});
