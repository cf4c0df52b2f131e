/**
 * The training: AdamW, a rate that rises and falls as half a cosine, one recorded step. Its state is one safetensors file, and a
 * training that was read back goes on with the same bits.
 */
import {
  backward,
  type Device,
  type Program,
  program,
  Rng,
  type Tensor,
} from "../../src/core/index.ts";
import { textureClasses } from "../../src/data/index.ts";
import { LoupeError } from "../../src/error.ts";
import {
  AdamW,
  cosineAnnealingLR,
  levelStrides,
  readSafetensors,
  type Schedule,
  type StateDict,
  warmUp,
  writeSafetensors,
} from "../../src/models/index.ts";
import { type BatchSettings, drawBatch, type TextureBatch } from "./batch.ts";
import { noLabel, TextureNet } from "./network.ts";

/** All that decides the weights. */
export interface PretrainSettings extends BatchSettings {
  readonly backbone: string;
  /** Of the whole training. */
  readonly steps: number;
  /** Highest learning rate. */
  readonly lr: number;
  readonly weightDecay: number;
  /** Weight of the loss on colours. */
  readonly colour: number;
}

export const usual: PretrainSettings = {
  backbone: "resnet10_half",
  steps: 8500,
  batch: 16,
  size: 64,
  lr: 0.003,
  weightDecay: 0.02,
  colour: 0.5,
  seed: 1,
};

type Step = Program<[Tensor, Tensor, Tensor, Tensor], Tensor>;

export class Pretraining {
  readonly settings: PretrainSettings;
  /** Steps done. */
  step = 0;
  readonly #device: Device;
  readonly #net: TextureNet;
  readonly #optimiser: AdamW;
  readonly #rate: Schedule;
  readonly #program: Step;
  #next: { readonly step: number; readonly batch: TextureBatch } | undefined;

  constructor(device: Device, settings: PretrainSettings) {
    checkSettings(settings);
    this.settings = settings;
    this.#device = device;
    const rng = new Rng(settings.seed).fork("pretrain");
    const net = new TextureNet({ device, rng }, settings.backbone, textureClasses.length);
    this.#net = net;
    const { lr, weightDecay, steps } = settings;
    const optimiser = new AdamW(net.namedParameters(), { lr, weightDecay });
    this.#optimiser = optimiser;
    const cosine = cosineAnnealingLR({ lr, tMax: steps });
    this.#rate = warmUp(cosine, { steps: Math.min(200, Math.floor(steps / 10)) });
    this.#program = program(device, (images, ...labels) => {
      const loss = net.loss(images, labels, settings.colour);
      backward(loss, undefined, { freeGraph: true });
      optimiser.step();
      optimiser.zeroGrad();
      return loss;
    });
  }

  /** One step; returns its loss. The next batch is drawn on the host while the device works. */
  async advance(): Promise<number> {
    const { step } = this;
    const batch = this.#next?.step === step ? this.#next.batch : drawBatch(this.settings, step);
    this.#optimiser.lr = this.#rate(step);
    const running = this.#device.read(() => [this.#program(...this.#upload(batch))]);
    this.step++;
    if (this.step < this.settings.steps) {
      this.#next = { step: this.step, batch: drawBatch(this.settings, this.step) };
    }
    const [loss] = await running;
    const value = loss![0] as number;
    if (Number.isFinite(value)) return value;
    throw new LoupeError("config", `pretrain: the loss of step ${step} is ${value}; lower --lr`);
  }

  /** The share of places of each level that are named right, on `batches` batches that no training sees; in eval mode. */
  async accuracy(batches: number): Promise<number[]> {
    const right = levelStrides.map(() => 0);
    const counted = levelStrides.map(() => 0);
    this.#net.eval();
    for (let k = 1; k <= batches; k++) {
      const batch = drawBatch(this.settings, -k);
      const named = await this.#device.read(() => this.#net.name(this.#upload(batch)[0]));
      batch.labels.forEach((labels, level) => {
        labels.forEach((label, i) => {
          if (label === noLabel) return;
          counted[level]!++;
          if (named[level]![i] === label) right[level]!++;
        });
      });
    }
    this.#net.train();
    return right.map((n, level) => n / counted[level]!);
  }

  #upload({ images, labels }: TextureBatch): [Tensor, Tensor, Tensor, Tensor] {
    const { batch, size } = this.settings;
    const ofLevel = (level: number) => {
      const side = size / levelStrides[level]!;
      return this.#device.tensor(labels[level]!, [batch, side, side]);
    };
    const pictures = this.#device.tensor(images, [batch, size, size, 3]);
    return [pictures, ofLevel(0), ofLevel(1), ofLevel(2)];
  }

  /** The backbone's numbers, in PyTorch's names and layout. */
  backbone(): Promise<StateDict> {
    return this.#net.backbone.stateDict();
  }

  /** Everything that is needed to go on, as a safetensors file. */
  async save(): Promise<Uint8Array> {
    const state: StateDict = new Map();
    for (const [name, value] of await this.#net.stateDict()) state.set(`net.${name}`, value);
    for (const [name, value] of await this.#optimiser.stateDict()) {
      state.set(`optimiser.${name}`, value);
    }
    const { settings, step } = this;
    const notes = [
      ["settings", JSON.stringify(settings)],
      ["step", String(step)],
    ] as const;
    return writeSafetensors(state, new Map(notes));
  }

  /** Goes on where `save` was called. Throws `LoupeError("checkpoint")` for a training with other settings. */
  load(bytes: Uint8Array): void {
    const { tensors, metadata } = readSafetensors(bytes);
    const [saved, own] = [metadata.get("settings"), JSON.stringify(this.settings)];
    if (saved !== own) {
      const text = `it was saved with ${saved}, this training has ${own}`;
      throw new LoupeError("checkpoint", `pretrain: the checkpoint does not fit: ${text}`);
    }
    const step = Number(metadata.get("step") ?? Number.NaN);
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new LoupeError("checkpoint", "pretrain: the checkpoint does not say its step");
    }
    const part = (start: string): StateDict =>
      new Map(
        [...tensors]
          .filter(([name]) => name.startsWith(start))
          .map(([name, value]) => [name.slice(start.length), value]),
      );
    this.#net.loadStateDict(part("net."));
    this.#optimiser.loadStateDict(part("optimiser."));
    this.step = step;
    this.#next = undefined;
  }

  dispose(): void {
    this.#program.dispose();
    this.#optimiser.dispose();
    this.#net.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkSettings({ size, batch, steps, seed }: PretrainSettings): void {
  const fail = (rule: string) => new LoupeError("config", `pretrain: ${rule}`);
  const whole = (n: number) => Number.isSafeInteger(n) && n > 0;
  if (!whole(size) || size % 16 !== 0) throw fail(`size must be a multiple of 16, got ${size}`);
  if (!whole(batch)) throw fail(`batch must be a whole number from 1, got ${batch}`);
  if (!whole(steps)) throw fail(`steps must be a whole number from 1, got ${steps}`);
  if (!Number.isSafeInteger(seed) || seed < 0) throw fail(`seed must be whole, got ${seed}`);
}
