/**
 * A training run on disk:
 *
 *   run.json                what was run: method, config, data, seed, adapter, versions
 *   checkpoint.safetensors  model, optimiser and position: what `--resume` needs
 *   frozen.safetensors      the frozen network (the teacher), written once
 *   model.safetensors       the trained network: what `predict` needs besides
 *   thresholds.json         where "defective" begins
 *   metrics.json, .csv      the last evaluation
 *   scores.csv              one line per test image
 *   log.jsonl               one line per event
 *   maps/, images/          anomaly maps as .npy, overlays as .png
 *
 * Every file is written whole or not at all. Only checkpoints decide where a run goes on; the log follows them.
 */
import {
  appendLine,
  exists,
  joinPath,
  listFolder,
  makeFolder,
  readBytes,
  removeFile,
  writeWhole,
} from "#store";
import { LoupeError } from "../error.ts";
import { readSafetensors, type StateDict, writeSafetensors } from "../models/index.ts";
import type { Progress } from "./fit.ts";
import type { Thresholds } from "./thresholds.ts";

/** What was run. */
export interface RunRecord {
  readonly method: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Where the frozen network's weights came from, with their SHA-256. */
  readonly weights: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
}

/** A state that training can go on from. */
export interface TrainingCheckpoint {
  readonly progress: Progress;
  readonly model: StateDict;
  readonly training: StateDict;
  /** Whatever else the caller wants back, such as the losses so far. */
  readonly extra: Readonly<Record<string, unknown>>;
}

const names = {
  run: "run.json",
  checkpoint: "checkpoint.safetensors",
  frozen: "frozen.safetensors",
  model: "model.safetensors",
  thresholds: "thresholds.json",
} as const;

export class RunFolder {
  readonly path: string;

  /** Use `create` or `open`. */
  private constructor(path: string) {
    this.path = path;
  }

  /**
   * A folder for a new run.
   * @param overwrite false: a folder that already holds a run is refused
   */
  static async create(path: string, record: RunRecord, overwrite = false): Promise<RunFolder> {
    const folder = new RunFolder(path);
    if (await exists(path)) {
      const files = await listFolder(path);
      const known = files.includes(names.run);
      if (files.length && !(overwrite && known)) {
        const next = known
          ? "give --resume to go on, --overwrite to start anew"
          : "it holds other files";
        throw new LoupeError(
          "io",
          `${path}: there is ${known ? "a run" : "something"} already; ${next}, or another --output`,
        );
      }
      for (const file of files) await removeFile(joinPath(path, file));
    }
    await makeFolder(path);
    await folder.writeJson(names.run, record);
    return folder;
  }

  static async open(path: string): Promise<RunFolder> {
    if (await exists(joinPath(path, names.run))) return new RunFolder(path);
    throw new LoupeError(
      "io",
      `${path}: no run here (${names.run} is missing); give the folder that \`loupe train\` wrote`,
    );
  }

  file(name: string): string {
    return joinPath(this.path, name);
  }

  async record(): Promise<RunRecord> {
    return (await this.readJson(names.run)) as unknown as RunRecord;
  }

  log(event: Readonly<Record<string, unknown>>): Promise<void> {
    return appendLine(this.file("log.jsonl"), JSON.stringify(event));
  }

  writeText(name: string, text: string): Promise<void> {
    return writeWhole(this.file(name), text);
  }

  writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    return writeWhole(this.file(name), bytes);
  }

  writeJson(name: string, value: unknown): Promise<void> {
    return writeWhole(this.file(name), `${JSON.stringify(value, null, 2)}\n`);
  }

  async readJson(name: string): Promise<Record<string, unknown>> {
    const text = new TextDecoder().decode(await readBytes(this.file(name)));
    try {
      const value: unknown = JSON.parse(text);
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        return value as Record<string, unknown>;
      }
    } catch {
      // told below
    }
    throw new LoupeError(
      "io",
      `${this.file(name)}: is not a JSON object; it was changed or damaged`,
    );
  }

  /** Model, optimiser and position in one file, so that they can't disagree. */
  saveCheckpoint({ progress, model, training, extra }: TrainingCheckpoint): Promise<void> {
    const tensors: StateDict = new Map();
    for (const [name, tensor] of model) tensors.set(`model/${name}`, tensor);
    for (const [name, tensor] of training) tensors.set(`training/${name}`, tensor);
    const metadata = new Map([
      ["progress", JSON.stringify(progress)],
      ["extra", JSON.stringify(extra)],
    ]);
    return this.writeBytes(names.checkpoint, writeSafetensors(tensors, metadata));
  }

  /** The last checkpoint, or `undefined` when there is none yet. */
  async loadCheckpoint(): Promise<TrainingCheckpoint | undefined> {
    const path = this.file(names.checkpoint);
    if (!(await exists(path))) return undefined;
    const { tensors, metadata } = await readTensors(path);
    const part = (prefix: string): StateDict =>
      new Map(
        [...tensors]
          .filter(([k]) => k.startsWith(prefix))
          .map(([k, v]) => [k.slice(prefix.length), v]),
      );
    const progress = parseProgress(path, metadata.get("progress"));
    const extra = JSON.parse(metadata.get("extra") ?? "{}") as Record<string, unknown>;
    return { progress, model: part("model/"), training: part("training/"), extra };
  }

  saveFrozen(state: StateDict): Promise<void> {
    return this.writeBytes(names.frozen, writeSafetensors(state));
  }

  async loadFrozen(): Promise<StateDict> {
    const path = this.file(names.frozen);
    return (await readTensors(path)).tensors;
  }

  saveModel(state: StateDict, metadata: Readonly<Record<string, string>>): Promise<void> {
    return this.writeBytes(names.model, writeSafetensors(state, new Map(Object.entries(metadata))));
  }

  /** The trained network; a run that never finished an epoch has none. */
  async loadModel(): Promise<StateDict> {
    const path = this.file(names.model);
    if (!(await exists(path))) {
      throw new LoupeError(
        "io",
        `${path}: this run has no trained model yet; finish it with \`loupe train … --resume\``,
      );
    }
    return (await readTensors(path)).tensors;
  }

  saveThresholds(thresholds: Thresholds): Promise<void> {
    return this.writeJson(names.thresholds, thresholds);
  }

  /** `undefined` when the run was never evaluated. */
  async loadThresholds(): Promise<Thresholds | undefined> {
    if (!(await exists(this.file(names.thresholds)))) return undefined;
    const value = (await this.readJson(names.thresholds)) as unknown as Thresholds;
    if (Number.isFinite(value.image) && Number.isFinite(value.pixel)) return value;
    throw new LoupeError("io", `${this.file(names.thresholds)}: image and pixel must be numbers`);
  }
}

function parseProgress(path: string, text: string | undefined): Progress {
  const value = JSON.parse(text ?? "null") as Progress | null;
  const whole = (n: unknown) => Number.isInteger(n) && (n as number) >= 0;
  if (value && whole(value.epoch) && whole(value.step)) return value;
  throw new LoupeError(
    "checkpoint",
    `${path}: its metadata lacks the position of the run; it is not a checkpoint of loupe`,
  );
}

async function readTensors(path: string): Promise<ReturnType<typeof readSafetensors>> {
  const bytes = await readBytes(path);
  try {
    return readSafetensors(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("checkpoint", `${path}: ${reason}; the file is damaged`, { cause });
  }
}
