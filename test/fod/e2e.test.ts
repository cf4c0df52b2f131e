/**
 * The reference code's own run, `create_ref_features.main` and `Trainer.train`, at its true sizes: 256 × 256, 1024 and 256 tokens, widths
 * 256 and 512, one training image, two epochs, three test images; its frozen network is a stub.
 */
import { expect, test } from "vitest";
import {
  avgPool2d,
  matmul,
  noGrad,
  Rng,
  relu,
  reshape,
  type Tensor,
} from "../../src/core/index.ts";
import type { Batch } from "../../src/data/index.ts";
import { normalise } from "../../src/data/index.ts";
import { smoothed } from "../../src/detector/index.ts";
import { fodConfig, streamReference, tokensOf } from "../../src/fod/index.ts";
import { Levels } from "../../src/fod/levels.ts";
import { toldNames } from "../../src/fod/losses.ts";
import { evaluate } from "../../src/metrics/index.ts";
import type { StateDict } from "../../src/models/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { publishedImage } from "../golden-pixels.ts";
import { fill, U } from "../golden-u.ts";
import { closeToSummary, golden, type Summary } from "./golden.ts";

const device = await testDevice();
const side = 256;

interface Epoch {
  per_level_losses: Record<string, [number, number]>;
  image_auc: number;
  image_scores: number[];
  pixel_auc: number;
  score_maps_unsmoothed: Summary[];
}
interface Run {
  ref_features_pickle: Record<string, Summary>;
  epochs: Epoch[];
  final_weights: Record<string, Summary>[];
}
const want = golden<Run>("trainer-e2e");

type Rect = readonly [top: number, bottom: number, left: number, right: number, value: number];

/** The fixture's image, normalised, with a rectangle of one grey. */
function image(name: string, rect?: Rect): Float32Array<ArrayBuffer> {
  const made = publishedImage(name, side, side);
  const [top, bottom, left, right, value] = rect ?? [0, 0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    made.data.fill(value, (y * side + left) * 3, (y * side + right) * 3);
  }
  const out = new Float32Array(made.data.length);
  normalise(made, out);
  return out;
}

/** relu of a mix of the colours of each cell. */
function stub(images: Tensor): Tensor[] {
  return [64, 32, 16].map((cells, i) => {
    const channels = 4 * (i + 1);
    const pooled = avgPool2d(images, { kernelSize: side / cells });
    const weight = device.tensor(U(`stub.w${i + 1}`, [channels, 3]), [channels, 3]);
    const mixed = matmul(reshape(pooled, [-1, 3]), weight, { transposeB: true });
    return relu(reshape(mixed, [images.shape[0] as number, cells, cells, channels]));
  });
}

async function* trainingSet(): AsyncGenerator<Batch> {
  const rest = { masks: new Float32Array(side * side), labels: new Uint8Array(1), paths: ["e2e"] };
  yield { size: 1, side, images: image("e2e.train"), ...rest, indices: new Uint32Array(1) };
}

const inputs = [
  { channels: 8, grid: [32, 32] },
  { channels: 12, grid: [16, 16] },
] as const;

/** Both networks with the fixture's weights. */
async function trainedLevels(reference: StateDict): Promise<Levels> {
  const config = fodConfig({ backbone: "resnet18" });
  const levels = new Levels(device, config, inputs, new Rng(1));
  const state = await levels.modelState();
  const filled: StateDict = new Map();
  for (const prefix of ["level1.", "level2."]) {
    const own = [...state].filter(([name]) => name.startsWith(prefix));
    const shapes = new Map(own.map(([name, { shape }]) => [name.slice(prefix.length), shape]));
    for (const [name, tensor] of fill(shapes, "fod.")) filled.set(prefix + name, tensor);
  }
  levels.loadModelState(filled);
  levels.loadReference(reference, "fixture");
  levels.begin(config.learningRate);
  return levels;
}

/** Of the two coarser levels. */
const tokens = (data: Float32Array<ArrayBuffer>) =>
  noGrad(() =>
    stub(device.tensor(data, [1, side, side, 3]))
      .slice(1)
      .map(tokensOf),
  );

/**
 * After a step of Adam, whose size gradients of rounding have too, the reference code itself is this far from its arithmetic in f64: the
 * coarser level's target is -1.216907 and -1.221745 in epoch 2, ours -1.221746.
 */
const noise = [1e-3, 1e-2];

/** Checks what a step told against an epoch of the fixture. */
function checkLosses(told: readonly Float32Array[], epoch: Epoch): void {
  const names = toldNames({ intra: true, inter: true });
  const losses = epoch.per_level_losses;
  for (const [i, values] of told.entries()) {
    const of = (name: string) => values[names.indexOf(name)]!;
    const wanted = (name: string) => losses[name]![i]!;
    const got = ["rec", "intraEntropy", "interEntropy"].map(of);
    closeTo(got, ["rec", "intra_entropy", "inter_entropy"].map(wanted), { rtol: 1e-3, atol: 0 });
    // see `noise`; a difference of two larger numbers
    const [intra, inter] = [of("intraDivergence"), of("interDivergence")];
    const atol = 1e-3 * (intra + inter);
    closeTo([intra - inter], [wanted("target(intra2-inter2)")], { rtol: 0, atol });
  }
}

/** The defects of the test images; the last one is good. */
const defects: readonly Rect[] = [
  [60, 120, 80, 140, 250],
  [150, 190, 30, 90, 10],
];
const masks = [...defects, undefined].map((rect) => {
  const mask = new Uint8Array(side * side);
  const [top, bottom, left, right] = rect ?? [0, 0, 0, 0];
  for (let y = top; y < bottom; y++) mask.fill(1, y * side + left, y * side + right);
  return mask;
});

test("the reference code's run of two epochs: reference features, losses, maps, scores, AUROCs", async () => {
  const { features } = await streamReference(device, stub, [0, 1, 2], trainingSet());
  for (const [name, summary] of Object.entries(want.ref_features_pickle)) {
    closeToSummary(features.get(name)!.data as Float32Array, summary, { rtol: 1e-5, atol: 1e-6 });
  }
  const levels = await trainedLevels(features);
  const tests = [image("e2e.bad0", defects[0]), image("e2e.bad1", defects[1]), image("e2e.good")];
  expect(want.epochs.length).toBe(2);
  for (const [e, epoch] of want.epochs.entries()) {
    const rtol = noise[e]!;
    const learn = () => levels.learn(tokens(image("e2e.train")));
    checkLosses((await device.read(learn)) as Float32Array[], epoch);
    const rawMaps: Float32Array[] = [];
    const maps: Float32Array[] = [];
    for (const [i, data] of tests.entries()) {
      const [raw, map] = (await device.read(() => {
        const raw = noGrad(() => levels.score(tokens(data), side));
        return [raw, smoothed(raw, 4)];
      })) as Float32Array[];
      const summary = epoch.score_maps_unsmoothed[i]!;
      closeToSummary(raw!, summary, { rtol, atol: rtol * summary.mean });
      closeTo([Math.max(...map!)], [epoch.image_scores[i]!], { rtol, atol: 0 });
      rawMaps.push(raw!);
      maps.push(map!);
    }
    const found = { rawMaps, maps, masks, labels: [1, 1, 0] };
    const { metrics } = evaluate({ ...found, height: side, width: side }, { protocol: "fod" });
    expect(metrics.i_roc).toBe(epoch.image_auc);
    closeTo([metrics.p_roc!], [epoch.pixel_auc], { rtol: 0, atol: rtol });
  }
  levels.dispose();
});
