/** The networks of all levels with what moves them: a step of training, scores, and their state. */
import { backward, type Device, type Rng, type Tensor, withPrecision } from "../core/index.ts";
import { prefixed, split } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  Adam,
  GradScaler,
  hostTensor,
  matchState,
  requireMatch,
  type StateDict,
} from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import type { Grid } from "./embedding.ts";
import { levelLoss } from "./losses.ts";
import { LevelNetwork } from "./model.ts";
import { layerName, referenceTokens, transposed } from "./reference.ts";
import { scoredBranches, scoreMap, tokenScores } from "./score.ts";

/** What the frozen network gives on one of its levels. */
export interface LevelInput {
  readonly channels: number;
  readonly grid: Grid;
}

interface Level {
  /** Of the frozen network's, from 0. */
  readonly index: number;
  readonly network: LevelNetwork;
  readonly optimiser: Adam;
  /** `[1, L, C]`, where the inter branch is on. */
  readonly reference: Tensor | undefined;
}

const levelPrefix = (index: number) => `level${index}.`;
const referencePrefix = "reference.";
const scalerPrefix = "scaler.";

export class Levels {
  readonly #config: FodConfig;
  readonly #levels: readonly Level[];
  readonly #scaler: GradScaler | undefined;
  #hasReference: boolean;

  /**
   * What fails leaves nothing on the device.
   * @param inputs of each level of the config, in its order
   * @param weights a stream to draw them from, or the state that `modelState` gave
   */
  constructor(
    device: Device,
    config: FodConfig,
    inputs: readonly LevelInput[],
    weights: Rng | StateDict,
  ) {
    this.#config = config;
    this.#hasReference = !config.inter;
    const made: Level[] = [];
    this.#levels = made;
    try {
      if (config.precision === "f16") this.#scaler = new GradScaler(device);
      for (const [i, input] of inputs.entries())
        made.push(makeLevel(device, config, i, input, weights));
      if (weights instanceof Map) this.loadModelState(weights);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Whether there is a reference, if one is needed. */
  get hasReference(): boolean {
    return this.#hasReference;
  }

  /** Parameters and the reference. */
  get bytes(): number {
    return this.#levels.reduce((n, l) => n + l.network.bytes + (l.reference?.bytes ?? 0), 0);
  }

  get optimiserBytes(): number {
    return this.#levels.reduce((n, { optimiser }) => n + optimiser.bytes, 0);
  }

  /** Before a step: what of it depends on the clock. */
  begin(learningRate: number): void {
    for (const { optimiser } of this.#levels) optimiser.lr = learningRate;
  }

  /**
   * One step of each level, finest first. With shared optimisers a level's step moves the others too: see `FodConfig.optimisers`.
   * @param tokens `[N, L, C]` of each level of the config
   * @returns what `toldNames` lists, of each level `[n]`
   */
  learn(tokens: readonly Tensor[]): Tensor[] {
    const { intra, inter, optimisers, precision } = this.#config;
    return this.#levels.map((level, i) => {
      const { network, optimiser, reference } = level;
      const x = tokens[i] as Tensor;
      const made = withPrecision(precision, () => network.forward(x, reference, { intra, inter }));
      const { total, told } = levelLoss(x, made, this.#config);
      backward(total, this.#scaler?.currentScale(), { freeGraph: true });
      const trained = network.trained().map(([, tensor]) => tensor);
      const skip = this.#scaler?.unscale(trained).foundInf;
      optimiser.step({ skip });
      optimiser.zeroGrad();
      if (optimisers === "shared") {
        // reference: of levels whose gradients its zero_grad has left as zeros
        for (const other of this.#levels) {
          if (other !== level) other.optimiser.step({ skip, zero: true });
        }
      }
      this.#scaler?.update();
      return told;
    });
  }

  /**
   * Maps before they are smoothed.
   * @param tokens `[N, L, C]` of each level of the config
   * @returns `[N, side, side]`
   */
  score(tokens: readonly Tensor[], side: number): Tensor {
    const { precision } = this.#config;
    const compare = scoredBranches(this.#config);
    const levels = this.#levels.map(({ network, reference }, i) => {
      const x = tokens[i] as Tensor;
      const scores = x.device.scope(() =>
        tokenScores(
          x,
          withPrecision(precision, () => network.forward(x, reference, compare)),
        ),
      );
      return { scores, grid: network.shape.grid };
    });
    return scoreMap(levels, side);
  }

  /** Names of the levels are the places in the frozen network; behind them the reference's, and reference features as its files. */
  async modelState(): Promise<StateDict> {
    const parts = await Promise.all(
      this.#levels.map(async ({ index, network }) =>
        prefixed(levelPrefix(index), await network.stateDict()),
      ),
    );
    const reference = this.#hasReference ? await this.referenceFeatures() : new Map();
    return new Map([
      ...parts.flatMap((part) => [...part]),
      ...prefixed(referencePrefix, reference),
    ]);
  }

  /**
   * As `modelState` gave it, with or without the reference; or the list of levels that the reference code saves, whose names
   * begin with `0.`, `1.` and so on, without.
   * @throws LoupeError `checkpoint` for another state; nothing is changed then
   */
  loadModelState(state: StateDict): void {
    const [reference, own] = split(referencePrefix, state);
    const levels = namedByLevel(own, this.#config.levels);
    const stray = [...levels.keys()].find(
      (name) => !this.#levels.some(({ index }) => name.startsWith(levelPrefix(index))),
    );
    if (stray !== undefined) {
      const name = JSON.stringify(stray.slice(0, 100));
      const known = this.#levels.map(({ index }) => levelPrefix(index)).join(", ");
      const rule = `names here begin with ${known} or ${referencePrefix}, but one is ${name}`;
      const next = "give the state of a fod run with the same levels";
      throw new LoupeError("checkpoint", `FOD: ${rule}; ${next}`);
    }
    const tokens = reference.size > 0 ? this.#tokensOf("the model's state", reference) : undefined;
    const parts = this.#levels.map(({ network, index }) => {
      const [part] = split(levelPrefix(index), levels);
      const names = { model: `${network}`, file: `${levelPrefix(index)}*` };
      requireMatch(matchState(network.stateShapes(), part), names);
      return part;
    });
    this.#levels.forEach(({ network }, i) => {
      network.loadStateDict(parts[i] as StateDict);
    });
    if (tokens) this.#setReference(tokens);
  }

  /** `layer<k>`: `[C, h · w]` of each level. */
  async referenceFeatures(): Promise<StateDict> {
    const entries = this.#levels.flatMap(({ index, reference }) =>
      reference ? [{ name: layerName(index), reference }] : [],
    );
    const read = entries.map(async ({ name, reference }) => {
      const [, length, channels] = reference.shape as [number, number, number];
      const data = transposed((await reference.data()) as Float32Array, length, channels);
      return [name, hostTensor("f32", [channels, length], data)] as const;
    });
    return new Map(await Promise.all(read));
  }

  /**
   * @param features `layer<k>`: `[C, h · w]`, of each level; more may be there
   * @param file for messages
   */
  loadReference(features: StateDict, file: string): void {
    this.#setReference(this.#tokensOf(file, features));
  }

  /** Checks everything before anything is changed. */
  #tokensOf(file: string, features: StateDict) {
    return this.#levels.map(({ index, network, reference }) => {
      if (!reference) return undefined;
      const { grid, channels } = network.shape;
      const size = [grid[0] * grid[1], channels] as const;
      return referenceTokens(file, features, layerName(index), size);
    });
  }

  #setReference(tokens: readonly (Float32Array<ArrayBuffer> | undefined)[]): void {
    this.#levels.forEach(({ reference }, i) => {
      const data = tokens[i];
      if (reference && data) reference.device.write(reference, data);
    });
    this.#hasReference = true;
  }

  async trainingState(): Promise<StateDict> {
    const moments = await Promise.all(
      this.#levels.map(async ({ index, optimiser }) =>
        prefixed(levelPrefix(index), await optimiser.stateDict()),
      ),
    );
    const scale = await this.#scaler?.stateDict();
    return new Map([
      ...moments.flatMap((part) => [...part]),
      ...prefixed(scalerPrefix, scale ?? new Map()),
    ]);
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    const [scale, others] = this.#scaler ? split(scalerPrefix, state) : [undefined, state];
    if (scale) this.#scaler?.checkState(scale);
    const prefixes = this.#levels.map(({ index }) => levelPrefix(index));
    const stray = [...others.keys()].find((name) => !prefixes.some((p) => name.startsWith(p)));
    if (stray !== undefined) {
      const name = JSON.stringify(stray.slice(0, 100));
      const next = "give the training state of a fod run with the same levels";
      throw new LoupeError("checkpoint", `FOD: the training state has ${name}; ${next}`);
    }
    for (const { index, optimiser } of this.#levels) {
      const [own] = split(levelPrefix(index), others);
      optimiser.loadStateDict(own);
    }
    if (scale) this.#scaler?.loadStateDict(scale);
  }

  dispose(): void {
    this.#scaler?.dispose();
    for (const { network, optimiser, reference } of this.#levels) {
      optimiser.dispose();
      network.dispose();
      reference?.dispose();
    }
  }
}

