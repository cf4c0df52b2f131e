/**
 * Threads that make training items. Which thread makes an item follows from the place of its sample, so each keeps its
 * own share of the images in memory; what an item looks like does not depend on it.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type ErrorCode, LoupeError } from "../error.ts";
import type { Sample } from "./dataset.ts";
import type { Finding, Report } from "./finding.ts";
import type { Survival, Synthesis } from "./synthesis/synthesis.ts";
import type { TrainOptions, Transform } from "./transforms.ts";

/** The options that can be sent to another thread. */
export type SharedOptions = Omit<TrainOptions, "epoch" | "cache" | "report" | "read">;

/** What a thread is started with. */
export type WorkerSetup = { readonly options: SharedOptions; readonly cacheBytes: number };

/** One item to make. */
export type Order = {
  readonly id: number;
  readonly epoch: number;
  readonly sample: Sample;
  readonly index: number;
  /** Of this epoch, instead of the one that the options have. */
  readonly synthesis?: Synthesis;
};

/** The item, or why there is none. */
export type Answer = {
  readonly id: number;
  readonly findings: readonly Finding[];
  readonly image?: Float32Array;
  readonly mask?: Float32Array;
  readonly survival?: Survival;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
};

/** Running threads. */
export type Workers = {
  readonly transform: (epoch: number, synthesis?: Synthesis) => Transform;
  readonly close: () => Promise<void>;
};

/** How many threads can load without taking the one that trains; at most four, more hardly help. */
export function usefulWorkers(): number {
  return Math.max(0, Math.min(4, availableParallelism() - 1));
}

/**
 * Starts `count` threads with `cacheBytes` of memory for images in all. `execArgv`: Node options of the threads, for
 * running from source.
 */
export function startWorkers(
  count: number,
  options: SharedOptions,
  cacheBytes: number,
  report: Report = () => {},
  execArgv?: string[],
): Workers {
  const setup: WorkerSetup = { options, cacheBytes: Math.floor(cacheBytes / count) };
  const threads = Array.from({ length: count }, () => startThread(setup, report, execArgv));
  return {
    transform: (epoch, synthesis) => async (sample, index, image, mask) => {
      const order = { epoch, sample, index, ...(synthesis ? { synthesis } : {}) };
      const made = await threads[index % count]!.make(order);
      image.set(made.image!);
      mask.set(made.mask!);
      return made.survival;
    },
    close: async () => {
      await Promise.all(threads.map(({ stop }) => stop()));
    },
  };
}

type Waiting = { done: (answer: Answer) => void; fail: (error: Error) => void };

function startThread(setup: WorkerSetup, report: Report, execArgv: string[] | undefined) {
  const script = import.meta.url.replace(/workers(\.node\.[jt]s)$/, "worker$1");
  if (script === import.meta.url) {
    throw new LoupeError("config", "workers: their script is lost in a bundle; use workers: 0");
  }
  const extra = execArgv ? { execArgv } : {};
  const worker = new Worker(new URL(script), { workerData: setup, ...extra });
  const waiting = new Map<number, Waiting>();
  let broken: LoupeError | undefined;
  let last = 0;
  // A thread keeps the program alive only while it works.
  worker.unref();
  const settle = (id: number) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    return one;
  };
  const breakOff = (why: string, cause?: unknown) => {
    broken ??= new LoupeError("data", `loading thread: ${why}; load without threads instead`, {
      cause,
    });
    for (const id of [...waiting.keys()]) settle(id)!.fail(broken);
  };
  worker.on("message", (answer: Answer) => {
    answer.findings.forEach(report);
    const one = settle(answer.id);
    if (answer.error) one?.fail(new LoupeError(answer.error.code, answer.error.message));
    else one?.done(answer);
  });
  worker.on("error", (error) => breakOff(`it failed (${error.message})`, error));
  worker.on("exit", (code) => breakOff(`it has ended (exit code ${code})`));
  return {
    make: (order: Omit<Order, "id">) =>
      new Promise<Answer>((done, fail) => {
        if (broken) return fail(broken);
        const id = ++last;
        waiting.set(id, { done, fail });
        worker.ref();
        worker.postMessage({ id, ...order });
      }),
    stop: () => worker.terminate(),
  };
}
