/**
 * A tensor: a shape over a piece of GPU memory, always contiguous, images as `[N, H, W, C]`. Ops are functions
 * (`add(x, y)`, `conv2d(x, w)`); the methods here are about the tensor itself: reading it, owning it, its gradient.
 */
import { LoupeError } from "../error.ts";
import { bytesOf, type DType, sizeOf } from "../kernels/index.ts";
import type { Node } from "./autograd.ts";
import type { Device } from "./device.ts";
import { fromF16 } from "./f16.ts";
import type { Storage } from "./memory.ts";

export type Shape = readonly number[];
/** Host data of a tensor: f16 is given as f32. */
export type HostArray =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

let nextId = 1;

export class Tensor {
  readonly id: number = nextId++;
  readonly device: Device;
  readonly shape: Shape;
  readonly dtype: DType;
  /** The accumulated gradient of a leaf, `null` before the first `backward`. */
  grad: Tensor | null = null;
  /** Memory that an optimiser keeps for the gradient of this leaf; `backward` leaves it there where it can. */
  gradHome: Tensor | undefined;
  /** How this tensor was computed, when a gradient can flow through it. */
  node: Node | undefined;
  #storage: Storage | undefined;
  #offset: number;
  #requiresGrad = false;

  /** Use `device.tensor`, `device.zeros` or an op; `storage` already counts this tensor. */
  constructor(device: Device, storage: Storage, shape: Shape, dtype: DType, offset = 0) {
    this.device = device;
    this.shape = shape;
    this.dtype = dtype;
    this.#offset = offset;
    this.#storage = storage;
    device.scopes.adopt(this);
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Bytes of the elements. */
  get bytes(): number {
    return this.size * bytesOf[this.dtype];
  }

  get disposed(): boolean {
    return this.#storage === undefined;
  }

  /** The GPU buffer behind it. Throws when the tensor was freed. */
  get storage(): Storage {
    if (this.#storage) return this.#storage;
    throw freed(this.shape);
  }

  /** First byte inside the storage; a multiple of 256. */
  get offset(): number {
    return this.#offset;
  }

  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  /** Marks a leaf as wanting a gradient, or freezes it. */
  setRequiresGrad(on: boolean): this {
    if (on && this.dtype !== "f32") {
      throw new LoupeError(
        "shape",
        `setRequiresGrad: only f32 tensors have gradients, got ${this.dtype}`,
      );
    }
    this.#requiresGrad = on;
    return this;
  }

  /** The elements in row-major order. Waits for the GPU. */
  data(): Promise<HostArray> {
    this.device.requireNoRecording("reading a tensor");
    return this.#read();
  }

  async #read(): Promise<HostArray> {
    const { buffer } = this.storage;
    const raw = await this.device.readBytes(buffer, this.offset, this.bytes);
    if (this.dtype === "i32") return new Int32Array(raw);
    if (this.dtype === "u32") return new Uint32Array(raw);
    return this.dtype === "f16" ? fromF16(new Uint16Array(raw)) : new Float32Array(raw);
  }

  /** The only element of a tensor of one element. Waits for the GPU. */
  item(): Promise<number> {
    this.device.requireNoRecording("reading a tensor");
    return this.#one();
  }

  async #one(): Promise<number> {
    if (this.size !== 1) {
      throw new LoupeError("shape", `item: needs one element, got [${this.shape.join(", ")}]`);
    }
    return (await this.#read())[0] as number;
  }

  /**
   * The same memory under another shape (or none given: the same). Costs nothing; no gradient flows. With an `offset` in
   * bytes, a multiple of 256, a part of it.
   */
  view(shape: Shape = this.shape, offset?: number): Tensor {
    const { storage } = this;
    const start = offset ?? this.offset;
    const end = start + sizeOf(shape) * bytesOf[this.dtype];
    const inside = start >= this.offset && end <= this.offset + this.bytes;
    const fits = inside && start % 256 === 0 && start < storage.bytes;
    if (offset === undefined ? sizeOf(shape) !== this.size : !fits) {
      const part = offset === undefined ? "" : ` at byte ${start - this.offset}`;
      throw new LoupeError("shape", `view: ${this} has no [${shape.join(", ")}]${part}`);
    }
    storage.refs++;
    return new Tensor(this.device, storage, shape, this.dtype, start);
  }

  /** Lives in the memory of `home`, of this shape, from now on, whatever is there. Views of it stay where they were. */
  moveTo(home: Tensor): void {
    this.device.requireNoRecording("moving a tensor");
    const before = this.storage;
    if (home.dtype !== this.dtype || home.shape.join() !== this.shape.join()) {
      throw new LoupeError("shape", `moveTo: ${this} does not fit into ${home}`);
    }
    this.#storage = home.storage;
    this.#offset = home.offset;
    this.#storage.refs++;
    this.device.scopes.moved(this);
    this.device.memory.release(before);
  }

  /** `view`, and this tensor is freed: for an op's own temporaries. */
  into(shape: Shape): Tensor {
    const view = this.view(shape);
    this.dispose();
    return view;
  }

  /** The same values outside the graph. */
  detach(): Tensor {
    return this.view();
  }

  /** Takes the tensor out of its scope: it lives until `dispose`. For parameters and state. */
  keep(): this {
    this.device.scopes.keep(this);
    return this;
  }

  /** Frees the memory, unless another tensor views it. Twice does no harm. */
  dispose(): void {
    if (!this.#storage) return;
    this.device.scopes.forget(this);
    this.device.memory.release(this.#storage);
    this.#storage = undefined;
    this.node &&= goneNode(this.shape);
    this.grad?.dispose();
    this.grad = null;
  }

  /**
   * Frees the memory but stays in the graph: for what lies between two ops whose gradients don't read it, such as a BatchNorm's
   * output before a ReLU. A gradient that does read it fails.
   */
  forgetValues(): void {
    const { node } = this;
    this.node = undefined;
    this.dispose();
    this.node = node;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `Tensor ${this.dtype} [${this.shape.join(", ")}]`;
  }
}

function freed(shape: Shape): LoupeError {
  const text = `tensor [${shape.join(", ")}] was freed`;
  return new LoupeError("memory", `${text}: return it from its scope or keep() it`);
}

/** What is left of the graph behind a freed tensor: it holds nothing, and a gradient that should flow through it is an error. */
function goneNode(shape: Shape): Node {
  const backward = () => {
    throw freed(shape);
  };
  return { op: "freed", inputs: [], backward };
}
