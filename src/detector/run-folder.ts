/**
 * A training run on disk:
 *
 *   run.json                what was run: method, config, data, seed, adapter, versions
 *   checkpoint.safetensors  model, optimiser and position: what `--resume` needs
 *   frozen.safetensors      the frozen network (the teacher), written once
 *   model.safetensors       the trained network: what `predict` needs besides
 *   thresholds.json         where "defective" begins
 *   colour-scale.json       the colours of its pictures
 *   framing.json            what part of each image its maps are of
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
  isLink,
  joinPath,
  makeFolder,
  readBytes,
  sizeOfFile,
  writeWhole,
} from "#store";
import { LoupeError } from "../error.ts";
import { type StateDict, writeSafetensors } from "../models/index.ts";
import { isObject } from "./fields.ts";
import { clearRun, contentsOf, partsOf, sweep } from "./run-files.ts";
import { rewindLog } from "./run-log.ts";
import { type RunRecord, readRecord, readThresholds } from "./run-record.ts";
import type { Thresholds } from "./thresholds.ts";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  readTensors,
  requireFinite,
  type SavedCheckpoint,
  type TrainingCheckpoint,
} from "./training-checkpoint.ts";

const names = {
  run: "run.json",
  checkpoint: "checkpoint.safetensors",
  frozen: "frozen.safetensors",
  model: "model.safetensors",
  thresholds: "thresholds.json",
  log: "log.jsonl",
} as const;

const mostJsonBytes = 2 ** 26;

export class RunFolder {
  readonly path: string;
  /** The last line of the log, written or under way. */
  #logged: Promise<void> = Promise.resolve();

  /** Use `create` or `open`. */
  private constructor(path: string) {
    this.path = path;
  }

  /**
   * A folder for a new run.
   * @param overwrite true: what an earlier run wrote there is removed, and nothing else; false: such a folder is refused
   */
  static async create(path: string, record: RunRecord, overwrite = false): Promise<RunFolder> {
    const folder = new RunFolder(path);
    readRecord("RunFolder.create", { ...record });
    if (await isLink(path)) {
      throw new LoupeError("io", `${path}: is a symbolic link; give the folder that it leads to`);
    }
    if (await exists(path)) {
      const files = await contentsOf(path);
      const known = files.includes(names.run);
      if (files.length > 0 && !(overwrite && known)) {
        const found = known
          ? "there is a run already; give --resume to go on, --overwrite to start anew, or"
          : "holds other files; give";
        throw new LoupeError("io", `${path}: ${found} another --output`);
      }
      await clearRun(path);
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

  /** Path of a file of the run, such as `maps/crack/003.npy`. Throws for a name that leads out of the folder. */
  file(name: string): string {
    return joinPath(this.path, ...partsOf(this.path, name));
  }

  async record(): Promise<RunRecord> {
    return readRecord(this.file(names.run), await this.readJson(names.run));
  }

  /** Appends a line to log.jsonl, in the order of the calls. */
  log(event: Readonly<Record<string, unknown>>): Promise<void> {
    const line = JSON.stringify(event);
    const write = () => appendLine(this.file(names.log), line);
    this.#logged = this.#logged.then(write, write);
    return this.#logged;
  }

  writeText(name: string, text: string): Promise<void> {
    return this.#write(name, text);
  }

  writeBytes(name: string, bytes: Uint8Array): Promise<void> {
    return this.#write(name, bytes);
  }

  writeJson(name: string, value: unknown): Promise<void> {
    return this.#write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  async #write(name: string, data: string | Uint8Array): Promise<void> {
    const parts = partsOf(this.path, name);
    for (let i = 1; i < parts.length; i++) {
      const folder = joinPath(this.path, ...parts.slice(0, i));
      if (!(await isLink(folder))) continue;
      const rule = "is a symbolic link, and a run writes into its own folder only";
      throw new LoupeError("io", `${folder}: ${rule}; remove it`);
    }
    return writeWhole(joinPath(this.path, ...parts), data);
  }

  async readJson(name: string): Promise<Record<string, unknown>> {
    const path = this.file(name);
    const text = new TextDecoder().decode(await readBytes(path, mostJsonBytes));
    try {
      const value: unknown = JSON.parse(text);
      if (isObject(value)) return value;
    } catch {
      // told below
    }
    throw new LoupeError("io", `${path}: is not a JSON object; it was changed or damaged`);
  }

  /**
   * Saves model, optimiser and position in one file.
   * @throws LoupeError `numeric` when a number is not finite; the checkpoint before it stays, as it does when writing fails
   */
  async saveCheckpoint(checkpoint: TrainingCheckpoint): Promise<void> {
    const path = this.file(names.checkpoint);
    requireFinite(path, checkpoint.model);
    requireFinite(path, checkpoint.training);
    await this.#logged.catch(() => {}); // whoever logged it is told
    const logBytes = await sizeOfFile(this.file(names.log));
    await this.#write(names.checkpoint, encodeCheckpoint({ ...checkpoint, logBytes }));
  }

  /** The last checkpoint, or `undefined` when there is none yet. */
  async loadCheckpoint(): Promise<SavedCheckpoint | undefined> {
    const path = this.file(names.checkpoint);
    if (!(await exists(path))) return undefined;
    return decodeCheckpoint(path, await readBytes(path));
  }

  /**
   * Makes the folder ready to go on from its checkpoint (`undefined`: from the beginning). What was logged after it will be
   * logged again, so those lines go, and so does what a crash left unfinished.
   * @param again whether an event will be logged again; default: all
   */
  async goOn(
    checkpoint: SavedCheckpoint | undefined,
    again: (event: Readonly<Record<string, unknown>>) => boolean = () => true,
  ): Promise<void> {
    await sweep(this.path);
    await rewindLog(this.file(names.log), checkpoint?.logBytes ?? 0, again);
  }

  async saveFrozen(state: StateDict): Promise<void> {
    requireFinite(this.file(names.frozen), state);
    await this.#write(names.frozen, writeSafetensors(state));
  }

  async loadFrozen(): Promise<StateDict> {
    const next = "it was stopped before training began; start it anew with --overwrite";
    return this.#readState(names.frozen, `this run has no frozen network; ${next}`);
  }

  async saveModel(state: StateDict, metadata: Readonly<Record<string, string>>): Promise<void> {
    requireFinite(this.file(names.model), state);
    await this.#write(names.model, writeSafetensors(state, new Map(Object.entries(metadata))));
  }

  /** The trained network; a run that was not trained to its end has none. */
  async loadModel(): Promise<StateDict> {
    const next = `finish it with \`loupe train --resume ${this.path}\``;
    return this.#readState(names.model, `this run has no trained model yet; ${next}`);
  }

  async #readState(name: string, missing: string): Promise<StateDict> {
    const path = this.file(name);
    if (!(await exists(path))) throw new LoupeError("io", `${path}: ${missing}`);
    return readTensors(path, await readBytes(path)).tensors;
  }

  saveThresholds(thresholds: Thresholds): Promise<void> {
    return this.writeJson(names.thresholds, thresholds);
  }

  /** `undefined` when the run was never evaluated. */
  async loadThresholds(): Promise<Thresholds | undefined> {
    const path = this.file(names.thresholds);
    if (!(await exists(path))) return undefined;
    return readThresholds(path, await this.readJson(names.thresholds));
  }
}
