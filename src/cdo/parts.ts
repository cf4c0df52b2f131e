/** The parts of CDO: expert, apprentice and optimiser, made or loaded, and their names in a run's files. */
import { type Device, type Rng, requirePrecision } from "../core/index.ts";
import { fields } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  type Backbone,
  createBackbone,
  findBackbone,
  GradScaler,
  type HostTensor,
  type StateDict,
} from "../models/index.ts";
import type { CdoConfig } from "./config.ts";

/** Names begin so in the reference's files. */
export const frozenPrefix = "net_t.";
export const modelPrefix = "net_s.";
/** Of the weights that are trained, in a training state, where the model's are their average. */
export const trainedPrefix = "trained.";
/** Of the loss scale in a training state. */
export const scalerPrefix = "scaler.";

/** What a curriculum has learned from a training, as JSON, in a training state. */
export const curriculumEntry = "curriculum";

export function jsonTensor(value: unknown): HostTensor {
  const data = new TextEncoder().encode(JSON.stringify(value));
  return { dtype: "u8", shape: [data.length], data };
}

/** The object that `jsonTensor` took; undefined for nothing. */
export function jsonOf(
  tensor: HostTensor | undefined,
): Readonly<Record<string, unknown>> | undefined {
  if (!tensor) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(tensor.data as Uint8Array));
    if (tensor.dtype === "u8" && fields.isObject(value)) return value;
  } catch {
    // told below
  }
  const next = "the checkpoint is damaged; start the run anew with --overwrite";
  throw new LoupeError("checkpoint", `cdo: the state of the curriculum is not JSON; ${next}`);
}

/** @param rng draws the weights; without it they are zeros, to be loaded */
export function createExpert(
  device: Device,
  { backbone }: CdoConfig,
  teacher: StateDict | undefined,
  rng: Rng | undefined,
): Backbone {
  if (teacher) return createBackbone(backbone, { device, weights: teacher });
  const build = { device, rng: rng?.fork("teacher") };
  return findBackbone(backbone).create(build, { zeroInitLast: false });
}

export function createApprentice(
  device: Device,
  { backbone, version, checkpointActivations }: CdoConfig,
  rng: Rng | undefined,
): Backbone {
  // reference: torchvision's ResNet, used in 2023, does not start its last BatchNorms from zero
  const build = { device, rng: rng?.fork("student") };
  const apprentice = findBackbone(backbone).create(build, { zeroInitLast: version === "2025" });
  return apprentice.recomputeActivations(checkpointActivations);
}

/** What keeps small gradients in half precision; none at full. */
export function createScaler(device: Device, { precision }: CdoConfig): GradScaler | undefined {
  requirePrecision("cdo", device, precision);
  return precision === "f16" ? new GradScaler(device) : undefined;
}

/** The entries whose names begin with the prefix, without it, and the others. */
export function split(prefix: string, state: StateDict): [own: StateDict, rest: StateDict] {
  const [own, rest]: [StateDict, StateDict] = [new Map(), new Map()];
  for (const [name, tensor] of state) {
    if (name.startsWith(prefix)) own.set(name.slice(prefix.length), tensor);
    else rest.set(name, tensor);
  }
  return [own, rest];
}

export function prefixed(prefix: string, state: StateDict): StateDict {
  return new Map([...state].map(([name, tensor]) => [prefix + name, tensor]));
}

/** Loads a state whose names all begin with the prefix. */
export function loadPart(backbone: Backbone, prefix: string, state: StateDict): void {
  const stray = [...state.keys()].find((name) => !name.startsWith(prefix));
  if (stray !== undefined) {
    const name = JSON.stringify(stray.slice(0, 100));
    const rule = `names here begin with ${prefix}, but one is ${name}`;
    throw new LoupeError("checkpoint", `${backbone}: ${rule}; give the state of a cdo run`);
  }
  const own = [...state].map(([name, tensor]) => [name.slice(prefix.length), tensor] as const);
  backbone.loadStateDict(new Map(own), { file: `${prefix}*` });
}
