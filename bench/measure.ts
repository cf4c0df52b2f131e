/** Times GPU work with tinybench: warm, fenced by the queue, and only after its answer was found right. */
import { Bench } from "tinybench";
import type { Device, Tensor } from "../src/core/index.ts";

/** One thing to measure. */
export interface Task {
  readonly name: string;
  /** Floating-point operations, or bytes moved, of one run. */
  readonly work: { readonly flops: number } | { readonly bytes: number };
  /** Queues the work; what it makes is freed. */
  readonly run: () => Tensor;
  /** Throws when the answer is wrong. */
  readonly check: (answer: ArrayLike<number>) => void;
}

/** One line of the table. */
export interface Measured {
  readonly name: string;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly minMs: number;
  /** GFLOP/s or GB/s, from the median. */
  readonly rate: number;
  readonly unit: "GFLOP/s" | "GB/s";
}

/** Measures one task: the first call with its pipelines, then the steady state. */
export async function measure(device: Device, task: Task): Promise<Measured> {
  const start = performance.now();
  const [answer] = await device.read(() => [task.run()]);
  const firstMs = performance.now() - start;
  task.check(answer as ArrayLike<number>);
  const bench = new Bench({
    time: 500,
    iterations: 5,
    warmupIterations: 2,
    warmupTime: 50,
    throws: true,
  });
  bench.add(task.name, async () => {
    device.scope(() => {
      task.run();
    });
    await device.settle();
  });
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (!result || !("latency" in result)) throw new Error(`${task.name}: was not measured`);
  const { p50, min } = result.latency;
  const flops = "flops" in task.work;
  const amount = "flops" in task.work ? task.work.flops : task.work.bytes;
  return {
    name: task.name,
    firstMs,
    medianMs: p50,
    minMs: min,
    rate: amount / p50 / 1e6,
    unit: flops ? "GFLOP/s" : "GB/s",
  };
}

/** A check against a few values computed on the host. */
export function near(expected: readonly (readonly [index: number, value: number])[], rtol = 1e-4) {
  return (answer: ArrayLike<number>): void => {
    for (const [i, want] of expected) {
      const got = answer[i] ?? Number.NaN;
      if (!(Math.abs(got - want) <= rtol * Math.max(1, Math.abs(want)))) {
        throw new Error(`wrong answer at ${i}: got ${got}, expected ${want}`);
      }
    }
  };
}
