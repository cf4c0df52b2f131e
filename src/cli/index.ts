/** The command line as a library: what `main.ts` runs, for tests and for programs that embed it. */
export type { CommandSpec, Invocation, Outcome } from "./command.ts";
export { commands } from "./commands.ts";
export { type ExitCode, exitCodes } from "./exit.ts";
export type { Method } from "./method.ts";
export { findMethod, methods } from "./methods.ts";
export { runCommandLine } from "./program.ts";
export { configSchema } from "./schema.ts";
export { Terminal, type TerminalOptions } from "./terminal.ts";
