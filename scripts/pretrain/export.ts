/** The file that is published: the backbone in half precision, without the counters of BatchNorm. */
import { toF16 } from "../../src/core/index.ts";
import { LoupeError } from "../../src/error.ts";
import { hostTensor, type StateDict, toFloat32, writeSafetensors } from "../../src/models/index.ts";

/** @throws LoupeError `checkpoint` for a number that half precision does not have */
export function halfPrecision(
  state: StateDict,
  notes: Readonly<Record<string, string>>,
): Uint8Array {
  const halves: StateDict = new Map();
  for (const [name, value] of state) {
    if (name.endsWith("num_batches_tracked")) continue;
    const numbers = toFloat32(value);
    if (!numbers.every((v) => Math.abs(v) < 65504)) {
      throw new LoupeError("checkpoint", `pretrain: ${name} has values beyond half precision`);
    }
    halves.set(name, hostTensor("f16", value.shape, toF16(numbers)));
  }
  return writeSafetensors(halves, new Map(Object.entries({ format: "pt", ...notes })));
}
