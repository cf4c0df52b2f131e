/** What `--precision` comes to on a GPU: chosen by the user, by the GPU, or by the run that is used. */
import type { Device, Precision } from "../core/index.ts";
import { preferredPrecision } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import type { Terminal } from "./terminal.ts";

/** As given; left out it is `auto`. */
export type WantedPrecision = Precision | "auto" | undefined;

/** Among the settings of a method. */
export const wantedPrecision = (settings: object): WantedPrecision =>
  (settings as { readonly precision?: WantedPrecision }).precision;

const able = ({ features }: Device) => features.has("shader-f16");
const lacking = ({ adapter }: Device) => `${adapter.name} has no f16 (shader-f16)`;

/**
 * For new work: as wanted, or else what is fast on this GPU, which is told in one line.
 * @throws LoupeError `device` for f16 on a GPU without it
 */
export function choosePrecision(
  wanted: WantedPrecision,
  device: Device,
  terminal: Terminal,
): Precision {
  const chosen = settledPrecision(wanted, device);
  if (chosen === wanted) return chosen;
  const why = chosen === "f16" ? "has" : "has no";
  terminal.info(`computing in ${chosen}: this GPU ${why} matrix units for f16 (--precision)`);
  return chosen;
}

/** The same without a word. */
export function settledPrecision(wanted: WantedPrecision, device: Device): Precision {
  if (wanted === "f16" && !able(device)) {
    throw new LoupeError("device", `--precision f16: ${lacking(device)}; use --precision f32`);
  }
  return wanted === "f32" || wanted === "f16" ? wanted : preferredPrecision(device);
}

/**
 * For a trained run: as wanted, or else as it was trained, with a warning where the GPU can't.
 * @throws LoupeError `device` for f16 on a GPU without it
 */
export function precisionOfRun(
  wanted: WantedPrecision,
  config: Readonly<Record<string, unknown>>,
  device: Device,
  terminal: Terminal,
): Precision {
  if (wanted === "f32" || wanted === "f16") return choosePrecision(wanted, device, terminal);
  if (config.precision !== "f16") return "f32";
  if (able(device)) return "f16";
  terminal.warn(`the run was trained in f16, and ${lacking(device)}: computing in f32`);
  return "f32";
}

/** Throws `device` when a run can't go on here in its own precision. */
export function requireSamePrecision(
  path: string,
  config: Readonly<Record<string, unknown>>,
  device: Device,
): void {
  if (config.precision !== "f16" || able(device)) return;
  const next = "go on with it on a GPU that has, or start another run with --precision f32";
  throw new LoupeError("device", `${path}: is trained in f16, but ${lacking(device)}; ${next}`);
}
