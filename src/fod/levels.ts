/** All levels together: a step of training, in which one may move the others; maps; and their state. */
import type { Device, Rng, Tensor } from "../core/index.ts";
import { prefixed, split } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import { GradScaler, matchState, requireMatch, type StateDict } from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import { Level, type LevelInput } from "./level.ts";
import { scoredBranches, scoreMap } from "./score.ts";

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
    const [state, rng] = weights instanceof Map ? [weights] : [undefined, weights];
    try {
      if (config.precision === "f16") this.#scaler = new GradScaler(device);
      inputs.forEach((input, i) => void made.push(new Level(device, config, i, input, rng)));
      if (state) this.loadModelState(state);
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
    return this.#levels.reduce((sum, level) => sum + level.bytes, 0);
  }

  get optimiserBytes(): number {
    return this.#levels.reduce((sum, { optimiser }) => sum + optimiser.bytes, 0);
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
    const scaler = this.#scaler;
    return this.#levels.map((level, i) => {
      const { told, skip } = level.learn(tokens[i] as Tensor, scaler);
      if (this.#config.optimisers === "shared") {
        // reference: the gradients of the others that its zero_grad has left as zeros
        const others = this.#levels.filter((other) => other !== level);
        for (const { optimiser } of others) optimiser.step({ skip, zero: true });
      }
      scaler?.update();
      return told;
    });
  }

  /**
   * Maps before they are smoothed.
   * @param tokens `[N, L, C]` of each level of the config
   * @returns `[N, side, side]`
   */
  score(tokens: readonly Tensor[], side: number): Tensor {
    const compare = scoredBranches(this.#config);
    const scored = this.#levels.map((level, i) => ({
      scores: level.score(tokens[i] as Tensor, compare),
      grid: level.network.shape.grid,
    }));
    return scoreMap(scored, side);
  }

  /** `level<k>.` and the reference code's names, k the place in the frozen network; `reference.` and the names of its files. */
  async modelState(): Promise<StateDict> {
    const parts = this.#levels.map(async ({ prefix, network }) =>
      prefixed(prefix, await network.stateDict()),
    );
    const reference = this.#hasReference ? await this.referenceFeatures() : new Map();
    return joined([...(await Promise.all(parts)), prefixed(referencePrefix, reference)]);
  }

  /**
   * As `modelState` gave it, with or without the reference; or the list of levels that the reference code saves, whose names
   * begin with `0.`, `1.` and so on, without.
   * @throws LoupeError `checkpoint` for another state; nothing is changed then
   */
  loadModelState(state: StateDict): void {
    const [reference, own] = split(referencePrefix, state);
    const named = this.#namedByLevel(own);
    this.#refuseStray("state", [...named.keys()], [referencePrefix]);
    const take =
      reference.size > 0 ? this.#takeReference("the model's state", reference) : undefined;
    const parts = this.#levels.map(({ prefix, network }) => {
      const [part] = split(prefix, named);
      const names = { model: `${network}`, file: `${prefix}*` };
      requireMatch(matchState(network.stateShapes(), part), names);
      return part;
    });
    this.#levels.forEach(({ network }, i) => void network.loadStateDict(parts[i] as StateDict));
    take?.();
  }

  /** Names of a list of levels, `<place>.<name>`, as ours; others stay. */
  #namedByLevel(state: StateDict): StateDict {
    const places = new Set([...state.keys()].map((name) => /^(\d+)\./.exec(name)?.[1]));
    if (places.size === 0 || places.has(undefined)) return state;
    const { levels } = this.#config;
    if (places.size !== levels.length) {
      const rule = `it is a list of ${places.size}, but the config has ${levels.length} levels`;
      const next = "set levels to those that it was trained with";
      throw new LoupeError("checkpoint", `FOD: ${rule} (${levels.join(", ")}); ${next}`);
    }
    return joined(this.#levels.map(({ prefix }, i) => prefixed(prefix, split(`${i}.`, state)[0])));
  }

  /** Throws for a name that belongs to no level. */
  #refuseStray(what: string, names: readonly string[], others: readonly string[] = []): void {
    const prefixes = this.#levels.map(({ prefix }) => prefix);
    const stray = names.find((name) => !prefixes.some((prefix) => name.startsWith(prefix)));
    if (stray === undefined) return;
    const known = [...prefixes, ...others].join(", ");
    const rule = `names in its ${what} begin with ${known}, but one is`;
    const next = "give that of a run with the same levels";
    throw new LoupeError(
      "checkpoint",
      `FOD: ${rule} ${JSON.stringify(stray.slice(0, 100))}; ${next}`,
    );
  }

  /** `layer<k>`: `[C, h · w]` of each level. */
  async referenceFeatures(): Promise<StateDict> {
    return joined(await Promise.all(this.#levels.map((level) => level.referenceFeatures())));
  }

  /**
   * @param features `layer<k>`: `[C, h · w]`, of each level; more may be there
   * @param file for messages
   * @throws LoupeError `checkpoint` for others; nothing is changed then
   */
  loadReference(features: StateDict, file: string): void {
    this.#takeReference(file, features)();
  }

  #takeReference(file: string, features: StateDict): () => void {
    const takes = this.#levels.map((level) => level.takeReference(file, features));
    return () => {
      for (const take of takes) take();
      this.#hasReference = true;
    };
  }

  async trainingState(): Promise<StateDict> {
    const moments = this.#levels.map(async ({ prefix, optimiser }) =>
      prefixed(prefix, await optimiser.stateDict()),
    );
    const scale = (await this.#scaler?.stateDict()) ?? new Map();
    return joined([...(await Promise.all(moments)), prefixed(scalerPrefix, scale)]);
  }

  /** After `loadModelState`. */
  loadTrainingState(state: StateDict): void {
    const [scale, moments] = this.#scaler ? split(scalerPrefix, state) : [undefined, state];
    if (scale) this.#scaler?.checkState(scale);
    this.#refuseStray("training state", [...moments.keys()]);
    for (const { prefix, optimiser } of this.#levels) {
      optimiser.loadStateDict(split(prefix, moments)[0]);
    }
    if (scale) this.#scaler?.loadStateDict(scale);
  }

  dispose(): void {
    this.#scaler?.dispose();
    for (const level of this.#levels) level.dispose();
  }
}

function joined(parts: readonly StateDict[]): StateDict {
  return new Map(parts.flatMap((part) => [...part]));
}
