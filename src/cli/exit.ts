/** Exit codes: what a script that calls `loupe` can tell apart. They are listed in every `--help`. */
import { type ErrorCode, LoupeError } from "../error.ts";
import { Interrupted } from "./interrupt.ts";

export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  data: 3,
  device: 4,
  io: 5,
  numeric: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For `--help`. */
export const exitCodeHelp = `Exit codes: 0 done, 1 unexpected, 2 options or config, 3 images or folders (also: some files failed, the
others were done), 4 no GPU or out of its memory, 5 files, checkpoints and run folders, 6 NaN or infinity,
130 interrupted and saved.`;

const ofError: Readonly<Record<ErrorCode, ExitCode>> = {
  shape: exitCodes.usage,
  config: exitCodes.usage,
  data: exitCodes.data,
  device: exitCodes.device,
  memory: exitCodes.device,
  checkpoint: exitCodes.io,
  io: exitCodes.io,
  numeric: exitCodes.numeric,
};

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Interrupted) return exitCodes.interrupted;
  return error instanceof LoupeError ? ofError[error.code] : exitCodes.unexpected;
}
