/** Checkpoint files and published weights: reading, writing, matching, fetching. */
export {
  fetchWeights,
  listWeights,
  loadWeights,
  weightsHome,
} from "#weights";
export {
  findWeights,
  type LoadedWeights,
  type WeightsEntry,
  type WeightsOptions,
  type WeightsStatus,
  weightsTable,
} from "../weights.ts";
export {
  type Checkpoint,
  type CheckpointFormat,
  readCheckpoint,
  sniffCheckpoint,
} from "./checkpoint.ts";
export { toHWIO, toOIHW } from "./layout.ts";
export {
  explainMismatch,
  matchState,
  requireMatch,
  type StateMatch,
  teacherHeads,
} from "./match.ts";
export type { Part } from "./prefixes.ts";
export { readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.ts";
export { type CheckpointSummary, showCheckpoint } from "./show.ts";
export {
  type HostDType,
  type HostTensor,
  hostTensor,
  numel,
  type StateDict,
  toFloat32,
} from "./tensor.ts";
