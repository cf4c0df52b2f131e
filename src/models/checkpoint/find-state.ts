/**
 * Where the weights sit inside a saved object. References wrap them differently: plain (torchvision, CDO 2023), under `net` beside the
 * optimizer (CDO 2025), as a list of levels under `state_dict` (FOD). Source: the references' `torch.save` calls.
 */
import { LoupeError } from "../../error.ts";
import { describe, TensorRef, type Value } from "./pickle-values.ts";

/** Keys under which a state dict is looked for, first match wins. */
const containers = [
  "net",
  "state_dict",
  "model_state_dict",
  "model",
  "student",
  "net_s",
  "teacher",
  "net_t",
  "state_dict_ema",
  "model_ema",
  "weights",
  "params",
  "module",
];

/** The weights of a file, by the names in the file. */
export interface FoundState {
  /** `""` if the file is the state dict itself, else the path to it, such as `net`. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Entries of the state dict that are no tensors, with what they are. */
  readonly skipped: ReadonlyMap<string, string>;
  /** What else the file holds, with what it is. */
  readonly beside: ReadonlyMap<string, string>;
}

type Dict = Map<Value, Value>;

/** Shared objects make a small file look huge when it is walked; nothing real comes near these. */
const maxLevels = 64;
const maxWrapperKeys = 64;
const maxTensors = 200_000;

function isState(value: Value | undefined): boolean {
  if (!(value instanceof Map)) return false;
  for (const v of value.values()) if (v instanceof TensorRef) return true;
  return false;
}

/** FOD saves `{ state_dict: [level0, level1] }`: keys get the level's number in front. */
function isLevels(value: Value | undefined): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.length <= maxLevels && value.every(isState)
  );
}

/** The value as one flat dict of tensors, if it is one or a list of them. */
function stateOf(value: Value | undefined): Dict | undefined {
  if (isLevels(value)) return flatten(value as Dict[]);
  return isState(value) ? (value as Dict) : undefined;
}

function flatten(levels: readonly Dict[]): Dict {
  const flat: Dict = new Map();
  const total = levels.reduce((sum, level) => sum + level.size, 0);
  if (total > maxTensors)
    throw new LoupeError("checkpoint", `pth: ${total} tensors, at most ${maxTensors} are read`);
  levels.forEach((level, i) => {
    for (const [key, value] of level) flat.set(`${i}.${keyText(key)}`, value);
  });
  return flat;
}

function keyText(key: Value): string {
  return typeof key === "string" ? key : describe(key);
}

function split(path: string, dict: Dict, beside: ReadonlyMap<string, string>): FoundState {
  const tensors = new Map<string, TensorRef>();
  const skipped = new Map<string, string>();
  for (const [key, value] of dict) {
    if (typeof key === "string" && value instanceof TensorRef) tensors.set(key, value);
    else skipped.set(keyText(key), describe(value));
  }
  return { path, tensors, skipped, beside };
}

function besides(dict: Dict, except: string): Map<string, string> {
  const out = new Map<string, string>();
  for (const [key, value] of dict) if (key !== except) out.set(keyText(key), describe(value));
  return out;
}

/** The key that holds the weights: a known one, else the only one that holds tensors. */
function containerOf(root: Dict): string | undefined {
  const holds = (key: Value) => isState(root.get(key)) || isLevels(root.get(key));
  const known = containers.find(holds);
  if (known !== undefined || isState(root) || root.size > maxWrapperKeys) return known;
  const holding = [...root.keys()].filter((key) => typeof key === "string" && holds(key));
  return holding.length === 1 ? (holding[0] as string) : undefined;
}

/** Finds the state dict in what a `.pth` holds; throws with the list of what is there if there is none. */
export function findState(root: Value): FoundState {
  const key = root instanceof Map ? containerOf(root) : undefined;
  if (root instanceof Map && key !== undefined)
    return split(key, stateOf(root.get(key)) ?? new Map(), besides(root, key));
  const plain = stateOf(root);
  if (plain !== undefined) return split("", plain, new Map());
  throw new LoupeError(
    "checkpoint",
    `pth: no state dict of tensors found (the file holds ${contents(root)}); save one with torch.save(model.state_dict(), path)`,
  );
}

function contents(root: Value): string {
  if (!(root instanceof Map)) return describe(root);
  const held = [...besides(root, "")].slice(0, 8).map(([key, what]) => `${key}: ${what}`);
  return held.join(", ") || "an empty dict";
}
