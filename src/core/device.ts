/** An open GPU and what lives on it: memory, the queue of work, the scopes. Opened by `openDevice`. */
import { LoupeError } from "../error.ts";
import { bytesOf, type DType, fillKernel, sizeOf } from "../kernels/index.ts";
import { toF16 } from "./f16.ts";
import { formatBytes, Memory } from "./memory.ts";
import type { AdapterInfo, DeviceOptions } from "./open.ts";
import { copyElements } from "./ops/accumulate.ts";
import { Planner } from "./planner.ts";
import { Queue } from "./queue.ts";
import { readBuffer } from "./read.ts";
import { type RecordedLaunch, type Recording, unrecordable } from "./recording.ts";
import { type Leak, Scopes } from "./scope.ts";
import { type HostArray, type Shape, Tensor } from "./tensor.ts";
import { Workspace } from "./workspace.ts";

/** An open GPU. Everything on it is freed by `close`. */
export class Device {
  readonly adapter: AdapterInfo;
  readonly memory: Memory;
  readonly queue: Queue;
  readonly scopes: Scopes = new Scopes();
  /** Chooses how ops are computed. */
  readonly planner: Planner = new Planner();
  /** The memory that recorded programs share. */
  readonly workspace: Workspace;
  /** What is being recorded, while `program` records. */
  recording: Recording | undefined;
  /** The native device, for tools that measure. */
  readonly native: GPUDevice;
  /** Dawn's instance; keeps it from being collected while the device lives. */
  readonly instance: GPU;
  #closed = false;

  /** Use `openDevice`. */
  constructor(
    instance: GPU,
    native: GPUDevice,
    adapter: AdapterInfo,
    options: Pick<DeviceOptions, "memoryLimit" | "subgroups"> = {},
  ) {
    this.instance = instance;
    this.native = native;
    this.adapter = adapter;
    const { subgroupMinSize = 0 } = native.adapterInfo ?? {};
    const has = native.features.has("subgroups") && subgroupMinSize >= 8;
    this.subgroups = has && options.subgroups !== false;
    this.queue = new Queue(native);
    this.memory = new Memory(native, {
      limit: options.memoryLimit ?? Number.POSITIVE_INFINITY,
      onError: (error) => this.queue.fail(error),
      beforeDestroy: () => {
        if (!this.queue.failure) this.queue.flush();
        this.queue.forgetBuffers();
      },
    });
    this.workspace = new Workspace(this.memory);
    native.lost.then((lost) => {
      const what = `the GPU was lost: ${textOf(lost.message)}`;
      this.queue.fail(new LoupeError("device", `device: ${what}; resume from the last checkpoint`));
    });
  }

  get features(): ReadonlySet<string> {
    return this.native.features as ReadonlySet<string>;
  }

  /** True when kernels may hand values round in subgroups of at least eight threads. */
  readonly subgroups: boolean;

  get limits(): GPUSupportedLimits {
    return this.native.limits;
  }

  /**
   * A tensor from host data, row-major, images `[N, H, W, C]`.
   * @param dtype default: f32 for numbers and Float32Array, i32 and u32 for their arrays
   */
  tensor(data: HostArray | readonly number[], shape: Shape, dtype: DType = dtypeOf(data)): Tensor {
    if (data.length !== sizeOf(shape)) {
      const text = `${data.length} numbers for shape [${shape.join(", ")}] of ${sizeOf(shape)}`;
      throw new LoupeError("shape", `tensor: got ${text}`);
    }
    if (this.recording) return this.#constant(hostBytes(data, dtype), shape, dtype);
    const tensor = this.empty(shape, dtype);
    if (data.length) this.write(tensor, data);
    return tensor;
  }

