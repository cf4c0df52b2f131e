/** How an experiment goes, for who watches: one line a job, with what is left. */
import { formatSeconds } from "./meter.ts";
import type { Work } from "./predicting.ts";
import { type Job, labelOf } from "./run-jobs.ts";
import { isDone, type Outcome } from "./run-worker.ts";

export class JobProgress {
  readonly #total: number;
  readonly #work: Work;
  readonly #goOn: string;
  #spent = 0;
  #trained = 0;
  /** Finished before, and not told of yet. */
  #skipped = 0;
  #isWaiting = false;

  /** @param goOn how to go on after a stop */
  constructor(total: number, work: Work, goOn: string) {
    this.#total = total;
    this.#work = work;
    this.#goOn = goOn;
  }

  stopped(outcomes: ReadonlyMap<Job, Outcome>): string {
    const done = [...outcomes.values()].filter(({ state }) => isDone(state)).length;
    return `stopped with ${done} of ${this.#total} jobs finished; ${this.#goOn}`;
  }

  tell(job: Job, outcome: Outcome, outcomes: ReadonlyMap<Job, Outcome>, time: number): void {
    const { terminal } = this.#work;
    const { state } = outcome;
    if (state === "finished before") {
      this.#skipped++;
      return;
    }
    if (this.#isWaiting && state === "busy") return;
    this.tellSkipped();
    if (state === "trained") {
      this.#spent += time;
      this.#trained++;
    }
    const left = this.#total - outcomes.size;
    const rest =
      left > 0 && this.#trained > 0
        ? `, about ${formatSeconds((left * this.#spent) / this.#trained / 1000)} left`
        : "";
    const how =
      state === "trained"
        ? `trained in ${formatSeconds(time / 1000)}`
        : state === "busy"
          ? `left to ${outcome.holder}`
          : state;
    const place = `[${outcomes.size}/${this.#total}] ${labelOf(job)}`;
    if (state === "failed") terminal.error(`${place}: ${outcome.error.message}`);
    else terminal.info(`${place}: ${how}${rest}`);
  }

  /** Once. */
  tellWaiting(count: number): void {
    if (!this.#isWaiting) {
      this.#work.terminal.info(`waiting for ${count} of them that other processes work on`);
    }
    this.#isWaiting = true;
  }

  tellSkipped(): void {
    if (this.#skipped > 0) this.#work.terminal.info(`${this.#skipped} finished before`);
    this.#skipped = 0;
  }
}
