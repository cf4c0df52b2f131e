/**
 * How the referee talks to an engine in its own process: a JSON request a line to its standard input, a reply a line from its
 * standard output, marked, since libraries print there too.
 */

import type { AdapterInfo } from "../../src/core/index.ts";

/** Tasks under short names. */
export type TaskKey =
  | "matmul"
  | "conv"
  | "conv-gradients"
  | "sum-0"
  | "sum-1"
  | "resnet18"
  | "sgd-step"
  | "attention"
  | "cfa-step"
  | "cfa-map"
  | "fod-step"
  | "fod-map";

export type Request =
  /** Makes the inputs, runs once, and says how long that took. */
  | { readonly do: "open"; readonly task: TaskKey }
  | { readonly do: "run"; readonly runs: number }
  /** Values of the last answer at these places, in our layouts. */
  | { readonly do: "values"; readonly at: readonly number[] }
  | { readonly do: "close" };

export interface Reply {
  readonly ready?: boolean;
  /** What the engine is and runs on. */
  readonly about?: string;
  readonly adapter?: AdapterInfo;
  readonly firstMs?: number;
  readonly ms?: readonly number[];
  /** Least CPU time of a run over all cores, where the engine can tell. */
  readonly cpuMs?: number;
  readonly values?: readonly number[];
  readonly error?: string;
}

export const marker = "@reply ";

/** A task with its inputs, in an engine. */
export interface Opened {
  /** Does the work and waits until it is done. */
  run(): Promise<void>;
  /** The last answer, in our layouts. */
  answer(): Promise<ArrayLike<number>>;
  close(): void;
}

/** An engine as the referee sees it. What goes wrong is a reply. */
export interface Player {
  /** The first reply, which says what the engine is. */
  ready(ms: number): Promise<Reply>;
  ask(request: Request, ms: number): Promise<Reply>;
  stop(): void;
}

export interface Engine {
  readonly about: string;
  /** Ours says all about it. */
  readonly adapter?: AdapterInfo;
  readonly tasks: Readonly<Partial<Record<TaskKey, () => Opened | Promise<Opened>>>>;
  /** The first error that the GPU reported and nobody caught. */
  failure(): string | undefined;
}