  /** Host data inside a recording: written once, the same at every run. */
  #constant(bytes: Uint8Array<ArrayBuffer>, shape: Shape, dtype: DType): Tensor {
    const storage = this.memory.allocate(bytes.byteLength, `constant [${shape.join(", ")}]`);
    if (bytes.byteLength) this.queue.write(storage.buffer, 0, bytes);
    storage.refs++; // the recording's
    this.recording?.constants.push({ storage, data: bytes.slice() });
    return new Tensor(this, storage, shape, dtype);
  }

  /** Overwrites a tensor's elements in place. */
  write(tensor: Tensor, data: HostArray | readonly number[]): void {
    this.requireNoRecording("writing to a tensor");
    if (data.length !== tensor.size) {
      throw new LoupeError("shape", `write: ${data.length} numbers into ${tensor}`);
    }
    const { storage, offset, size, dtype } = tensor;
    if (tensor.bytes % 4 && storage.refs > 1) {
      // GPU writes come in fours, and another view may own the two bytes after an odd number of halves
      this.scope(() => copyElements(this.tensor(data, [size], dtype), tensor));
      return;
    }
    this.queue.write(storage.buffer, offset, hostBytes(data, dtype));
  }

  /** Memory of a shape, with whatever was in it. */
  empty(shape: Shape, dtype: DType = "f32"): Tensor {
    this.queue.check();
    if (!shape.every((n) => Number.isInteger(n) && n >= 0)) {
      throw new LoupeError(
        "shape",
        `empty: shape [${shape.join(", ")}] is not made of whole numbers`,
      );
    }
    if (dtype === "f16" && !this.features.has("shader-f16")) {
      throw new LoupeError("device", `empty: ${this.adapter.name} has no f16 (shader-f16)`);
    }
    const bytes = sizeOf(shape) * bytesOf[dtype];
    const storage =
      this.recording?.allocate(bytes) ??
      this.memory.allocate(bytes, `tensor ${dtype} [${shape.join(", ")}]`);
    return new Tensor(this, storage, shape, dtype);
  }

  full(shape: Shape, value: number, dtype: DType = "f32"): Tensor {
    const tensor = this.empty(shape, dtype);
    this.fill(tensor, value);
    return tensor;
  }

  zeros(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.full(shape, 0, dtype);
  }

  ones(shape: Shape, dtype: DType = "f32"): Tensor {
    return this.full(shape, 1, dtype);
  }

  /** Sets every element in place. */
  fill(tensor: Tensor, value: number): void {
    if (tensor.size === 0) return;
    const spec = fillKernel(tensor.size, tensor.dtype, value);
    const range = { offset: tensor.offset, size: bindingSize(tensor) };
    const { storage } = tensor;
    this.submit({
      spec,
      buffers: [storage],
      ranges: [range],
      shapes: [tensor.shape],
      refresh: undefined,
    });
  }

  /** Queues a launch, or notes it while a program is recorded. */
  submit(launch: RecordedLaunch): void {
    if (this.recording) this.recording.push(launch);
    else this.queue.push(launch);
  }

  /** Throws while a program is recorded. */
  requireNoRecording(what: string): void {
    if (this.recording) throw unrecordable(what, "do it before or after the program");
  }

  /**
   * Runs `fn` and frees every tensor it made, except those it returns (alone, in arrays, maps or objects).
   * @example const y = device.scope(() => relu(conv2d(x, w)));
   */
  scope<T>(fn: () => T): T {
    return this.scopes.run(fn);
  }

  /**
   * Runs `fn` in a scope and reads the tensors it returns: what a training loop calls once a step. Afterwards those that `fn`
   * made are freed; returned parameters and state live on.
   * @example const [loss] = await device.read(() => [step(images)]);
   */
  read(fn: () => readonly Tensor[]): Promise<HostArray[]> {
    this.requireNoRecording("reading a tensor");
    return this.#readAll(fn);
  }

  async #readAll(fn: () => readonly Tensor[]): Promise<HostArray[]> {
    const tensors = this.scope(() => fn().map((t) => t.view())); // those of others stay theirs
    try {
      return await Promise.all(tensors.map((t) => t.data()));
    } finally {
      for (const tensor of tensors) tensor.dispose();
    }
  }

  async readBytes(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.queue.check();
    if (bytes === 0) return new ArrayBuffer(0);
    return readBuffer(this.native, this.queue, { buffer, offset, bytes });
  }

  /** Waits until all queued work is done; rejects when any of it was refused. */
  settle(): Promise<void> {
    this.requireNoRecording("waiting for the GPU");
    return this.queue.settle();
  }

  /** Tensors nobody owns, with the line that made each. */
  leaks(): Leak[] {
    return this.scopes.leaks();
  }

  /** Frees everything and lets the process end. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.queue.fail(new LoupeError("device", "device: the device is closed; open a new one"));
    this.native.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    const { liveBytes, pooledBytes } = this.memory.stats();
    return `${this.adapter.name} (${formatBytes(liveBytes)} live, ${formatBytes(pooledBytes)} pooled)`;
  }
}

/** Bytes to bind for a tensor: whole words, and at least one `vec4`, which every buffer has room for. */
export function bindingSize(tensor: Tensor): number {
  return Math.max(16, Math.ceil(tensor.bytes / 4) * 4);
}

function dtypeOf(data: HostArray | readonly number[]): DType {
  if (data instanceof Int32Array) return "i32";
  return data instanceof Uint32Array ? "u32" : "f32";
}

function hostBytes(data: HostArray | readonly number[], dtype: DType): Uint8Array<ArrayBuffer> {
  const typed = {
    f32: () => (data instanceof Float32Array ? data : Float32Array.from(data)),
    i32: () => (data instanceof Int32Array ? data : Int32Array.from(whole(data, "i32"))),
    u32: () => (data instanceof Uint32Array ? data : Uint32Array.from(whole(data, "u32"))),
    f16: () => toF16(data),
  }[dtype]();
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

/** The same numbers if they are whole and fit the type. */
function whole(data: HostArray | readonly number[], dtype: "i32" | "u32"): ArrayLike<number> {
  const [lo, hi] = dtype === "i32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  for (const value of data) {
    if (Number.isInteger(value) && value >= lo && value <= hi) continue;
    throw new LoupeError("shape", `tensor: ${value} is no ${dtype}`);
  }
  return data;
}

/** An error's message on one line. */
export function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replace(/\s+/g, " ").replace(/\.$/, "");
}
