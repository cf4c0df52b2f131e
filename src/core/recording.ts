/**
 * What happens while a program is recorded: launches are noted instead of queued, and what ops make has a size and a lifetime but
 * no buffer yet. Nothing reaches the GPU, so recording can be repeated, compared, or thrown away.
 */
import { LoupeError } from "../error.ts";
import type { KernelSpec } from "../kernels/index.ts";
import type { Storage } from "./memory.ts";
import type { Launch } from "./queue.ts";
import { callSite } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/** Memory of a recording before it is planned. Its lifetime is that of the launches that touch it. */
export class VirtualStorage implements Storage {
  readonly id: number;
  readonly bytes: number;
  readonly pooled = false;
  refs = 1;
  /** The first launch that touches it. */
  first: number = Number.POSITIVE_INFINITY;
  /** The last launch that touches it. */
  last = -1;

  constructor(id: number, bytes: number) {
    this.id = id;
    this.bytes = bytes;
  }

  get buffer(): GPUBuffer {
    throw new LoupeError(
      "memory",
      "program: a tensor of the recording has no memory yet; use what the program returns",
    );
  }
}

/** One launch of a recording. */
export interface RecordedLaunch extends Launch {
  /** Makes the parameters anew at every run, for a launch whose parameters change. */
  readonly refresh: (() => KernelSpec) | undefined;
}

/** What is being noted. */
export class Recording {
  readonly launches: RecordedLaunch[] = [];
  /** Host work of every run, done before its launches. */
  readonly hooks: (() => void)[] = [];
  /** Host data that the step turned into tensors. */
  readonly constants: { readonly storage: Storage; readonly data: Uint8Array }[] = [];
  /** Buffers that existed before: parameters, state. */
  readonly externals: Set<Storage> = new Set();
  readonly #made: VirtualStorage[] = [];
  readonly #kept = new Map<Tensor, string>();
  /** Number of launches when the gradients began. */
  backwardAt: number | undefined;

  allocate(bytes: number): VirtualStorage {
    const storage = new VirtualStorage(
      -1 - this.#made.length,
      Math.max(16, Math.ceil(bytes / 4) * 4),
    );
    this.#made.push(storage);
    return storage;
  }

  push(launch: RecordedLaunch): void {
    const index = this.launches.push(launch) - 1;
    for (const storage of launch.buffers) {
      if (storage instanceof VirtualStorage) {
        storage.first = Math.min(storage.first, index);
        storage.last = index;
      } else this.externals.add(storage);
    }
  }

  /** Notes that a tensor leaves its scope; it must be gone when the recording ends. */
  keep(tensor: Tensor): void {
    if (tensor.storage instanceof VirtualStorage) this.#kept.set(tensor, callSite());
  }

  /** Notes where the gradients begin: what lives then is what the forward pass keeps for them. */
  markBackward(): void {
    this.backwardAt ??= this.launches.length;
  }

  /** Throws when a tensor made inside would outlive the recording. */
  checkKept(): void {
    for (const [tensor, site] of this.#kept) {
      if (tensor.disposed) continue;
      const rule = "return it, free it before the end, or make state before the program";
      throw new LoupeError("memory", `program: ${tensor} is kept inside at ${site}; ${rule}`);
    }
  }

  /** Frees what a failed recording kept. */
  abandon(): void {
    for (const tensor of this.#kept.keys()) tensor.dispose();
  }
}

/** The error for what can't be part of a recording. */
export function unrecordable(what: string, next: string): LoupeError {
  return new LoupeError("config", `program: ${what} at ${callSite()} cannot be recorded; ${next}`);
}
