/** log.jsonl: one event a line, in the order things happened, with their time. */
import type { RunFolder } from "../detector/index.ts";

export class RunLog {
  readonly #run: RunFolder;
  #last: Promise<void> = Promise.resolve();
  #failure: unknown;
  readonly #events = new Set<string>();

  constructor(run: RunFolder) {
    this.#run = run;
  }

  /** Queues an event; a failure to write it comes out of `flush`. */
  write(event: string, values: Readonly<Record<string, unknown>> = {}): void {
    this.#events.add(event);
    const line = { time: new Date().toISOString(), event, ...values };
    // handed on at once: a checkpoint that is saved next waits for it and counts it in
    this.#last = this.#run.log(line).catch((error) => {
      this.#failure ??= error;
    });
  }

  /** Whether such an event was written by this process. */
  has(event: string): boolean {
    return this.#events.has(event);
  }

  /** Waits until all is written; throws the first failure. */
  async flush(): Promise<void> {
    await this.#last;
    if (this.#failure !== undefined) throw this.#failure;
  }
}
