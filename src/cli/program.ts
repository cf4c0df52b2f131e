/** Puts the commands together for commander and turns whatever happens into an exit code and one clear message. */
import { Command, CommanderError } from "commander";
import { LoupeError } from "../error.ts";
import type { CommandSpec, Outcome } from "./command.ts";
import { type ExitCode, exitCodeHelp, exitCodeOf, exitCodes } from "./exit.ts";
import { addFlags } from "./flags.ts";
import { Interrupted } from "./interrupt.ts";
import { readSettings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** Runs one command line (without `node` and the script) and prints its result. */
export async function runCommandLine(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  terminal: Terminal,
  version: string,
): Promise<ExitCode> {
  const json = argv.includes("--json");
  const show = ({ text, json: value }: Outcome) =>
    json ? terminal.result(JSON.stringify(value, null, 2)) : text && terminal.result(text);
  let outcome: Outcome | undefined;
  const program = createProgram(commands, terminal, version, (result) => {
    outcome = result;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    if (!outcome) return exitCodes.ok;
    show(outcome);
    return outcome.exit ?? exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const { message, exit } = explain(error, terminal, argv.includes("--verbose"));
    if (json) show({ text: "", json: { error: { message, exitCode: exit } } });
    return exit;
  }
}

function createProgram(
  commands: readonly CommandSpec[],
  terminal: Terminal,
  version: string,
  done: (outcome: Outcome) => void,
): Command {
  const program = new Command("loupe")
    .description(
      "Finds defects in images of products, having learnt from good ones. No Python, any GPU.",
    )
    .version(version)
    .addHelpText("after", `\n${exitCodeHelp}`);
  prepare(program, terminal);
  for (const spec of commands) addCommand(program, spec, terminal, done);
  return program;
}

function prepare(command: Command, terminal: Terminal): Command {
  return command
    .exitOverride()
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => terminal.result(text),
      writeErr: (text) => terminal.info(text.trimEnd()),
      outputError: () => {}, // told by `explain`
    });
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  terminal: Terminal,
  done: (outcome: Outcome) => void,
): void {
  const words = spec.name.split(" ");
  const group = words.length > 1 ? groupOf(program, words[0]!, terminal) : program;
  const command = prepare(group.command(words.at(-1)!), terminal);
  if (spec.arguments) command.arguments(spec.arguments);
  command
    .summary(spec.summary)
    .description(`${spec.summary}.${spec.description ? `\n\n${spec.description}` : ""}`);
  addFlags(command, spec.settings);
  if (Object.keys(spec.settings.shape).length > 0) {
    command.option("--config <file.json>", "settings from a file; flags go over them");
  }
  command.option("--json", "stdout is one JSON document, all else goes to stderr");
  command.option("--verbose", "on an error also its stack");
  const examples = spec.examples.map((line) => `  $ ${line}`).join("\n");
  command.addHelpText("after", `\nExamples:\n${examples}\n\n${exitCodeHelp}`);
  command.action(async () => {
    const read: Parameters<CommandSpec["run"]>[0]["read"] = (settings, refuse) =>
      readSettings(command, settings, refuse);
    const peek = (key: string): unknown => {
      const value = command.getOptionValueSource(key) === "cli" && command.getOptionValue(key);
      return value === false ? undefined : value;
    };
    done(await spec.run({ args: command.args, terminal, peek, read }));
  });
}

function groupOf(program: Command, name: string, terminal: Terminal): Command {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? prepare(program.command(name), terminal);
}

function explain(
  error: unknown,
  terminal: Terminal,
  verbose: boolean,
): { message: string; exit: ExitCode } {
  if (error instanceof CommanderError) return explainUsage(error, terminal);
  const exit = exitCodeOf(error);
  const told = error instanceof Error ? error.message : String(error);
  if (error instanceof Interrupted) {
    terminal.info(told);
    return { message: told, exit };
  }
  const message = error instanceof LoupeError ? told : `unexpected: ${told.split("\n")[0]}`;
  terminal.error(message);
  if (verbose && error instanceof Error) terminal.info(`${error.stack ?? ""}${causesOf(error)}`);
  if (exit === exitCodes.unexpected) {
    terminal.info(
      "this is a bug; please report it with the command, its output with --verbose, and `loupe doctor --json`",
    );
  }
  return { message, exit };
}

function explainUsage(
  error: CommanderError,
  terminal: Terminal,
): { message: string; exit: ExitCode } {
  if (error.code === "commander.help") return { message: "no command", exit: exitCodes.usage };
  const message = error.message.replace(/^error: /, "").replaceAll("\n", " ");
  terminal.error(`${message}; --help shows what there is`);
  return { message, exit: exitCodes.usage };
}

function causesOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error
    ? `\ncaused by: ${cause.stack ?? cause.message}${causesOf(cause)}`
    : "";
}
