/** Memory bank, optimiser and training steps against the reference's, on feature maps drawn by name. */
import { describe, expect, test } from "vitest";
import { meanBank } from "../../src/cfa/bank.ts";
import type { CfaConfig } from "../../src/cfa/config.ts";
import { softminScore } from "../../src/cfa/index.ts";
import type { PatchLearner } from "../../src/cfa/learner.ts";
import { copyElements, noGrad, Rng } from "../../src/core/index.ts";
import { AdamW } from "../../src/models/index.ts";
import { closeTo } from "../core/close.ts";
import { these } from "../detector/fakes.ts";
import { testDevice } from "../device.ts";
import scalars from "../fixtures/cfa/adamw-amsgrad.json" with { type: "json" };
import banks from "../fixtures/cfa/memory-bank.json" with { type: "json" };
import golden from "../fixtures/cfa/train-steps.json" with { type: "json" };
import { check } from "../models/summary.ts";
import { blackBatch, fakeLevels, goldenLearner } from "./golden.ts";

const device = await testDevice();

/** The bank of the three golden batches. */
async function fillBank(learner: PatchLearner, config: CfaConfig): Promise<void> {
  let batch = 0;
  const bank = await meanBank({
    device,
    batches: these([0, 1, 2].map((k) => blackBatch(4, 32, `batch${k}`))),
    describe: () => learner.describe(fakeLevels(device, batch++)),
    centres: Math.floor(64 / config.gammaC),
    rng: new Rng(1),
  });
  copyElements(bank, learner.model.bank);
  bank.dispose();
}

describe("the memory bank", () => {
  const wanted = {
    1: banks.banks.gamma_c1_gamma_d1,
    4: banks.banks.gamma_c1_gamma_d4,
  } as const;
  for (const gammaD of [1, 4] as const) {
    test(`is the mean of three batches, γ_d = ${gammaD}`, async () => {
      const { learner, config } = goldenLearner(device, { gammaD });
      await fillBank(learner, config);
      const state = await learner.model.stateDict();
      const { C, state_dict_keys } = wanted[gammaD];
      check(Float64Array.from(state.get("C")!.data as Float32Array), state.get("C")!.shape, C);
      const dead = ["Descriptor.layer.weight", "Descriptor.layer.bias"];
      const shapes = [...state].map(([name, { shape }]) => [name, [...shape]]);
      expect(shapes).toEqual(Object.entries(state_dict_keys).filter(([k]) => !dead.includes(k)));
      learner.dispose();
    });
  }
});

test("six steps of AdamW with AMSGrad are the reference's", async () => {
  const { learner, config } = goldenLearner(device, { gammaD: 4 });
  await fillBank(learner, config);
  for (const { step, batch, loss, r_after, conv_weight, conv_bias } of golden.steps) {
    const [told] = await device.read(() => [learner.descend(fakeLevels(device, batch))]);
    const rtol = step < 3 ? 1e-4 : 1e-2;
    closeTo(told!, [loss, r_after], { rtol, atol: 0 });
    const state = await learner.model.stateDict();
    for (const [name, want] of Object.entries({ weight: conv_weight, bias: conv_bias })) {
      const { data } = state.get(`Descriptor.layer.conv.${name}`)!;
      const samples = want.sample_index.map((at) => Number(data[at]));
      // a step moves each weight by about 1e-3, whatever the size of its gradient
      closeTo(samples, want.sample, { rtol: 0, atol: step < 3 ? 1e-6 : 1e-4 });
    }
  }
  const [score] = await device.read(() => [
    noGrad(() => softminScore(learner.squares(fakeLevels(device, 0), 3))),
  ]);
  const want = golden.score_batch0_after;
  const samples = want.sample_index.map((at) => score![at]!);
  closeTo(samples, want.sample, { rtol: 1e-2, atol: 0 });
  learner.dispose();
});

test("the optimiser's trace of three numbers is the reference's", async () => {
  const w = device.tensor(scalars.w0, [3]).keep().setRequiresGrad(true);
  const { lr, weight_decay: weightDecay } = scalars;
  const optimiser = new AdamW([["w", w]], { lr, weightDecay, amsgrad: true });
  for (const [i, grad] of scalars.grads.entries()) {
    device.scope(() => {
      w.grad = device.tensor(grad, [3]).keep();
      optimiser.step();
    });
    optimiser.zeroGrad();
    closeTo(await w.data(), scalars.w[i]!, { rtol: 1e-6, atol: 1e-7 });
  }
  optimiser.dispose();
  w.dispose();
});
