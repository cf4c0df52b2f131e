/** The command line of the bench. */
import { parseArgs } from "node:util";
import type { Precision } from "../src/core/index.ts";

export const usage = `npm run bench -- [options]
  --only <pattern>     only tasks whose name has this (a regular expression, any case)
  --quick              one run each: does it work, and roughly how fast?
  --precision <p>      f32 (default), or f16: products of half-precision numbers
  --adapter <name>     part of an adapter's name
  --cold               without the driver's cache of compiled shaders, so that first calls are a new user's
  --json [file]        the result as JSON, to a file or to standard output
  --compare <file>     ratios to an earlier result; ends with code 1 when something is over 10 % slower
  --peers              the tasks that other engines have too, beside jax-js, TensorFlow.js, ONNX Runtime and PyTorch
  --browser            with --peers: in Chromium on SwiftShader instead of Node
  --rounds <n>         with --peers: how often each gets its turn (default 3)
  --engines <names>    with --peers: only these, separated by commas
  --table <file>       no measuring: the Markdown table of a result, of what --only names
  --list               no measuring: the names of the tasks`;

export interface Options {
  readonly only: RegExp;
  readonly quick: boolean;
  readonly precision: Precision;
  readonly adapter: string | undefined;
  readonly cold: boolean;
  /** A file, "-" for standard output. */
  readonly json: string | undefined;
  readonly compare: string | undefined;
  readonly peers: boolean;
  readonly browser: boolean;
  readonly rounds: number;
  readonly engines: readonly string[] | undefined;
  readonly table: string | undefined;
  readonly list: boolean;
  /** One engine serving requests; started by --peers. */
  readonly worker: string | undefined;
  readonly help: boolean;
}

/** @throws Error for what is not an option */
export function parseOptions(args: readonly string[]): Options {
  const flag = { type: "boolean", default: false } as const;
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: withOwnValue(args),
    options: {
      only: text,
      quick: flag,
      precision: text,
      adapter: text,
      cold: flag,
      json: text,
      compare: text,
      peers: flag,
      browser: flag,
      rounds: text,
      engines: text,
      table: text,
      list: flag,
      worker: text,
      help: flag,
    },
  });
  const rounds = Number(values.rounds ?? 3);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a whole number from 1, got ${values.rounds}`);
  }
  const precision = values.precision ?? "f32";
  if (precision !== "f32" && precision !== "f16") {
    throw new Error(`--precision must be f32 or f16, got ${precision}`);
  }
  const { quick, cold, peers, browser, list, help, adapter, json, compare, table, worker } = values;
  return {
    only: patternOf(values.only),
    engines: values.engines?.split(","),
    ...{
      precision,
      quick,
      cold,
      peers,
      browser,
      rounds,
      list,
      help,
      adapter,
      json,
      compare,
      table,
      worker,
    },
  };
}

/** `--json` alone means standard output. */
function withOwnValue(args: readonly string[]): string[] {
  return args.flatMap((arg, i) => {
    const next = args[i + 1];
    const alone = arg === "--json" && (next === undefined || next.startsWith("--"));
    return alone ? ["--json=-"] : [arg];
  });
}

function patternOf(text: string | undefined): RegExp {
  try {
    return new RegExp(text ?? "", "i");
  } catch (cause) {
    throw new Error(`--only ${text}: is no regular expression`, { cause });
  }
}
