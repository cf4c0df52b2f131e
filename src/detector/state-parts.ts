/** States put together of several parts, each behind its prefix, as a run's files hold them. */
import { LoupeError } from "../error.ts";
import type { HostTensor, Module, StateDict } from "../models/index.ts";
import { isObject } from "./fields.ts";

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

/**
 * Loads a state whose names all begin with the prefix.
 * @param method whose run the state should be of, for the message
 */
export function loadPart(module: Module, prefix: string, state: StateDict, method: string): void {
  const stray = [...state.keys()].find((name) => !name.startsWith(prefix));
  if (stray !== undefined) {
    const name = JSON.stringify(stray.slice(0, 100));
    const rule = `names here begin with ${prefix}, but one is ${name}`;
    throw new LoupeError("checkpoint", `${module}: ${rule}; give the state of a ${method} run`);
  }
  const [own] = split(prefix, state);
  module.loadStateDict(own, { file: `${prefix}*` });
}

/** Plain data as an entry of a state. */
export function jsonTensor(value: unknown): HostTensor {
  const data = new TextEncoder().encode(JSON.stringify(value));
  return { dtype: "u8", shape: [data.length], data };
}

/**
 * The object that `jsonTensor` took; undefined for nothing.
 * @param what it is, for the message, such as `cdo: the state of the curriculum`
 */
export function jsonOf(
  tensor: HostTensor | undefined,
  what: string,
): Readonly<Record<string, unknown>> | undefined {
  if (!tensor) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(tensor.data as Uint8Array));
    if (tensor.dtype === "u8" && isObject(value)) return value;
  } catch {
    // told below
  }
  const next = "the checkpoint is damaged; start the run anew with --overwrite";
  throw new LoupeError("checkpoint", `${what} is not JSON; ${next}`);
}
