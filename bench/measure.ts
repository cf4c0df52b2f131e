/** Times a task with tinybench: on a device of its own, warm, fenced by the queue, and only after its answer was found right. */
import { Bench } from "tinybench";
import { type Device, type DeviceOptions, openDevice } from "../src/core/index.ts";
import type { Row } from "./result.ts";
import { type Job, joined, type Task } from "./task.ts";

/** How long to look. */
export interface Effort {
  /** Least milliseconds of measured runs. */
  readonly ms: number;
  /** Least runs. */
  readonly runs: number;
}

export const usual: Effort = { ms: 500, runs: 5 };
export const quick: Effort = { ms: 0, runs: 1 };

/** Runs that take longer are made less often. */
const slowMs = 2000;

/** Measures one task: the first call with its pipelines, then the steady state. A device of its own makes the first call honest. */
export async function measure(task: Task, options: DeviceOptions, effort: Effort): Promise<Row> {
  const device = await openDevice(options);
  try {
    const job = await task.open(device);
    const first = await firstCall(device, job);
    const steady = await steadyState(device, task.name, job, effort);
    const host = "queue" in job ? await hostCost(device, job, effort) : {};
    const { peakBytes } = device.memory.stats();
    job.close?.();
    const { work } = task;
    return { name: task.name, work, firstMs: first, ...steady, ...host, peakBytes };
  } catch (cause) {
    throw new Error(`${task.name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  } finally {
    device.close();
  }
}

async function firstCall(device: Device, job: Job): Promise<number> {
  await device.settle(); // inputs are uploads that have been made
  const start = performance.now();
  await job.prepare?.();
  let answer = await answerOf(device, job);
  const ms = performance.now() - start;
  for (let call = 1; call < (job.checkedCall ?? 1); call++) answer = await answerOf(device, job);
  job.check(answer);
  return ms;
}

export async function answerOf(device: Device, job: Job): Promise<ArrayLike<number>> {
  if ("wait" in job) return job.wait();
  const parts = await device.read(() => [job.queue()].flat());
  return joined(parts);
}

/** One run with its fence; rejects on any error the GPU had. */
export async function runOnce(device: Device, job: Job): Promise<void> {
  if ("wait" in job) await job.wait();
  else device.scope(() => void job.queue());
  await device.settle();
}

async function steadyState(
  device: Device,
  name: string,
  job: Job,
  { ms, runs }: Effort,
): Promise<Pick<Row, "medianMs" | "minMs" | "runs" | "cpuMs">> {
  const start = performance.now();
  await runOnce(device, job); // a program's second run is not yet a replay
  const slow = performance.now() - start > slowMs;
  const bench = new Bench({
    time: slow ? 0 : ms,
    iterations: slow ? Math.min(2, runs) : runs,
    warmup: !slow && runs > 1,
    warmupIterations: 1,
    warmupTime: ms / 10,
    throws: true,
  });
  let cpuMs = Number.POSITIVE_INFINITY;
  bench.add(name, async () => {
    const before = process.cpuUsage();
    await runOnce(device, job);
    const { user, system } = process.cpuUsage(before);
    cpuMs = Math.min(cpuMs, (user + system) / 1000);
  });
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (!result || !("latency" in result)) throw new Error("was not measured");
  const { p50, min, samplesCount } = result.latency;
  const software = device.adapter.software ? { cpuMs } : {};
  return { medianMs: p50, minMs: min, runs: samplesCount, ...software };
}

/** What the host does for one launch, from the op's call to the submitted command buffer: the least of a few runs. */
async function hostCost(
  device: Device,
  job: Extract<Job, { queue: unknown }>,
  { runs }: Effort,
): Promise<Pick<Row, "launches" | "hostUs">> {
  let [least, launches] = [Number.POSITIVE_INFINITY, 0];
  const enough = performance.now() + slowMs;
  for (let i = 0; i < Math.min(5, runs) && (i === 0 || performance.now() < enough); i++) {
    const before = device.queue.launches;
    const start = performance.now();
    device.scope(() => void job.queue());
    device.queue.flush();
    least = Math.min(least, performance.now() - start);
    launches = device.queue.launches - before;
    await device.settle();
  }
  return launches ? { launches, hostUs: (1000 * least) / launches } : {};
}
