/** The parts of CDO: apprentice and loss scale, and the names of all parts in a run's files. */
import { type Device, type Rng, requirePrecision } from "../core/index.ts";
import { type Backbone, findBackbone, GradScaler } from "../models/index.ts";
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
