/** An optimiser's memory as a state dict: `state.<name>.step`, `state.<name>.<moment>` in our layout, `param_groups.<setting>`. */
import type { Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type HostTensor, hostTensor, type StateDict, toFloat32 } from "../checkpoint/index.ts";
import type { Rule, Slot } from "./optimiser.ts";

type Kept = Pick<Rule, "name" | "stateNames" | "settings">;

const f64 = (value: number) => hostTensor("f64", [], Float64Array.of(value));

export async function readOptimiser(
  rule: Kept,
  slots: readonly Slot[],
  lr: number,
): Promise<StateDict> {
  const state: StateDict = new Map([["param_groups.lr", f64(lr)]]);
  for (const [name, value] of Object.entries(rule.settings)) {
    state.set(`param_groups.${name}`, f64(value));
  }
  const used = slots.filter((slot) => slot.step > 0);
  const moments = await Promise.all(used.map((slot) => Promise.all(slot.state.map(read))));
  used.forEach((slot, i) => {
    const start = `state.${slot.name}.`;
    state.set(`${start}step`, hostTensor("i64", [], BigInt64Array.of(BigInt(slot.step))));
    moments[i]?.forEach((m, k) => void state.set(start + rule.stateNames[k], m));
  });
  return state;
}

async function read(tensor: Tensor): Promise<HostTensor> {
  return hostTensor("f32", tensor.shape, (await tensor.data()) as Float32Array);
}

/** Checks everything, then overwrites steps and moments. Returns the learning rate. */
export function writeOptimiser(rule: Kept, slots: readonly Slot[], state: StateDict): number {
  const wanted = new Set(["param_groups.lr"]);
  for (const [name, value] of Object.entries(rule.settings)) {
    wanted.add(`param_groups.${name}`);
    checkSetting(rule, name, value, number(rule, state, `param_groups.${name}`));
  }
  const lr = number(rule, state, "param_groups.lr");
  const plans = slots.map((slot) => plan(rule, slot, state, wanted));
  const extra = [...state.keys()].filter((key) => !wanted.has(key));
  if (extra.length) {
    throw fail(rule, `${extra.length} entries belong to no parameter, such as ${extra[0]}`);
  }
  for (const apply of plans) apply();
  return lr;
}

/** What loading does to one parameter; adds its keys to `wanted`. */
function plan(rule: Kept, slot: Slot, state: StateDict, wanted: Set<string>): () => void {
  const { param } = slot;
  const start = `state.${slot.name}.`;
  if (!state.has(`${start}step`)) {
    return () => {
      slot.step = 0;
      for (const tensor of slot.state) param.device.fill(tensor, 0);
    };
  }
  wanted.add(`${start}step`);
  const step = number(rule, state, `${start}step`);
  if (!Number.isSafeInteger(step) || step < 0) throw fail(rule, `${start}step is ${step}`);
  const moments = rule.stateNames.map((name) => {
    wanted.add(start + name);
    const found = state.get(start + name);
    if (!found) throw fail(rule, `${start}${name} is missing`);
    if (found.shape.join() === param.shape.join()) return toFloat32(found);
    throw fail(rule, `${start}${name} is [${found.shape}] but the parameter is [${param.shape}]`);
  });
  return () => {
    slot.step = step;
    slot.state.forEach((tensor, k) => {
      param.device.write(tensor, moments[k] as Float32Array<ArrayBuffer>);
    });
  };
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
