/**
 * Who owns GPU memory. A storage is one GPU buffer with a count of the tensors that look at it; when the last one goes, the
 * buffer returns to a pool of size classes and is handed out again. Launches run in the order they were queued, so a buffer
 * may be reused at once.
 *
 * Recorded programs plan their memory themselves (workspace.ts) and only `reserve` it here, to the byte.
 */
import { LoupeError } from "../error.ts";

/** One GPU buffer shared by the tensors that view it. */
export interface Storage {
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Size of the buffer, at least what was asked for. */
  readonly bytes: number;
  /** True when it returns to the pool; false for the memory of programs, which plan their own. */
  readonly pooled: boolean;
  refs: number;
}

/** What `device.memory.stats()` reports. Bytes count whole buffers. */
export interface MemoryStats {
  /** Bytes in buffers that some tensor uses. */
  readonly liveBytes: number;
  readonly liveBuffers: number;
  /** Bytes in buffers that wait to be reused. */
  readonly pooledBytes: number;
  /** Most bytes that existed at once, live and pooled, since the beginning or `restartPeak`. */
  readonly peakBytes: number;
}

/** Rounds up to a size class: steps of 256 bytes, then eighths of a power of two, so at most an eighth is wasted. */
export function sizeClass(bytes: number): number {
  const wanted = Math.max(256, bytes);
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(wanted)) - 3));
  return Math.ceil(wanted / step) * step;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 2 ** (10 * power);
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** The pool may hold this much, or as much as is in use, before a new size makes it start anew. */
const spare = 2 ** 30;

const advice = "lower --batch-size or --image-size, or free tensors";
const moreAdvice =
  "lower --batch-size or --image-size, train with --checkpoint-activations, or free tensors";

export class Memory {
  readonly #gpu: GPUDevice;
  readonly #limit: number;
  readonly #binding: number;
  readonly #free = new Map<number, Storage[]>();
  readonly #onError: (error: LoupeError) => void;
  readonly #beforeDestroy: () => void;
  #nextId = 1;
  #live = 0;
  #liveBuffers = 0;
  #pooled = 0;
  #peak = 0;

  constructor(
    gpu: GPUDevice,
    options: {
      limit: number;
      onError: (error: LoupeError) => void;
      beforeDestroy: () => void;
    },
  ) {
    this.#gpu = gpu;
    this.#limit = options.limit;
    this.#binding = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
    this.#onError = options.onError;
    this.#beforeDestroy = options.beforeDestroy;
  }

  /** A buffer of at least `bytes`, not cleared. `what` names the op and shape for the error. */
  allocate(bytes: number, what: string): Storage {
    if (bytes > this.#binding) {
      const limit = `this adapter binds at most ${formatBytes(this.#binding)}`;
      throw new LoupeError(
        "memory",
        `${what}: needs a buffer of ${formatBytes(bytes)}, ${limit}; ${advice}`,
      );
    }
    const size = Math.min(sizeClass(bytes), Math.floor(this.#binding / 4) * 4);
    const storage = this.#free.get(size)?.pop();
    if (storage) this.#pooled -= size;
    const result = storage ?? this.#create(size, what, true);
    result.refs = 1;
    this.#live += size;
    this.#liveBuffers++;
    return result;
  }

  /** A buffer of `bytes` outside the pool, until `unreserve`. */
  reserve(bytes: number, what: string): Storage {
    const size = Math.ceil(bytes / 256) * 256;
    if (this.#pooled >= size) this.trim(); // what waits in the pool would only add up
    const storage = this.#create(size, what, false);
    this.#live += size;
    this.#liveBuffers++;
    return storage;
  }

  /** Destroys a reserved buffer. */
  unreserve(storage: Storage): void {
    this.#beforeDestroy();
    storage.buffer.destroy();
    this.#live -= storage.bytes;
    this.#liveBuffers--;
  }

  #create(size: number, what: string, pooled: boolean): Storage {
    // changing shapes must not fill the GPU with buffers of sizes that never come again
    if (this.#pooled > Math.max(spare, this.#live)) this.trim();
    if (this.#live + this.#pooled + size > this.#limit) this.trim();
    if (this.#live + size > this.#limit) {
      const used = `${formatBytes(this.#live)} of ${formatBytes(this.#limit)} are in use`;
      throw new LoupeError(
        "memory",
        `${what}: needs ${formatBytes(size)} more, ${used}; ${moreAdvice}`,
      );
    }
    this.#gpu.pushErrorScope("out-of-memory");
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const buffer = this.#gpu.createBuffer({
      size,
      usage: STORAGE | COPY_SRC | COPY_DST,
      label: what,
    });
    this.#gpu.popErrorScope().then(
      (error) => {
        if (!error) return;
        const used = `${formatBytes(this.#live)} were in use`;
        this.#onError(
          new LoupeError(
            "memory",
            `${what}: the GPU has no ${formatBytes(size)} left, ${used}; ${moreAdvice}`,
          ),
        );
      },
      () => {}, // the device went away; its own handler reports that
    );
    this.#peak = Math.max(this.#peak, this.#live + this.#pooled + size);
    return { id: this.#nextId++, buffer, bytes: size, pooled, refs: 1 };
  }

  /** Gives up one reference; the last one returns the buffer to the pool. */
  release(storage: Storage): void {
    if (--storage.refs > 0 || !storage.pooled) return;
    this.#live -= storage.bytes;
    this.#liveBuffers--;
    this.#pooled += storage.bytes;
    const list = this.#free.get(storage.bytes);
    if (list) list.push(storage);
    else this.#free.set(storage.bytes, [storage]);
  }

  /** Destroys the buffers that wait in the pool. */
  trim(): void {
    if (this.#pooled === 0) return;
    this.#beforeDestroy();
    for (const list of this.#free.values()) for (const { buffer } of list) buffer.destroy();
    this.#free.clear();
    this.#pooled = 0;
  }

  /** Gives back what waits in the pool and measures the peak anew from what is in use. */
  restartPeak(): void {
    this.trim();
    this.#peak = this.#live;
  }

  stats(): MemoryStats {
    return {
      liveBytes: this.#live,
      liveBuffers: this.#liveBuffers,
      pooledBytes: this.#pooled,
      peakBytes: this.#peak,
    };
  }
}
