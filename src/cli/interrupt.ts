/** Ctrl-C once: finish the step, save, leave with 130. Twice: leave at once. A job scheduler's SIGTERM counts the same. */
import type { Terminal } from "./terminal.ts";

/** Work was stopped on request; whatever could be saved was saved. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Throws `Interrupted` with this message once asked to stop. */
  check(message: string): void;
  /** Gives Ctrl-C back to Node. */
  [Symbol.dispose](): void;
}

/** @param promise what is said at the first Ctrl-C */
export function listenForInterrupt(terminal: Terminal, promise: string): Interrupt {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    terminal.info(`${promise}; again to leave at once`);
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    check(message) {
      if (controller.signal.aborted) throw new Interrupted(message);
    },
    [Symbol.dispose]() {
      for (const name of signals) process.off(name, stop);
    },
  };
}

/** Passes batches on until asked to stop. */
export async function* until<T>(
  batches: AsyncIterable<T>,
  interrupt: Interrupt,
  message: string,
): AsyncGenerator<T, void, undefined> {
  for await (const batch of batches) {
    interrupt.check(message);
    yield batch;
  }
}
