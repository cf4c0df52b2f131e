/** What CFA learns and remembers, under the names of the reference's state dict: the radius `r`, the bank `C` and the descriptor. */
import type { Device, Rng, Tensor } from "../core/index.ts";
import { Module, type StateDict } from "../models/index.ts";
import { Descriptor, type DescriptorShape } from "./descriptor.ts";

export interface PatchModelShape extends DescriptorShape {
  /** N, rows of the bank. */
  readonly centres: number;
  /** r at the start. */
  readonly radius: number;
}

/** The outer of the reference's two convolutions, which it saves and never uses. */
const dead = ["Descriptor.layer.weight", "Descriptor.layer.bias"];

export class PatchModel extends Module {
  /** r, `[1]` */
  readonly radius: Tensor;
  /** C, `[N, D]`, `[D, N]` in a state dict; zeros until it is filled. */
  readonly bank: Tensor;
  readonly descriptor: Descriptor;

  /** @param rng draws the descriptor; without it it is zeros, to be loaded */
  constructor(device: Device, rng: Rng | undefined, shape: PatchModelShape) {
    super();
    const { centres, width, radius } = shape;
    this.radius = this.parameter("r", device.full([1], radius));
    this.bank = this.buffer("C", device.zeros([centres, width]), "transposed");
    const build = { device, rng: rng?.fork("descriptor") };
    this.descriptor = this.child("Descriptor", new Descriptor(build, shape));
  }

  /** A state of ours or of the reference. */
  load(state: StateDict): void {
    this.loadStateDict(state, { ignore: dead, file: "the state of the model" });
  }

  override dispose(): void {
    super.dispose();
    this.descriptor.dispose();
  }

  override toString(): string {
    return "cfa";
  }
}