function makeLevel(
  device: Device,
  config: FodConfig,
  i: number,
  { channels, grid }: LevelInput,
  weights: Rng | StateDict,
): Level {
  const { heads, layers, intra, inter, learningRate: lr } = config;
  const index = config.levels[i] as number;
  const width = config.widths[i] as number;
  const rng = weights instanceof Map ? undefined : weights.fork(levelPrefix(index));
  const shape = { channels, width, heads, layers, grid, intra, inter };
  const network = new LevelNetwork({ device, rng }, shape);
  try {
    const optimiser = new Adam(network.trained(), { lr });
    const tokens = [1, grid[0] * grid[1], channels];
    return {
      index,
      network,
      optimiser,
      reference: inter ? device.zeros(tokens).keep() : undefined,
    };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** Names of a list of levels, `<place>.<name>`, as ours; others stay. */
function namedByLevel(state: StateDict, levels: readonly number[]): StateDict {
  const isList = state.size > 0 && [...state.keys()].every((name) => /^\d+\./.test(name));
  if (!isList) return state;
  const places = new Set([...state.keys()].map((name) => Number.parseInt(name, 10)));
  if (places.size !== levels.length) {
    const rule = `it holds ${places.size} levels, but the config has ${levels.length}`;
    const next = `set levels to those that it was trained with`;
    throw new LoupeError("checkpoint", `FOD: ${rule} (${levels.join(", ")}); ${next}`);
  }
  return new Map(
    [...state].map(([name, tensor]) => {
      const [, place, rest] = /^(\d+)\.(.*)$/s.exec(name) as unknown as [string, string, string];
      return [levelPrefix(levels[Number(place)] ?? -1) + rest, tensor];
    }),
  );
}
