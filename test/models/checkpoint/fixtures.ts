/** The files that PyTorch and the official safetensors wrote (test/fixtures/make/checkpoints.py), and what they hold. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import {
  type HostTensor,
  type StateDict,
  toFloat32,
} from "../../../src/models/checkpoint/index.ts";

const folder = join(import.meta.dirname, "../../fixtures/models/checkpoint");

/** A tensor as the fixtures store it: the bits of its values as float32. */
interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  readonly bits: number[];
}

const all = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
  string,
  Record<string, Expected>
>;

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, name)));
}

export function bitsOf(tensor: HostTensor): number[] {
  const values = toFloat32(tensor);
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

/** Names, dtypes, shapes and every bit of the values are those the fixture's maker wrote down. */
export function expectState(state: StateDict, name: string): void {
  const wanted = all[name] as Record<string, Expected>;
  const found = Object.fromEntries(
    [...state].map(([key, t]) => [key, { dtype: t.dtype, shape: [...t.shape], bits: bitsOf(t) }]),
  );
  expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
  for (const [key, tensor] of Object.entries(wanted))
    expect({ key, ...found[key] }).toEqual({ key, ...tensor });
}

/** The same bytes in memory that begins at an odd address; a Buffer, as Node's file functions give. */
export function unaligned(bytes: Uint8Array): Buffer {
  const out = Buffer.from(new ArrayBuffer(bytes.length + 1), 1);
  out.set(bytes);
  return out;
}
