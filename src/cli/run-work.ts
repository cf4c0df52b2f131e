/**
 * Working through jobs: what is finished is skipped, what was stopped goes on from its checkpoint, what another process works on is
 * left to it, and what fails is noted beside its folder and told at the end. A lost GPU is opened anew and the job tried once more.
 */
import { Interrupted } from "./interrupt.ts";
import type { Work } from "./predicting.ts";
import type { Job } from "./run-jobs.ts";
import { JobProgress } from "./run-progress.ts";
import { type Outcome, Worker } from "./run-worker.ts";
import type { SharedGpu } from "./shared-gpu.ts";

export interface Telling {
  /** What each training says is shown too; default: its warnings and errors. */
  readonly isLoud?: boolean;
  /** How to go on after a stop. */
  readonly goOn?: string;
}

/** @throws Interrupted after saving; LoupeError `device` when no GPU can be opened */
export async function workThrough(
  jobs: readonly Job[],
  output: string,
  gpu: SharedGpu,
  work: Work,
  { isLoud = false, goOn = "the same command goes on" }: Telling = {},
): Promise<Map<Job, Outcome>> {
  const outcomes = new Map<Job, Outcome>();
  const worker = new Worker(output, gpu, work, isLoud);
  const progress = new JobProgress(jobs.length, work, goOn);
  const go = async (job: Job) => {
    work.interrupt.check(progress.stopped(outcomes));
    const started = work.terminal.now();
    const outcome = await worker.job(job).catch((error: unknown) => {
      if (!(error instanceof Interrupted)) throw error;
      throw new Interrupted(progress.stopped(outcomes));
    });
    outcomes.set(job, outcome);
    progress.tell(job, outcome, outcomes, work.terminal.now() - started);
  };
  for (const job of jobs) await go(job);
  progress.tellSkipped();
  // a task that was killed may have come back before its lock is old: when this ends, all is done or failed
  for (let busy = jobs; ; await wait(pollEvery, work)) {
    busy = busy.filter((job) => outcomes.get(job)?.state === "busy");
    if (busy.length === 0) break;
    progress.tellWaiting(busy.length);
    for (const job of busy) await go(job);
  }
  progress.tellSkipped();
  return outcomes;
}

const pollEvery = 2_000;

/** Ends early when asked to stop. */
const wait = (time: number, { interrupt }: Work) =>
  new Promise<void>((go) => {
    const timer = setTimeout(done, time);
    function done() {
      clearTimeout(timer);
      interrupt.signal.removeEventListener("abort", done);
      go();
    }
    interrupt.signal.addEventListener("abort", done);
  });
