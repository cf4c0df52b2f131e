/**
 * Time per kernel from the GPU's own clock. While a profile is taken every launch has a compute pass of its own with a timestamp
 * at either end, so the sum is a little more than the same work takes without.
 */
import { LoupeError } from "../error.ts";
import type { Device } from "./device.ts";
import type { Prepared } from "./queue.ts";
import { takeBytes } from "./read.ts";

/** One launch as it ran. */
export interface ProfiledLaunch {
  readonly name: string;
  /** Shapes of its tensors, inputs then outputs. */
  readonly shapes: readonly (readonly number[])[];
  /** Nanoseconds since the first launch of the profile. */
  readonly start: number;
  /** Nanoseconds. */
  readonly duration: number;
}

export interface Profile {
  readonly adapter: string;
  readonly launches: readonly ProfiledLaunch[];
  /** Launches that came after the profile was full. */
  readonly left: number;
}

export interface ProfileOptions {
  /** Launches to keep at most; default 200,000. */
  readonly most?: number;
}

interface Part {
  readonly prepared: readonly Prepared[];
  readonly staging: GPUBuffer;
}

/** Puts timestamps around launches; the queue calls it instead of encoding them itself. */
export class Profiler {
  readonly #gpu: GPUDevice;
  readonly #most: number;
  readonly #parts: Part[] = [];
  #count = 0;
  #left = 0;

  constructor(gpu: GPUDevice, most: number) {
    this.#gpu = gpu;
    this.#most = most;
  }

  /** A pass for each launch; false when the profile is full. */
  encode(encoder: GPUCommandEncoder, prepared: readonly Prepared[]): boolean {
    const full = this.#count + prepared.length > this.#most;
    if (full) this.#left += prepared.length;
    if (full || prepared.length === 0) return !full;
    this.#count += prepared.length;
    const count = 2 * prepared.length;
    const querySet = this.#gpu.createQuerySet({ type: "timestamp", count });
    prepared.forEach(({ launch, pipeline, group, offsets }, i) => {
      const timestampWrites = {
        querySet,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      };
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, offsets);
      pass.dispatchWorkgroups(...launch.spec.grid);
      pass.end();
    });
    const size = 8 * count;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = this.#gpu.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = this.#gpu.createBuffer({ size, usage: MAP_READ | COPY_DST });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    this.#parts.push({ prepared, staging });
    return true;
  }

  /** Waits for the work and reads the times. */
  async collect(device: Device): Promise<Profile> {
    const launches: ProfiledLaunch[] = [];
    let origin: bigint | undefined;
    for (const { prepared, staging } of this.#parts) {
      const times = new BigUint64Array(await takeBytes(staging, device.queue));
      origin ??= times[0] as bigint;
      prepared.forEach(({ launch }, i) => {
        const [begin, end] = [times[2 * i] as bigint, times[2 * i + 1] as bigint];
        const start = Number(begin - (origin as bigint));
        const duration = Math.max(0, Number(end - begin));
        launches.push({ name: launch.spec.name, shapes: launch.shapes, start, duration });
      });
    }
    return { adapter: device.adapter.name, launches, left: this.#left };
  }
}

/**
 * Runs `work` and returns what its launches took.
 * @throws LoupeError `device` when the adapter has no timestamps
 * @example const { launches } = await profile(device, () => device.read(() => [step(x, y)]));
 */
export async function profile(
  device: Device,
  work: () => unknown,
  { most = 200_000 }: ProfileOptions = {},
): Promise<Profile> {
  if (!device.features.has("timestamp-query")) {
    const next = "use another adapter, or time whole steps";
    throw new LoupeError("device", `profile: ${device.adapter.name} has no timestamps; ${next}`);
  }
  await device.settle();
  const profiler = new Profiler(device.native, most);
  device.queue.profiler = profiler;
  try {
    await work();
    await device.settle();
  } finally {
    device.queue.profiler = undefined;
  }
  return profiler.collect(device);
}
