/** What training, testing and predicting start from: an open GPU and a detector with its frozen network. */
import { type Device, openDevice } from "../core/index.ts";
import type { Detector, RunFolder, RunRecord } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  findBackbone,
  findWeights,
  loadWeights,
  readCheckpoint,
  type StateDict,
  toFloat32,
  type WeightsEntry,
  weightsTable,
} from "../models/index.ts";
import { defined } from "./defined.ts";
import { type Method, weightsFor } from "./method.ts";
import { findMethod } from "./methods.ts";
import { planSource } from "./plans.ts";
import { precisionOfRun, type WantedPrecision } from "./precision.ts";
import { profiled } from "./profiled.ts";
import type { Terminal } from "./terminal.ts";
import { downloadProgress } from "./weights.ts";

/** Which GPU, and how much of it. */
export interface DeviceSettings {
  readonly adapter?: string | undefined;
  /** MiB. */
  readonly memoryLimit?: number | undefined;
  /** A table of measured plans, or `none`. */
  readonly plans?: string | undefined;
  /** A file for the times of all kernels. */
  readonly profile?: string | undefined;
}

/** Opens the GPU; what the user should know about it becomes a warning. Throws `device`. */
export async function openGpu(
  { adapter, memoryLimit, plans }: DeviceSettings,
  terminal: Terminal,
): Promise<Device> {
  return openDevice({
    onWarning: (message) => terminal.warn(message),
    planTable: await planSource(plans),
    ...defined({ adapter }),
    ...defined({ memoryLimit: memoryLimit && memoryLimit * 2 ** 20 }),
  });
}

/** Opens the GPU for `work` and closes it after. */
export async function withDevice<T>(
  settings: DeviceSettings,
  terminal: Terminal,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const device = await openGpu(settings, terminal);
  try {
    return await profiled(settings.profile, device, terminal, () => work(device));
  } finally {
    device.close();
  }
}

/** The frozen network's weights and where they came from. */
export interface Teacher {
  /** undefined: random, drawn when the training images are known. */
  readonly state: StateDict | undefined;
  /** For messages and for the run's record. */
  readonly record: Readonly<Record<string, unknown>> & { readonly source: string };
}

export const randomWeights = "random";

/**
 * @param weights a file, a name of `loupe weights list` or of a backbone, or `random`
 * @param backbone the network that they are for
 * @throws LoupeError `io`, `config` or `checkpoint`, naming the file
 */
export async function loadTeacher(
  weights: string,
  backbone: string,
  terminal: Terminal,
): Promise<Teacher> {
  if (weights === randomWeights) {
    terminal.warn(
      "the frozen network is RANDOM, not pretrained: good for trying things out, the results say little about the method",
    );
    return { state: undefined, record: { source: randomWeights } };
  }
  const named = findWeights(weights);
  if (named) requireSameNetwork(weights, named, backbone); // before it is fetched
  const progress = downloadProgress(terminal);
  try {
    const { name, bytes, sha256, entry } = await loadWeights(weights, progress);
    const published = entry ?? publishedAs(sha256);
    if (published) requireSameNetwork(name, published, backbone);
    const { state } = readCheckpoint(bytes, { name, part: "teacher" });
    requireNumbers(name, state);
    const licence = entry ? { licence: entry.licence, url: entry.url } : {};
    return { state, record: { source: name, sha256, bytes: bytes.length, ...licence } };
  } finally {
    progress.end();
  }
}

/** The weights that the settings name, for the backbone that they name, or the method's own. Throws as `loadTeacher`. */
export async function teacherFor(
  method: Method,
  settings: Readonly<Record<string, unknown>> & { readonly weights?: string | undefined },
  terminal: Terminal,
): Promise<Teacher> {
  const config = method.config(settings);
  return loadTeacher(weightsFor(method, settings, config), String(config.backbone), terminal);
}

/** The table's entry of a file that has another name. */
const publishedAs = (sha256: string) =>
  weightsTable.find(({ sha256Prefix }) => sha256Prefix && sha256.startsWith(sha256Prefix));

/** Two networks may have the same tensors and compute other things with them: tf_efficientnet_b6 pads otherwise than efficientnet_b6. */
function requireSameNetwork(weights: string, entry: WeightsEntry, wanted: string): void {
  const { name } = findBackbone(wanted);
  if (entry.backbone === name) return;
  const next = `choose --backbone ${entry.backbone}, or weights of ${name}`;
  throw new LoupeError(
    "config",
    `--weights ${weights}: they are of ${entry.backbone}, not of ${name}; ${next}`,
  );
}

/** One NaN in the frozen network makes every loss NaN; better said here, with the file. */
function requireNumbers(name: string, state: StateDict): void {
  for (const [tensor, value] of state) {
    if (toFloat32(value).every(Number.isFinite)) continue;
    const what = `${tensor} has values that are NaN or infinite`;
    throw new LoupeError("checkpoint", `${name}: ${what}; the file is damaged, fetch it again`);
  }
}

/** A detector; weights that don't fit are named by their file. */
export function createDetector(
  method: Method,
  device: Device,
  config: Readonly<Record<string, unknown>>,
  teacher: Teacher,
  seed: number,
  inputs?: StateDict,
): Detector {
  return withWeightsNamed(teacher, () =>
    method.create({ device, config, teacher: teacher.state, inputs, seed }),
  );
}

/** What goes wrong with weights while `make` loads them is told with the name of their file. */
export function withWeightsNamed<T>({ record }: Teacher, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof LoupeError) || error.code !== "checkpoint") throw error;
    const { source } = record;
    const message = error.message
      .replace(/^weights: /, "")
      .replace("loupe weights show weights ", `loupe weights show ${source} `);
    throw new LoupeError("checkpoint", `${source}: ${message}`, { cause: error });
  }
}

/** The detector of a run, trained as far as its model file says. */
export async function openDetector(
  run: RunFolder,
  record: RunRecord,
  device: Device,
  { precision, terminal }: { readonly precision: WantedPrecision; readonly terminal: Terminal },
): Promise<Detector> {
  const model = await run.loadModel();
  const frozen = await run.loadFrozen();
  const { seed } = record;
  const chosen = precisionOfRun(precision, record.config, device, terminal);
  const config = { ...record.config, precision: chosen };
  const method = findMethod(record.method);
  return withRunNamed(run, () => method.create({ device, config, frozen, model, seed }));
}

/** What does not fit in the files of a run is told with the run that it is in. */
export function withRunNamed<T>(run: RunFolder, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof LoupeError)) throw error;
    const { code, message } = error;
    if (code === "config") {
      throw new LoupeError(code, `${run.file("run.json")}: ${message}`, { cause: error });
    }
    if (code !== "checkpoint") throw error;
    const model = run.file("model.safetensors");
    const text = message.replace(
      /loupe weights show the state of the model /,
      `loupe weights show ${model} `,
    );
    const next = "its files do not belong together; put back copies of them, or train anew";
    throw new LoupeError(code, `${run.path}: ${text}; ${next}`, { cause: error });
  }
}
