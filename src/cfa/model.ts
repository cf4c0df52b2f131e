/** What CFA learns and remembers, under the names of the reference's state dict: the radius `r`, the bank `C` and the descriptor. */
import type { Device, Rng, Tensor } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type HostTensor, Module, type StateDict, toFloat32 } from "../models/index.ts";
import { Descriptor, type DescriptorShape } from "./descriptor.ts";

export interface PatchModelShape extends DescriptorShape {
  /** N, rows of the bank. */
  readonly centres: number;
  /** r at the start. */
  readonly radius: number;
}

/** For messages. */
const file = "the state of the model";

/** The outer of the reference's two convolutions, which it saves and never uses. */
const dead = ["Descriptor.layer.weight", "Descriptor.layer.bias"];

export class PatchModel extends Module {
  /** r, `[1]` */
  readonly radius: Tensor;
  /** C, `[N, D]`, `[D, N]` in a state dict; zeros until it is filled. */
  readonly bank: Tensor;
  readonly descriptor: Descriptor;

  /**
   * What fails leaves nothing on the device.
   * @param rng draws the descriptor; without it it is zeros, to be loaded
   */
  constructor(device: Device, rng: Rng | undefined, shape: PatchModelShape) {
    super();
    const { centres, width, radius } = shape;
    this.radius = this.parameter("r", device.full([1], radius));
    try {
      this.bank = this.buffer("C", device.zeros([centres, width]), "transposed");
      const build = { device, rng: rng?.fork("descriptor") };
      this.descriptor = this.child("Descriptor", new Descriptor(build, shape));
    } catch (error) {
      super.dispose();
      throw error;
    }
  }

  /**
   * A state of ours or of the reference.
   * @throws LoupeError `checkpoint` for one of other sizes, or whose bank is not finite; nothing is changed then
   */
  load(state: StateDict): void {
    const C = state.get("C");
    if (C) this.#checkBank(C);
    this.loadStateDict(state, { ignore: dead, file });
  }

  #checkBank(C: HostTensor): void {
    const [centres, width] = this.bank.shape as [number, number];
    const [d, n] = C.shape;
    if (C.shape.length === 2 && (d !== width || n !== centres)) {
      const rule = `its memory bank C is of ${n} centres with ${d} channels, the settings make ${centres} with ${width}`;
      const next = "set backbone, imageSize, gammaC and gammaD to those that it was trained with";
      throw new LoupeError("checkpoint", `${this}: ${file}: ${rule}; ${next}`);
    }
    if (toFloat32(C).every(Number.isFinite)) return;
    const rule = "its memory bank C holds numbers that are NaN or infinite";
    throw new LoupeError("checkpoint", `${this}: ${file}: ${rule}; use another run`);
  }

  override dispose(): void {
    super.dispose();
    this.descriptor.dispose();
  }

  override toString(): string {
    return "cfa";
  }
}
