/**
 * The exponential moving average of a network's weights, in a second network of the same kind: often steadier than the last
 * weights. Polyak averaging as in timm's `ModelEma`, BatchNorm's statistics included.
 *
 *   w̄ ← β w̄ + (1 − β) w after each step t = 0, 1, …,  β = min(decay, (1 + t) / (10 + t))
 *
 * The smaller β of the first steps forgets the weights that training began with, which a short training would otherwise keep.
 */
import { copyElements, everyRun, launch, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { weightAverageKernel } from "../../kernels/index.ts";
import type { Module } from "../nn/index.ts";

/**
 * @example
 * const average = new WeightAverage(student, averaged, 0.999);
 * average.step = t;
 * optimiser.step();
 * average.update();
 */
export class WeightAverage {
  /** The step that `update` follows, from 0. */
  step = 0;
  readonly #decay: number;
  readonly #pairs: readonly (readonly [Tensor, Tensor])[];
  readonly #share: Tensor;
  #written = Number.NaN;

  /** @param averaged takes the average, and begins with the network's weights */
  constructor(network: Module, averaged: Module, decay: number) {
    if (!(decay >= 0 && decay < 1)) {
      throw new LoupeError("config", `WeightAverage: decay must be in [0, 1), got ${decay}`);
    }
    const to = new Map(averaged.namedTensors());
    this.#pairs = network.namedTensors().map(([name, from]) => {
      const other = to.get(name);
      if (other?.shape.join() === from.shape.join()) return [from, other];
      const text = `${name} is ${from} and ${other ?? "missing"} in the second network`;
      throw new LoupeError("config", `WeightAverage: ${text}; make two of one kind`);
    });
    const [first] = this.#pairs;
    if (!first || to.size !== this.#pairs.length) {
      const sizes = `${this.#pairs.length} and ${to.size}`;
      throw new LoupeError("config", `WeightAverage: the networks have ${sizes} tensors`);
    }
    this.#decay = decay;
    this.#share = first[0].device.zeros([]).keep();
    for (const [from, average] of this.#pairs) copyElements(from, average);
  }

  /** Moves the average towards the weights of now. Can be part of a recorded step. */
  update(): void {
    everyRun(this.#share.device, () => this.#advance());
    for (const [from, average] of this.#pairs) {
      if (from.size) launch(weightAverageKernel(from.size), [from, this.#share], [average]);
    }
  }

  #advance(): void {
    const share = 1 - Math.min(this.#decay, (1 + this.step) / (10 + this.step));
    if (share === this.#written) return;
    this.#share.device.write(this.#share, [share]);
    this.#written = share;
  }

  /** Frees what is its own; the networks are not. */
  dispose(): void {
    this.#share.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
