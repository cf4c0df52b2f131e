/** What a method is to the command line: its settings as flags, how it is named, how it is made. Each has a file of its own. */
import type { Device } from "../core/index.ts";
import type { Detector } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import type { StateDict } from "../models/index.ts";
import type { Settings } from "./flags.ts";

export interface DetectorOptions {
  readonly device: Device;
  /** Complete, as `Method.config` gives it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The frozen network's published weights. */
  readonly teacher?: StateDict | undefined;
  /** The frozen network as a run saved it, instead of `teacher`. */
  readonly frozen?: StateDict | undefined;
  /** The trained network as a run saved it; without it its first weights are drawn. */
  readonly model?: StateDict | undefined;
  /** What `Inputs.load` gave. */
  readonly inputs?: StateDict | undefined;
  readonly seed: number;
}

/** A training that reads files of the method's own. */
export interface InputsOf {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly className: string;
  /** What tells the frozen network's weights from others: the SHA-256 of their file, or of what was drawn. */
  readonly weights: string;
}

/** Files that a training may take besides images and weights. */
export interface Inputs {
  /** A flag for each. */
  readonly settings: Settings;
  /**
   * Reads those that are given; undefined: none is. Throws `io`, or `checkpoint` for files that don't fit the training.
   * @returns `record`: by flag the file and its SHA-256, for run.json
   */
  load(
    of: InputsOf,
  ): Promise<{ readonly state: StateDict; readonly record: InputsRecord } | undefined>;
}

export type InputsRecord = Readonly<
  Record<string, { readonly path: string; readonly sha256: string }>
>;

export interface Method {
  readonly name: string;
  readonly summary: string;
  /** Its settings as flags and config keys. */
  readonly settings: Settings;
  /** Every setting of the method from those given; plain JSON, one key each. Throws `config`. */
  config(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** A setting as the config holds it, where it can be said in several ways. */
  settled(key: string, value: unknown): unknown;
  /** Short name of a complete config, for tables and folders. */
  title(config: Readonly<Record<string, unknown>>): string;
  /** Key of a setting in the config; the same unless listed. */
  readonly keyOf: Readonly<Record<string, string>>;
  /** Settings that change no result, only time and memory: a resumed run may have others. */
  readonly free: readonly string[];
  /** Name of the frozen network's weights, as of `loupe weights list`, when none are given. */
  weightsOf(backbone: string): string;
  /** Whether it learns from defective images and their masks too; without, they are refused. */
  readonly learnsDefects: boolean;
  /** undefined: it takes none. */
  readonly inputs?: Inputs;
  create(options: DetectorOptions): Detector;
}

/** A file or name of weights: those given, or else the method's own for its backbone. */
export function weightsFor(
  method: Method,
  settings: { readonly weights?: string | undefined },
  config: Readonly<Record<string, unknown>>,
): string {
  return settings.weights ?? method.weightsOf(String(config.backbone));
}

/** Those of the settings that are the method's own; a precision that the GPU decides is none yet. */
export function ownSettings(
  settings: Readonly<Record<string, unknown>>,
  own: Settings,
): Record<string, unknown> {
  const isGiven = (key: string) =>
    settings[key] !== undefined && !(key === "precision" && settings[key] === "auto");
  const keys = Object.keys(own.shape).filter(isGiven);
  return Object.fromEntries(keys.map((key) => [key, settings[key]]));
}

/**
 * For a method that learns from good images alone: throws `config` for ways of training that bring defective ones. What a folder or
 * a metadata file has of them is told when it is read.
 */
export function refuseDefects(
  name: string,
  { mode, sampler }: Readonly<Record<string, unknown>>,
): void {
  const what =
    typeof mode === "string" && /^(semi|zero_shot)/.test(mode)
      ? `--mode ${mode}`
      : sampler === "balanced" && "--sampler balanced";
  if (!what) return;
  const rule = `${name} learns from good images alone`;
  throw new LoupeError(
    "config",
    `${what}: brings defective images, but ${rule}; leave it out, or train cdo`,
  );
}
