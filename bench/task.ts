/** What a benchmark is: work of known size, and a check of its answer. */
import type { Device, Precision, Tensor } from "../src/core/index.ts";

/** What one run does. */
export type Work =
  | { readonly flops: number }
  /** Read and written, each byte once. */
  | { readonly bytes: number }
  | { readonly images: number };

/** One thing to measure. */
export interface Task {
  readonly name: string;
  readonly work: Work;
  /** Makes the inputs, which is not timed. */
  open(device: Device): Job | Promise<Job>;
}

/** A task with its inputs on a device. */
export type Job = (
  | {
      /** Queues the work; what it makes is freed. Several tensors are one answer, one after the other. */
      readonly queue: () => Tensor | readonly Tensor[];
    }
  | {
      /** Does the work and waits for its result: for what begins or ends outside the GPU. */
      readonly wait: () => Promise<ArrayLike<number>>;
    }
) & {
  /** Compiles what the work needs; part of the first call's time. */
  readonly prepare?: () => Promise<void>;
  /** The call whose answer is checked, from 1, for work that leads somewhere step by step. Default 1. */
  readonly checkedCall?: number;
  /** Throws when the answer is wrong. */
  readonly check: (answer: ArrayLike<number>) => void;
  readonly close?: () => void;
};

/** What a task's name ends with. */
export const suffixOf = (precision: Precision): string => (precision === "f16" ? ", f16" : "");

/** How much coarser answers are: halves have 11 bits, and inputs are rounded to them. */
export const coarseness = (precision: Precision): number => (precision === "f16" ? 30 : 1);

/** Arrays one after the other. */
export function joined(parts: readonly ArrayLike<number>[]): Float32Array {
  const out = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A value and where it stands. */
export type Point = readonly [index: number, value: number];

/** A check against a few values computed on the host. */
export function near(expected: readonly Point[], rtol = 1e-4, atol = rtol) {
  return (answer: ArrayLike<number>): void => {
    if (expected.length === 0) throw new Error("a check without a value checks nothing");
    for (const [i, want] of expected) {
      const got = answer[i] ?? Number.NaN;
      if (!(Math.abs(got - want) <= atol + rtol * Math.abs(want))) {
        throw new Error(`wrong answer at ${i}: got ${got}, expected ${want}`);
      }
    }
  };
}
