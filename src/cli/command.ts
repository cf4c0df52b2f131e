/** What a command of `loupe` is: a name, flags, examples and a function from what it was told to a result. */
import type { ExitCode } from "./exit.ts";
import type { Settings } from "./flags.ts";
import type { Refuse, Told } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** What a command hands back; printed by `main.ts`, as text or with `--json` as JSON. */
export interface Outcome {
  readonly text: string;
  readonly json: unknown;
  readonly exit?: ExitCode;
}

/** One call of a command. */
export interface Invocation {
  readonly args: readonly string[];
  readonly terminal: Terminal;
  /** A flag as it was given, unchecked; for the few decisions that come before `read`. */
  peek(key: string): unknown;
  /** Flags and config file, checked against these settings. `refuse`: what is said of others that the command has. */
  read<S extends Settings>(settings: S, refuse?: Refuse): Promise<Told<S>>;
}

export interface CommandSpec {
  /** Words after `loupe`, such as `weights show`. */
  readonly name: string;
  /** In commander's notation, such as `<file>` or `[class...]`. */
  readonly arguments?: string;
  readonly summary: string;
  /** More for `--help`. */
  readonly description?: string;
  readonly examples: readonly string[];
  readonly settings: Settings;
  run(call: Invocation): Promise<Outcome>;
}
