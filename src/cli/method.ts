/** What a method is to the command line: its settings as flags, how it is named, how it is made. Each has a file of its own. */
import type { Device } from "../core/index.ts";
import type { Detector } from "../detector/index.ts";
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
  readonly seed: number;
}

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

/** Those of the settings that are the method's own. */
export function ownSettings(
  settings: Readonly<Record<string, unknown>>,
  own: Settings,
): Record<string, unknown> {
  const keys = Object.keys(own.shape).filter((key) => settings[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, settings[key]]));
}
