/** One job: begun, gone on with or left alone, in its run folder and under its lock. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LoupeError } from "../error.ts";
import { defined } from "./defined.ts";
import { exitCodeOf } from "./exit.ts";
import { writeWhole } from "./files.ts";
import { type Interrupt, Interrupted } from "./interrupt.ts";
import { weightsFor } from "./method.ts";
import type { Work } from "./predicting.ts";
import { type Job, labelOf } from "./run-jobs.ts";
import { takeLock } from "./run-lock.ts";
import { differences, type SeenRun, seeRun } from "./run-state.ts";
import { loadTeacher, type Teacher } from "./session.ts";
import type { SharedGpu } from "./shared-gpu.ts";
import type { Terminal } from "./terminal.ts";
import { beginRun } from "./train-begin.ts";
import type { Place } from "./train-folder.ts";
import { resumeRun } from "./train-resume.ts";
import type { TrainTold } from "./train-settings.ts";

/** What became of a job. */
export type Outcome =
  | { readonly state: "trained" | "finished before" }
  /** Left to whoever holds it. */
  | { readonly state: "busy"; readonly holder: string }
  | { readonly state: "failed"; readonly error: Failure };

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly exit: number;
}

export const lockOf = (folder: string): string => `${folder}.lock`;
export const failureOf = (folder: string): string => `${folder}.failed.json`;

export const isDone = (state: Outcome["state"]): boolean =>
  state === "trained" || state === "finished before";

export class Worker {
  readonly #output: string;
  readonly #gpu: SharedGpu;
  readonly #work: Work;
  readonly #isLoud: boolean;
  /** The last one: jobs with the same weights follow each other. */
  #teacher: { readonly of: string; readonly teacher: Teacher } | undefined;

  /** @param isLoud show what a training says, not only what it warns of */
  constructor(output: string, gpu: SharedGpu, work: Work, isLoud: boolean) {
    this.#output = output;
    this.#gpu = gpu;
    this.#work = work;
    this.#isLoud = isLoud;
  }

  async job(job: Job): Promise<Outcome> {
    const path = join(this.#output, job.folder);
    try {
      if ((await this.#look(job, path))?.ended) return { state: "finished before" };
      const taken = await takeLock(lockOf(path));
      if ("holder" in taken) return { state: "busy", holder: taken.holder };
      try {
        return await this.#train(job, path, taken.lock.lost);
      } catch (error) {
        if (!(error instanceof Interrupted) || !taken.lock.lost.aborted) throw error;
        return { state: "busy", holder: "a process that took this one for dead" };
      } finally {
        await taken.lock.release();
      }
    } catch (error) {
      if (error instanceof Interrupted || error instanceof NoGpu) throw unwrapped(error);
      return { state: "failed", error: await note(path, error) };
    }
  }

  async #train(job: Job, path: string, lost: AbortSignal): Promise<Outcome> {
    const { terminal: loud } = this.#work;
    const terminal = this.#isLoud ? loud : loud.quiet(labelOf(job));
    const work = { ...this.#work, terminal, interrupt: orLost(this.#work.interrupt, lost) };
    for (let isSecond = false; ; isSecond = true) {
      const device = await this.#gpu.open().catch((cause: unknown) => {
        throw new NoGpu(cause);
      });
      try {
        const seen = await this.#look(job, path); // another process may have been here before the lock
        if (seen?.ended) return { state: "finished before" };
        const goesOn = seen !== undefined && !seen.empty;
        const { className, classes, settings } = job;
        const joint = settings.joint ? { classes } : {};
        const place: Place = { className, path, resume: goesOn, ...joint };
        const start = { place, method: job.method, device };
        if (goesOn) await resumeRun({ ...start, told: toldToResume(job) }, work);
        else {
          const told = toldToBegin(job, seen !== undefined);
          const teacher = await this.#teacherOf(job, terminal);
          await beginRun({ ...start, told, teacher }, work);
        }
        await rm(failureOf(path), { force: true });
        return { state: "trained" };
      } catch (error) {
        if (!(error instanceof Interrupted)) this.#gpu.afterError(error);
        const isLost = error instanceof LoupeError && error.code === "device";
        if (!isLost || isSecond) throw error;
        terminal.warn(`${error.message}; trying once more`);
      }
    }
  }

  /** Throws `config` where there is another run than this job's. */
  async #look(job: Job, path: string): Promise<SeenRun | undefined> {
    const seen = await seeRun(path);
    if (!seen || seen.empty) return seen;
    const wrong = await differences(job, seen.record);
    if (wrong.length === 0) return seen;
    const rule = "there is a run with other settings; give another --output, or remove it";
    throw new LoupeError("config", `${path}: ${rule}\n  ${wrong.join("\n  ")}`);
  }

  async #teacherOf({ settings, config, method }: Job, terminal: Terminal): Promise<Teacher> {
    const weights = weightsFor(method, settings, config);
    const backbone = String(config.backbone);
    const of = `${backbone} ${weights}`;
    if (this.#teacher?.of !== of) {
      const teacher = await loadTeacher(weights, backbone, terminal);
      this.#teacher = { of, teacher };
    }
    return this.#teacher.teacher;
  }
}

/** Stops as well when the lock is lost. */
function orLost(interrupt: Interrupt, lost: AbortSignal): Interrupt {
  const signal = AbortSignal.any([interrupt.signal, lost]);
  return {
    signal,
    check(message) {
      if (signal.aborted) throw new Interrupted(message);
    },
    [Symbol.dispose]() {}, // its owner does
  };
}

/** Without a GPU no job can be done: that ends all of it. */
class NoGpu extends Error {
  constructor(cause: unknown) {
    super("no GPU", { cause });
  }
}

const unwrapped = (error: Interrupted | NoGpu) => (error instanceof NoGpu ? error.cause : error);

const written = (key: string) => `"${key}" in the plan`;

function toldToBegin({ settings }: Job, overwrite: boolean): TrainTold {
  return { settings: { ...settings, overwrite }, given: settings, written };
}

/** The run's own settings hold, and were compared; where its images lie and what costs only time may have changed. */
function toldToResume({ settings, method }: Job): TrainTold {
  const { data, meta, testData } = settings as Readonly<Record<string, string | undefined>>;
  const free = Object.fromEntries(
    Object.entries(settings).filter(([key]) => method.free.includes(key)),
  );
  const moved = defined({ data, meta, testData });
  return { settings: { ...moved, ...free } as TrainTold["settings"], given: free, written };
}

/** Beside the run folder, so that processes don't write into one file. */
async function note(path: string, error: unknown): Promise<Failure> {
  const code = error instanceof LoupeError ? error.code : "unexpected";
  const message = error instanceof Error ? error.message : String(error);
  const failure = { code, message, exit: exitCodeOf(error) };
  const time = new Date().toISOString();
  const text = `${JSON.stringify({ time, ...failure }, null, 2)}\n`;
  await writeWhole(failureOf(path), text).catch(() => {}); // a full disk may be the very failure; it is told all the same
  return failure;
}
