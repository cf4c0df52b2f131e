/** The frozen network of CFA, whose pixels are the patches. */
import type { Device, Rng } from "../core/index.ts";
import { type Backbone, createBackbone, findBackbone, type StateDict } from "../models/index.ts";

/** reference: its ResNets give what goes into the last ReLU of a layer, through a LeakyReLU with this slope. */
const leakySum = 0.01;

/**
 * @param weights published weights; without them they are drawn
 * @param rng without it they are zeros, to be loaded
 */
export function createFrozen(
  device: Device,
  name: string,
  weights: StateDict | undefined,
  rng: Rng | undefined,
): Backbone {
  const { hasSums, create } = findBackbone(name);
  const settings = hasSums ? { leakySum } : {};
  if (weights) return createBackbone(name, { ...settings, device, weights });
  return create({ device, rng: rng?.fork("teacher") }, { ...settings, zeroInitLast: false });
}
