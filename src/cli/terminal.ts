/**
 * Who may write where. stdout carries the result and nothing else: a table, or with `--json` one JSON document. Warnings,
 * progress and errors go to stderr. Colours and moving lines only where a terminal reads them.
 */
import { styleText } from "node:util";
import { harmless } from "./harmless.ts";
import { Meter, type MeterOptions } from "./meter.ts";

/** The part of a stream that is used here. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TerminalOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Milliseconds; for rates. */
  readonly now: () => number;
  /** Whether stderr gets colours. */
  readonly colour?: boolean;
  /** Only warnings, with this before them, errors and moving progress are shown; who listens is told everything. */
  readonly quiet?: string;
}

const nowhere: Output = { write: () => true };

export type Level = "info" | "warning";
type Style = Parameters<typeof styleText>[0];

export class Terminal {
  readonly #options: TerminalOptions;
  readonly #listeners = new Set<(level: Level, message: string) => void>();
  #meters: Meter[] = [];

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  /** The same terminal for a part of a long work: what it says goes to who listens, on the screen only what it warns of. */
  quiet(part: string): Terminal {
    return new Terminal({ ...this.#options, quiet: part });
  }

  get now(): () => number {
    return this.#options.now;
  }

  /** The result, whole. */
  result(text: string): void {
    const shown = harmless(text);
    this.#options.stdout.write(shown.endsWith("\n") ? shown : `${shown}\n`);
  }

  /** What a person watching wants to know; not part of the result. */
  info(message: string): void {
    if (this.#options.quiet === undefined) this.#line(harmless(message));
    this.#tell("info", message);
  }

  warn(message: string): void {
    const { quiet } = this.#options;
    const part = quiet === undefined ? "" : `${quiet}: `;
    this.#line(`${this.paint("yellow", "warning:")} ${harmless(`${part}${message}`)}`);
    this.#tell("warning", message);
  }

  error(message: string): void {
    this.#line(`${this.paint("red", "error:")} ${harmless(message)}`);
  }

  /** Also sends what is said from now on to `listener`; returns how to stop. */
  listen(listener: (level: Level, message: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A progress line. One may run inside another. */
  meter(options: MeterOptions): Meter {
    const { stderr, now, quiet } = this.#options;
    const out = quiet !== undefined && !stderr.isTTY ? nowhere : stderr;
    const meter = new Meter(out, now, options);
    this.#meters = [...this.#meters.filter((m) => !m.ended), meter];
    return meter;
  }

  /** Text in colour if stderr shows colours. */
  paint(style: Style, text: string): string {
    return this.#options.colour ? styleText(style, text, { validateStream: false }) : text;
  }

  #line(text: string): void {
    for (const meter of this.#meters) meter.clear();
    this.#options.stderr.write(`${text}\n`);
  }

  #tell(level: Level, message: string): void {
    for (const listener of this.#listeners) listener(level, message);
  }
}

/** The process's own terminal: NO_COLOR and FORCE_COLOR are respected. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0";
  const colour = !env.NO_COLOR && env.TERM !== "dumb" && (forced || stderr.isTTY === true);
  return new Terminal({ stdout, stderr, colour, now: () => performance.now() });
}
