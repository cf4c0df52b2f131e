/** Steps of several levels: whose optimiser moves whom, as with either version of torch, and what a state holds. */
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { fodConfig } from "../../src/fod/index.ts";
import { Levels } from "../../src/fod/levels.ts";
import { toldNames } from "../../src/fod/losses.ts";
import { hostTensor, type StateDict } from "../../src/models/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { fill, U } from "../golden-u.ts";
import { golden, tokens } from "./golden.ts";

const device = await testDevice();

const config = (optimisers: "shared" | "separate") =>
  fodConfig({ backbone: "resnet18", widths: [16, 16], heads: 4, layers: 2, optimisers });
const inputs = [
  { channels: 8, grid: [16, 16] },
  { channels: 12, grid: [8, 8] },
] as const;

function levels(optimisers: "shared" | "separate" = "shared"): Levels {
  const made = new Levels(device, config(optimisers), inputs, new Rng(1));
  const reference: StateDict = new Map([
    ["layer1", hostTensor("f32", [8, 256], U("ref.q.layer2", [8, 256], 0, 1))],
    ["layer2", hostTensor("f32", [12, 64], U("ref.q.layer3", [12, 64], 0, 1))],
  ]);
  made.loadReference(reference, "fixture");
  return made;
}

/** Both levels with the weights of the fixtures, which are named alike. */
async function filled(optimisers: "shared" | "separate"): Promise<Levels> {
  const made = levels(optimisers);
  const own = [...(await made.modelState())].filter(([name]) => name.startsWith("level"));
  const state: StateDict = new Map();
  for (const k of [1, 2]) {
    const prefix = `level${k}.`;
    const shapes = own
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, { shape }]) => [name.slice(prefix.length), shape] as const);
    // named as the reference's list of levels
    for (const [name, tensor] of fill(new Map(shapes), "fod."))
      state.set(`${k - 1}.${name}`, tensor);
  }
  made.loadModelState(state);
  expect(made.hasReference).toBe(true);
  return made;
}

interface QuirkStep {
  iter: number;
  level: number;
  rec: number;
  loss1: number;
  loss2: number;
  "w0[0,0,0]": number;
  "w1[0,0,0]": number;
  sum_w0: number;
  sum_w1: number;
}
const quirk = golden<{ runs: Record<string, QuirkStep[]> }>("shared-adam-quirk").runs;

const names = toldNames({ intra: true, inter: true });

for (const [optimisers, run] of [
  ["shared", "set_to_none_False"],
  ["separate", "set_to_none_True"],
] as const) {
  test(`three steps with ${optimisers} optimisers are the reference's with ${run}`, async () => {
    const want = quirk[run]!;
    const own = await filled(optimisers);
    own.begin(1e-4);
    for (let iter = 0; iter < 3; iter++) {
      const told = (await device.read(() =>
        own.learn([tokens(device, `q.x0.${iter}`, 256, 8), tokens(device, `q.x1.${iter}`, 64, 12)]),
      )) as Float32Array[];
      const state = await own.modelState();
      const [first, second] = [0, 1].map((level) => want[2 * iter + level]!);
      for (const [i, expected] of [first, second].entries()) {
        const of = (name: string) => told[i]![names.indexOf(name)] as number;
        const { rec, loss1, loss2 } = expected!;
        const [target, entropy] = [
          of("intraDivergence") - of("interDivergence"),
          of("intraEntropy") - of("interEntropy"),
        ];
        const got = [of("rec"), of("rec") + 0.5 * target, of("rec") - 0.5 * target - 0.5 * entropy];
        closeTo(got, [rec, loss1, loss2], { rtol: 1e-4, atol: 0 });
      }
      for (const [k, key] of [
        [1, "w0"],
        [2, "w1"],
      ] as const) {
        const name = `level${k}.embedding.project_embedding.project.weight`;
        const weight = state.get(name)!.data as Float32Array;
        closeTo([weight[0]!], [second![`${key}[0,0,0]`]], { rtol: 0, atol: 2e-6 });
        // the steps of tiny gradients are rounding's: see the fixtures' README
        closeTo([weight.reduce((a, b) => a + b, 0)], [second![`sum_${key}`]], {
          rtol: 0,
          atol: 1e-4,
        });
      }
    }
    own.dispose();
  });
}

test("the two ways part where the reference's do", () => {
  const [shared, separate] = [quirk.set_to_none_False!, quirk.set_to_none_True!];
  // what the tolerances above must tell apart
  expect(Math.abs(shared[2]!.rec / separate[2]!.rec - 1)).toBeGreaterThan(1e-2);
  expect(Math.abs(shared[5]!["w0[0,0,0]"] - separate[5]!["w0[0,0,0]"])).toBeGreaterThan(1e-4);
});

test("a state names its levels and their reference, and comes back bit for bit", async () => {
  const one = levels();
  const state = await one.modelState();
  const starts = new Set([...state.keys()].map((name) => name.split(".")[0]));
  expect([...starts]).toEqual(["level1", "level2", "reference"]);
  expect(state.get("reference.layer2")!.shape).toEqual([12, 64]);
  expect([...(state.get("reference.layer2")!.data as Float32Array)]).toEqual([
    ...U("ref.q.layer3", [12, 64], 0, 1),
  ]);
  const two = new Levels(device, config("shared"), inputs, state);
  expect(two.hasReference).toBe(true);
  expect(await two.modelState()).toEqual(state);
  one.dispose();
  two.dispose();
});

test("states that don't fit are refused and change nothing", async () => {
  const own = levels();
  const before = await own.modelState();
  const refused = (change: (state: StateDict) => void, message: string) => {
    const state = new Map(before);
    change(state);
    expect(() => own.loadModelState(state)).toThrow(message);
  };
  refused((s) => s.delete("level2.projection.bias"), "level2.*: does not fit FOD");
  refused(
    (s) => s.set("level0.projection.bias", hostTensor("f32", [1], Float32Array.of(1))),
    'FOD: names in its state begin with level1., level2., reference., but one is "level0.projection.bias"; give that of a run with the same levels',
  );
  refused(
    (s) => s.delete("reference.layer2"),
    "the model's state: there are no reference features layer2; make them with",
  );
  refused(
    (s) => s.set("reference.layer1", hostTensor("f32", [8, 4], new Float32Array(32))),
    "reference features layer1 are [8, 4] instead of [8, 256]",
  );
  const broken = new Float32Array(12 * 64).fill(1, 1).fill(Number.NaN, 0, 1);
  refused(
    (s) => s.set("reference.layer2", hostTensor("f32", [12, 64], broken)),
    "reference features layer2 hold numbers that are NaN or infinite",
  );
  const list = new Map([["0.projection.bias", hostTensor("f32", [8], new Float32Array(8))]]);
  expect(() => own.loadModelState(list)).toThrow(
    "FOD: it is a list of 1, but the config has 2 levels (1, 2); set levels to those that it was trained with",
  );
  expect(() => own.loadTrainingState(new Map([["other", list.get("0.projection.bias")!]]))).toThrow(
    'FOD: names in its training state begin with level1., level2., but one is "other"',
  );
  expect(await own.modelState()).toEqual(before);
  own.dispose();
});
