/**
 * The order of work. Launches are collected and sent in one command buffer with one compute pass; parameters of all of them go
 * up in one write. A launch is data (pipeline, buffers, grid, parameters), which is what a recorded program replays.
 *
 * The first error (validation, lost device, no memory) fails the queue for good: later launches and reads reject with it.
 */
import { LoupeError } from "../error.ts";
import { type KernelSpec, maxParamBytes } from "../kernels/index.ts";
import type { Storage } from "./memory.ts";

/** One queued launch. */
export interface Launch {
  readonly spec: KernelSpec;
  readonly pipeline: GPUComputePipeline;
  readonly buffers: readonly Storage[];
  /** Bytes bound of each buffer. */
  readonly ranges: readonly { readonly offset: number; readonly size: number }[];
  /** Shapes of the tensors, inputs then outputs, for error messages. */
  readonly shapes: readonly (readonly number[])[];
}

const slotBytes = maxParamBytes; // also the alignment of a dynamic offset
const slots = 256;

export class Queue {
  readonly #gpu: GPUDevice;
  readonly #pipelines = new Map<
    string,
    { pipeline: GPUComputePipeline; layout: GPUBindGroupLayout }
  >();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #uniforms: GPUBuffer;
  readonly #staging = new Uint8Array(slotBytes * slots);
  readonly #scopes = new Set<Promise<void>>();
  #pending: Launch[] = [];
  #failure: LoupeError | undefined;
  #launches = 0;

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.#uniforms = gpu.createBuffer({
      size: this.#staging.byteLength,
      usage,
      label: "parameters",
    });
    gpu.onuncapturederror = (event) => this.fail(deviceError("a launch", event.error.message));
  }

  /** Launches since the device was opened. */
  get launches(): number {
    return this.#launches;
  }

  get failure(): LoupeError | undefined {
    return this.#failure;
  }

  /** Remembers the first error; everything after rejects with it. */
  fail(error: LoupeError): void {
    this.#failure ??= error;
    this.#pending = [];
  }

  check(): void {
    if (this.#failure) throw this.#failure;
  }

  push(
    spec: KernelSpec,
    buffers: readonly Storage[],
    ranges: Launch["ranges"],
    shapes: Launch["shapes"],
  ): void {
    this.check();
    if ((spec.params?.byteLength ?? 0) > slotBytes) {
      const text = `${spec.params?.byteLength} bytes of parameters, at most ${slotBytes} fit`;
      throw new LoupeError("shape", `${describe({ spec, shapes })}: ${text}`);
    }
    const { pipeline } = this.#pipeline(spec, shapes);
    this.#pending.push({ spec, pipeline, buffers, ranges, shapes });
    this.#launches++;
    if (this.#pending.length === slots) this.flush();
  }

  /** Writes host bytes into a buffer, after everything queued so far. */
  write(buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.flush();
    const whole = bytes.byteLength & ~3;
    if (whole) this.#gpu.queue.writeBuffer(buffer, offset, bytes, 0, whole);
    if (whole === bytes.byteLength) return;
    const tail = new Uint8Array(4); // writes come in fours; buffers are padded
    tail.set(bytes.subarray(whole));
    this.#gpu.queue.writeBuffer(buffer, offset + whole, tail);
  }

  /** Copies buffer to buffer, after everything queued so far. Sizes are multiples of four. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.flush();
    const encoder = this.#gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
    this.#gpu.queue.submit([encoder.finish()]);
  }

  /** Sends what is queued. Does not wait. */
  flush(): void {
    this.check();
    const launches = this.#pending;
    if (launches.length === 0) return;
    this.#pending = [];
    launches.forEach(({ spec }, i) => {
      if (spec.params) this.#staging.set(spec.params, i * slotBytes);
    });
    this.#gpu.queue.writeBuffer(this.#uniforms, 0, this.#staging, 0, launches.length * slotBytes);
    this.#gpu.pushErrorScope("validation");
    try {
      this.#gpu.queue.submit([this.#encode(launches).finish()]);
    } catch (cause) {
      this.fail(deviceError(listOf(launches), String(cause)));
      this.check();
    } finally {
      this.#judge(async (error) => {
        const culprit = await this.#findCulprit(launches).catch(() => undefined);
        this.fail(deviceError(culprit ? describe(culprit) : listOf(launches), error.message));
      });
    }
  }

  /** Flushes and waits until every launch so far is known to be good and done. */
  async settle(): Promise<void> {
    this.flush();
    try {
      await this.#gpu.queue.onSubmittedWorkDone();
    } catch (cause) {
      throw await this.explain("settle", cause);
    }
    await this.settleErrors();
  }

  /** The error to reject with when a wait failed by itself: the queue's own, which may arrive a little later, or a new one. */
  async explain(where: string, cause: unknown): Promise<LoupeError> {
    await Promise.all(this.#scopes);
    const soon = new Promise((resolve) => setTimeout(resolve, 100));
    if (!this.#failure) await Promise.race([this.#gpu.lost, soon]);
    const text = cause instanceof Error ? cause.message : String(cause);
    return this.#failure ?? new LoupeError("device", `${where}: ${text}`, { cause });
  }

  /** Waits for the verdict on what was submitted, not for the work itself. */
  async settleErrors(): Promise<void> {
    await Promise.all(this.#scopes);
    this.check();
  }

  /** Forgets bind groups: some of their buffers are about to be destroyed. */
  forgetBuffers(): void {
    this.#bindGroups.clear();
  }

  #encode(launches: readonly Launch[]): GPUCommandEncoder {
    const encoder = this.#gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | undefined;
    launches.forEach((launch, i) => {
      if (launch.pipeline !== current) pass.setPipeline(launch.pipeline);
      current = launch.pipeline;
      const offsets = launch.spec.params ? [i * slotBytes] : [];
      pass.setBindGroup(0, this.#bindGroup(launch), offsets);
      pass.dispatchWorkgroups(...launch.spec.grid);
    });
    pass.end();
    return encoder;
  }

  /** Closes an error scope; reads wait for its verdict. Never rejects. */
  #judge(onError: (error: GPUError) => void | Promise<void>): void {
    const verdict = this.#gpu.popErrorScope().then(
      (error) => (error && !this.#failure ? onError(error) : undefined),
      () => {}, // the device is lost, which its own handler reports
    );
    this.#scopes.add(verdict);
    verdict.finally(() => this.#scopes.delete(verdict));
  }

  /** Encodes the launches again one by one to learn which was refused. Nothing is submitted. */
  async #findCulprit(launches: readonly Launch[]): Promise<Launch | undefined> {
    for (const launch of launches) {
      this.#gpu.pushErrorScope("validation");
      this.#encode([launch]).finish();
      if (await this.#gpu.popErrorScope()) return launch;
    }
    return undefined;
  }

  #pipeline(
    spec: KernelSpec,
    shapes: Launch["shapes"],
  ): { pipeline: GPUComputePipeline; layout: GPUBindGroupLayout } {
    const known = this.#pipelines.get(spec.code);
    if (known) return known;
    this.#gpu.pushErrorScope("validation");
    const layout = this.#layout(spec);
    const module = this.#gpu.createShaderModule({ code: spec.code, label: spec.name });
    const pipeline = this.#gpu.createComputePipeline({
      layout: layout.pipeline,
      compute: { module, entryPoint: "main" },
      label: spec.name,
    });
    this.#judge((error) => {
      this.fail(deviceError(`${describe({ spec, shapes })}: shader refused`, error.message));
    });
    const made = { pipeline, layout: layout.group };
    this.#pipelines.set(spec.code, made);
    return made;
  }

  #layout(spec: KernelSpec): { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout } {
    const key = layoutKey(spec);
    const known = this.#layouts.get(key);
    if (known) return known;
    const visibility = GPUShaderStage.COMPUTE;
    const entries: GPUBindGroupLayoutEntry[] = spec.access.map((access, binding) => ({
      binding,
      visibility,
      buffer: { type: access === "read" ? "read-only-storage" : "storage" },
    }));
    if (spec.params) {
      const buffer = { type: "uniform" as const, hasDynamicOffset: true };
      entries.push({ binding: entries.length, visibility, buffer });
    }
    const group = this.#gpu.createBindGroupLayout({ entries });
    const made = { group, pipeline: this.#gpu.createPipelineLayout({ bindGroupLayouts: [group] }) };
    this.#layouts.set(key, made);
    return made;
  }

  #bindGroup({ spec, buffers, ranges }: Launch): GPUBindGroup {
    const ids = buffers.map((b, i) => `${b.id}:${ranges[i]?.offset}:${ranges[i]?.size}`);
    const key = `${layoutKey(spec)} ${spec.params?.byteLength ?? 0} ${ids}`;
    const known = this.#bindGroups.get(key);
    if (known) return known;
    if (this.#bindGroups.size > 8192) this.#bindGroups.clear();
    const entries: GPUBindGroupEntry[] = buffers.map((b, binding) => ({
      binding,
      resource: { buffer: b.buffer, ...ranges[binding] },
    }));
    if (spec.params) {
      const resource = { buffer: this.#uniforms, size: spec.params.byteLength };
      entries.push({ binding: entries.length, resource });
    }
    const made = this.#gpu.createBindGroup({
      layout: this.#layout(spec).group,
      entries,
      label: spec.name,
    });
    this.#bindGroups.set(key, made);
    return made;
  }
}

function layoutKey(spec: KernelSpec): string {
  return spec.access.map((a) => a[0]).join("") + (spec.params ? "p" : "");
}

function describe({ spec, shapes }: Pick<Launch, "spec" | "shapes">): string {
  return `${spec.name}(${shapes.map((s) => `[${s.join(", ")}]`).join(", ")})`;
}

function listOf(launches: readonly Launch[]): string {
  const names = [...new Set(launches.map((l) => l.spec.name))];
  return `one of ${names.slice(0, 8).join(", ")}`;
}

function deviceError(where: string, message: string): LoupeError {
  const first = message.split("\n").slice(0, 6).join(" ").slice(0, 800);
  return new LoupeError("device", `${where}: rejected by the GPU: ${first}`);
}
