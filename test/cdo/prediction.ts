/** One prediction of CDO with weights that need no file: in Node and in a browser it must be the same map. */
import { createCdo } from "../../src/cdo/index.ts";
import type { Device } from "../../src/core/index.ts";
import { hostTensor, type StateDict } from "../../src/models/index.ts";
import { fillWeight } from "../golden.ts";
import { golden } from "./features.ts";

/** The map `[64, 64]` of ResNet-18 with both networks filled by the hash rule, and its score. */
export async function predictGolden(device: Device): Promise<{ map: Float32Array; score: number }> {
  const cdo = createCdo({ device, config: { backbone: "resnet18", imageSize: 64 }, seed: 1 });
  cdo.loadFrozenState(filled(await cdo.frozenState()));
  cdo.loadModelState(filled(await cdo.modelState()));
  const [map] = await device.read(() => [
    cdo.predict(golden(device, "input", [1, 3, 64, 64], -2, 2)),
  ]);
  cdo.dispose();
  return { map: map as Float32Array, score: cdo.imageScore(map as Float32Array) };
}

function filled(state: StateDict): StateDict {
  const made: StateDict = new Map();
  for (const [name, { shape }] of state) {
    const values = Float32Array.from(fillWeight(name, [...shape]));
    made.set(name, hostTensor("f32", [...shape], values));
  }
  return made;
}
