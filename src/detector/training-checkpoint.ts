/**
 * A state that training can go on from, in one safetensors file, so that its parts can't disagree: `model/…`, `training/…`, and
 * as metadata the position, the length of the log, and whatever the caller wants back.
 */
import { LoupeError } from "../error.ts";
import {
  type HostTensor,
  readSafetensors,
  type StateDict,
  writeSafetensors,
} from "../models/index.ts";
import { checkFields, isObject, whole } from "./fields.ts";
import type { Progress } from "./fit.ts";

/** What a checkpoint is made of. */
export interface TrainingCheckpoint {
  readonly progress: Progress;
  readonly model: StateDict;
  readonly training: StateDict;
  /** Whatever else the caller wants back, such as the losses so far; plain JSON. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** A checkpoint that was read back. */
export interface SavedCheckpoint extends TrainingCheckpoint {
  /** Bytes of log.jsonl when it was saved. */
  readonly logBytes: number;
}

const advice = "put back a copy of it, or start the run anew with --overwrite";

export function encodeCheckpoint(checkpoint: SavedCheckpoint): Uint8Array {
  const { progress, model, training, extra, logBytes } = checkpoint;
  const tensors: StateDict = new Map();
  for (const [name, tensor] of model) tensors.set(`model/${name}`, tensor);
  for (const [name, tensor] of training) tensors.set(`training/${name}`, tensor);
  const metadata = { progress, extra, logBytes };
  const texts = Object.entries(metadata).map(([k, v]) => [k, JSON.stringify(v)] as const);
  return writeSafetensors(tensors, new Map(texts));
}

/**
 * @param path for messages
 * @throws LoupeError `checkpoint` for anything that `encodeCheckpoint` did not write
 */
export function decodeCheckpoint(path: string, bytes: Uint8Array): SavedCheckpoint {
  const { tensors, metadata } = readTensors(path, bytes);
  const parts = { model: new Map(), training: new Map() } satisfies Record<string, StateDict>;
  for (const [name, tensor] of tensors) {
    const [, part, rest] = /^(model|training)\/(.+)$/s.exec(name) ?? [];
    if (!part)
      throw foreign(path, `its tensor ${JSON.stringify(name.slice(0, 100))} is of no part`);
    parts[part as keyof typeof parts].set(rest, tensor);
  }
  const [progress, extra] = [json(path, metadata, "progress"), json(path, metadata, "extra")];
  if (!isObject(progress)) throw foreign(path, "its metadata lacks the position of the run");
  if (!isObject(extra)) throw foreign(path, "its metadata `extra` is not an object");
  const where = `${path}: position of the run`;
  checkFields<Progress>("checkpoint", where, progress, { epoch: whole(0), step: whole(0) }, advice);
  const logBytes = json(path, metadata, "logBytes");
  checkFields("checkpoint", path, { logBytes }, { logBytes: whole(0) }, advice);
  const { epoch, step } = progress as unknown as Progress;
  return { progress: { epoch, step }, ...parts, extra, logBytes: logBytes as number };
}

function json(path: string, metadata: ReadonlyMap<string, string>, key: string): unknown {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LoupeError("checkpoint", `${path}: its metadata \`${key}\` is not JSON; ${advice}`, {
      cause,
    });
  }
}

function foreign(path: string, what: string): LoupeError {
  const text = `${path}: ${what}, so it is not a checkpoint of loupe`;
  return new LoupeError("checkpoint", `${text}; ${advice}`);
}

/** The tensors of a safetensors file of a run. */
export function readTensors(path: string, bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  try {
    return readSafetensors(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `${path}: ${reason}; the file is damaged: ${advice}`;
    throw new LoupeError("checkpoint", text, { cause });
  }
}

/** Throws unless every number of a state is finite: a state that is not would overwrite one that can be used. */
export function requireFinite(path: string, state: StateDict): void {
  for (const [name, tensor] of state) {
    if (!hasBadNumber(tensor)) continue;
    const what = `${name} has values that are NaN or infinite, so training diverged`;
    const next = "what was saved before is kept; start another run with a lower --learning-rate";
    throw new LoupeError("numeric", `${path}: not written: ${what}; ${next}`);
  }
}

function hasBadNumber({ dtype, data }: HostTensor): boolean {
  if (dtype !== "f32" && dtype !== "f64") return false;
  // x - x is 0 for every finite x and NaN otherwise
  for (let i = 0; i < data.length; i++) if (data[i]! - data[i]! !== 0) return true;
  return false;
}
