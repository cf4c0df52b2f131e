/** What is said before a run has a folder goes into its log all the same. */
import type { RunLog } from "./run-log.ts";
import type { Terminal } from "./terminal.ts";

/** Keeps what is said until there is a log to write it into. */
export function collectSaid(terminal: Terminal) {
  const early: [string, string][] = [];
  let log: RunLog | undefined;
  const stop = terminal.listen((level, message) => {
    if (log) log.write(level, { message });
    else early.push([level, message]);
  });
  return {
    into(target: RunLog): RunLog {
      log = target;
      for (const [level, message] of early) target.write(level, { message });
      return target;
    },
    [Symbol.dispose]: stop,
  };
}
