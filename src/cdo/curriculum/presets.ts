/**
 * Curricula by name. Those of the fork count progress as it does, e/E, and have no guard, as it has none; their controls differ from
 * them in the schedule alone.
 */
import type { AxesConfig } from "./axes.ts";
import type { CurriculumConfig } from "./config.ts";
import type { OrderConfig } from "./order-config.ts";
import type { StrengthConfig } from "./strength.ts";
import type { WeightConfig } from "./weights-config.ts";

export interface Preset {
  /** One line for a list. */
  readonly about: string;
  /** What a treatment is held against. */
  readonly control?: boolean;
  /** Without `progress` it goes with either. */
  readonly config: CurriculumConfig;
}

const clock: StrengthConfig = { name: "linear", a: 1 };
const five: StrengthConfig = { name: "step", k: 5 };

const fork = (about: string, axes: AxesConfig): Preset => ({
  about,
  config: { progress: "fork", synthesis: { ...axes, guard: false } },
});
const forkFreq = (about: string, schedule: StrengthConfig) => fork(about, { freq: { schedule } });
const control = (preset: Preset): Preset => ({ ...preset, control: true });
const axes = (about: string, synthesis: AxesConfig): Preset => ({ about, config: { synthesis } });
const gamma = (about: string, from: number, to: number, a = 0.8): Preset => ({
  about,
  config: { gamma: { from, to, schedule: { name: "linear", a } } },
});
const order = (about: string, config: OrderConfig): Preset => ({
  about,
  config: { order: config },
});
const weights = (about: string, config: WeightConfig): Preset => ({
  about,
  config: { weights: config },
});

const table = {
  "amp-linear": fork("fork: noise of ever less contrast", { amp: { most: 1, schedule: clock } }),
  "amp-step5": fork("fork: contrast falls in five steps", { amp: { most: 1, schedule: five } }),
  "freq-linear": forkFreq("fork: noise of ever coarser structure", clock),
  "freq-step5": forkFreq("fork: coarser in five steps", five),
  "freq-funcstep5": forkFreq("fork: coarser in five steps, quadratic", { ...five, p: 2 }),
  "alpha-4-0.6": fork("fork: the image shines through, up to 0.6 t^4", {
    alpha: { exponent: 4, most: 0.6, schedule: clock },
  }),
  "freq+alpha": fork("fork: coarser in five steps and shining through", {
    freq: { schedule: five },
    alpha: { exponent: 4, most: 0.6, schedule: clock },
  }),
  "gauss-freq-0.1": forkFreq("fork: coarser, drawn around t for each image", {
    ...{ name: "gaussian", sigma: 0.1, mean: clock },
  }),
  "random-freq": control(
    forkFreq("fork's control: any coarseness at any time", { name: "random" }),
  ),
  "anti-freq": control(forkFreq("from coarse to fine", { ...clock, reversed: true })),
  "constant-hard": control({
    about: "coarsest noise at all times",
    config: { synthesis: { freq: { schedule: { name: "constant", c: 1 } }, guard: false } },
  }),
  "constant-easy": control({
    about: "finest low-passed noise at all times",
    config: { synthesis: { freq: { schedule: { name: "constant", c: 0 } }, guard: false } },
  }),
  selector: {
    about: "a bandit (EXP3) chooses texture, opacity and level by learning progress",
    config: { synthesis: { selector: { method: "exp3" } } },
  },
  "selector-fork": {
    about: "fork's NoiseSelector, repaired: greedy over five epochs, strengths drawn",
    config: {
      progress: "fork",
      synthesis: {
        selector: {
          ...{ method: "greedy", levels: 1 },
          axes: { amp: { most: 1 }, freq: {}, alpha: {}, guard: false },
        },
      },
    },
  },
  mastery: {
    about: "coarser and shining through once the network finds what it is shown",
    config: { synthesis: { gate: { axes: { freq: {}, alpha: { exponent: 1 } } } } },
  },
  plateau: {
    about: "coarser in five steps, each when the loss stops falling",
    config: { synthesis: { plateau: { axes: { freq: {} } } } },
  },
  "source-linear": axes("from noise to pieces of the image itself", { source: {} }),
  "size-linear": axes("from large patches to small ones", { size: {} }),
  "count-linear": axes("from many patches to few", { count: {} }),
  "shape-linear": axes("from rectangles to blobs and slivers", { shape: {} }),
  "colour-linear": axes("from free colours to those that are covered", { colour: {} }),
  "oom-warmup": gamma("γ from 0 to 2 over half of the training", 0, 2, 0.5),
  "oom-selfpaced": gamma("γ from -1 to 2: easy pixels first", -1, 2),
  "oom-anti": control(gamma("γ from 2 to 0", 2, 0)),
  "oom-const": control(gamma("γ 2 at all times, the paper's", 2, 2)),
  "order-teacher": order("images that the expert finds usual first", {}),
  "order-anti": control(order("images that the expert finds unusual first", { ordering: "anti" })),
  "order-random": control(order("the same pacing in a random order", { ordering: "random" })),
  babysteps: order("usual images first, one bucket more at a time", {
    pacing: { name: "baby-steps" },
  }),
  onepass: control(order("one bucket of images at a time", { pacing: { name: "one-pass" } })),
  "spl-hard": weights("self-paced: only the images with a small loss", { name: "hard" }),
  "spl-linear": weights("self-paced: less weight for a larger loss", { name: "linear" }),
  "spl-log": weights("self-paced: logarithmic weights", { name: "log" }),
  "spl-mixture": weights("self-paced: between hard and soft", { name: "mixture" }),
  superloss: weights("less weight for a loss above the mean of the batch", { name: "superloss" }),
  ohem: weights("only the images with a large loss", { name: "ohem" }),
  focal: weights("more weight for a larger loss", { name: "focal" }),
} as const satisfies Readonly<Record<string, Preset>>;

export type PresetName = keyof typeof table;

export const curriculumPresets: Readonly<Record<PresetName, Preset>> = table;
export const presetNames = Object.keys(table) as readonly PresetName[];
