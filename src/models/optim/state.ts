/** An optimiser's memory as a state dict: `state.<name>.step`, `state.<name>.<moment>` in our layout, `param_groups.<setting>`. */
import type { Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { chunkSize } from "../../kernels/index.ts";
import { hostTensor, type StateDict, toFloat32 } from "../checkpoint/index.ts";
import type { Memory, Rule } from "./optimiser.ts";
import type { Place } from "./pack.ts";

type Kept = Pick<Rule, "name" | "stateNames" | "settings">;
type Floats = Float32Array<ArrayBuffer>;

const f64 = (value: number) => hostTensor("f64", [], Float64Array.of(value));

export async function readOptimiser(rule: Kept, memory: Memory, lr: number): Promise<StateDict> {
  const { names, pack, steps, state: flats } = memory;
  const state: StateDict = new Map([["param_groups.lr", f64(lr)]]);
  for (const [name, value] of Object.entries(rule.settings)) {
    state.set(`param_groups.${name}`, f64(value));
  }
  const [counts, moments] = await Promise.all([
    steps.data(),
    Promise.all(flats.map((parts) => Promise.all(parts.map((t) => t.data())))),
  ]);
  pack.places.forEach((place, row) => {
    const step = counts[row] as number;
    if (step === 0) return;
    const start = `state.${names[row]}.`;
    state.set(`${start}step`, hostTensor("i64", [], BigInt64Array.of(BigInt(step))));
    moments.forEach((parts, k) => {
      const flat = parts[pack.segments.indexOf(place.segment)] as Floats;
      const own = flat.slice(...bounds(place));
      state.set(start + rule.stateNames[k], hostTensor("f32", place.param.shape, own));
    });
  });
  return state;
}

/** Where a parameter's elements begin and end in its segment. */
function bounds({ param, range }: Place): [number, number] {
  const start = range.first * chunkSize;
  return [start, start + param.size];
}

/** Checks everything, then overwrites steps and moments. Returns the learning rate. */
export function writeOptimiser(rule: Kept, memory: Memory, state: StateDict): number {
  const { names, pack, steps, state: flats } = memory;
  const wanted = new Set(["param_groups.lr"]);
  for (const [name, value] of Object.entries(rule.settings)) {
    wanted.add(`param_groups.${name}`);
    checkSetting(rule, name, value, number(rule, state, `param_groups.${name}`));
  }
  const lr = number(rule, state, "param_groups.lr");
  const saved = pack.places.map((place, row) => find(rule, names[row], place.param, state, wanted));
  const extra = [...state.keys()].filter((key) => !wanted.has(key));
  if (extra.length) {
    throw fail(rule, `${extra.length} entries belong to no parameter, such as ${extra[0]}`);
  }
  const { device } = steps;
  device.write(
    steps,
    Uint32Array.from(saved, ({ step }) => step),
  );
  flats.forEach((parts, k) => {
    pack.segments.forEach((segment, at) => {
      const flat = parts[at] as Tensor;
      const data = new Float32Array(flat.size);
      pack.places.forEach((place, row) => {
        const own = saved[row]?.moments[k];
        if (own && place.segment === segment) data.set(own, bounds(place)[0]);
      });
      device.write(flat, data);
    });
  });
  return lr;
}

/** What the state dict has for one parameter: its step, 0 when it has nothing. Adds its keys to `wanted`. */
function find(
  rule: Kept,
  name: string | undefined,
  param: Tensor,
  state: StateDict,
  wanted: Set<string>,
): { readonly step: number; readonly moments: readonly Float32Array[] } {
  const start = `state.${name}.`;
  if (!state.has(`${start}step`)) return { step: 0, moments: [] };
  wanted.add(`${start}step`);
  const step = number(rule, state, `${start}step`);
  if (!Number.isInteger(step) || step < 0 || step >= 2 ** 32) {
    throw fail(rule, `${start}step is ${step}`);
  }
  const moments = rule.stateNames.map((moment) => {
    wanted.add(start + moment);
    const found = state.get(start + moment);
    if (!found) throw fail(rule, `${start}${moment} is missing`);
    if (found.shape.join() === param.shape.join()) return toFloat32(found);
    throw fail(rule, `${start}${moment} is [${found.shape}] but the parameter is [${param.shape}]`);
  });
  return { step, moments };
}

function number(rule: Kept, state: StateDict, key: string): number {
  const value = state.get(key);
  if (value?.data.length === 1) return Number(value.data[0]);
  throw fail(rule, value ? `${key} is not a single number` : `${key} is missing`);
}

function checkSetting(rule: Kept, name: string, own: number, saved: number): void {
  if (saved === own) return;
  const next = "set the same value, or start the optimiser anew";
  throw fail(rule, `it was saved with ${name} ${saved}, this one has ${own}; ${next}`);
}

function fail(rule: Kept, message: string): LoupeError {
  return new LoupeError("checkpoint", `${rule.name}: the state does not fit: ${message}`);
}
