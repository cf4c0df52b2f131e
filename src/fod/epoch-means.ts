/** Means over an epoch of what each step tells, for the log. They go on where a training was stopped. */
import { jsonOf, jsonTensor } from "../detector/index.ts";
import type { StateDict } from "../models/index.ts";
import type { FodConfig } from "./config.ts";
import { toldNames } from "./losses.ts";

const entry = "epoch";

export class EpochMeans {
  /** After as many steps the next one begins a new epoch. */
  stepsPerEpoch: number = Number.POSITIVE_INFINITY;
  readonly #levels: readonly number[];
  readonly #names: readonly string[];
  #steps = 0;
  #sums: readonly number[] = [];

  constructor(config: Pick<FodConfig, "levels" | "intra" | "inter">) {
    this.#levels = config.levels;
    this.#names = toldNames(config);
  }

  /** @param values what a step told: `toldNames` of each level */
  add(values: ArrayLike<number>): void {
    if (this.#steps >= this.stepsPerEpoch) {
      this.#steps = 0;
      this.#sums = [];
    }
    this.#steps++;
    this.#sums = Array.from(values, (v, i) => v + (this.#sums[i] ?? 0));
  }

  scalars(): Record<string, number> {
    const scalars: Record<string, number> = {};
    this.#levels.forEach((level, i) => {
      const mean = (name: string) => {
        const at = this.#names.indexOf(name);
        const sum = this.#sums[i * this.#names.length + at];
        return at < 0 || sum === undefined ? undefined : sum / this.#steps;
      };
      const [intra, inter] = [mean("intraDivergence"), mean("interDivergence")];
      const told = {
        rec: mean("rec"),
        target:
          intra === undefined && inter === undefined ? undefined : (intra ?? 0) - (inter ?? 0),
        intraEntropy: mean("intraEntropy"),
        interEntropy: mean("interEntropy"),
      };
      for (const [name, value] of Object.entries(told)) {
        if (value !== undefined) scalars[`${name}${level}`] = value;
      }
    });
    return scalars;
  }

  state(): StateDict {
    const { stepsPerEpoch } = this;
    const value = { steps: this.#steps, sums: this.#sums, stepsPerEpoch };
    return new Map([[entry, jsonTensor(value)]]);
  }

  /** Takes its own entry out of a training state. */
  loadState(state: StateDict): StateDict {
    const rest = new Map(state);
    rest.delete(entry);
    const { steps, sums, stepsPerEpoch } =
      jsonOf(state.get(entry), "fod: the sums of the epoch") ?? {};
    this.#steps = Number(steps ?? 0);
    this.#sums = Array.isArray(sums) ? sums.map(Number) : [];
    if (typeof stepsPerEpoch === "number") this.stepsPerEpoch = stepsPerEpoch;
    return rest;
  }
}
