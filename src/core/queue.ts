/**
 * The order of work. Launches are collected and sent in one command buffer with one compute pass; parameters of all of them go
 * up in one write. A recorded program has its bind groups and parameters ready and only sends its list again (`replay`).
 *
 * The first error (validation, lost device, no memory) fails the queue for good: later launches and reads reject with it.
 */
import { patiently } from "#gpu";
import { LoupeError } from "../error.ts";
import { type KernelSpec, maxParamBytes } from "../kernels/index.ts";
import type { Storage } from "./memory.ts";
import type { Profiler } from "./profile.ts";

/** One queued launch. */
export interface Launch {
  readonly spec: KernelSpec;
  readonly buffers: readonly Storage[];
  /** Bytes bound of each buffer. */
  readonly ranges: readonly { readonly offset: number; readonly size: number }[];
  /** Shapes of the tensors, inputs then outputs, for error messages. */
  readonly shapes: readonly (readonly number[])[];
}

/** A launch with everything the GPU needs, for `replay`. */
export interface Prepared {
  readonly launch: Launch;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  /** Where its parameters lie in the program's uniforms. */
  readonly offsets: number[];
}

/** Elements of one buffer to copy into another. */
export interface Copy {
  readonly from: GPUBuffer;
  readonly fromOffset: number;
  readonly to: GPUBuffer;
  readonly bytes: number;
}

/** Bytes between the parameters of two launches; also the alignment of a dynamic offset. */
export const slotBytes: number = maxParamBytes;
const slots = 256;
/** Launches of a replay in one command buffer: the GPU begins while the next are encoded. */
const replayed = 1024;

export class Queue {
  readonly #gpu: GPUDevice;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  readonly #layouts = new Map<string, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  readonly #bindGroups = new Map<string, GPUBindGroup>();
  readonly #uniforms: GPUBuffer;
  readonly #staging = new Uint8Array(slotBytes * slots);
  readonly #scopes = new Set<Promise<void>>();
  #pending: Launch[] = [];
  #failure: LoupeError | undefined;
  #launches = 0;
  /** Times every launch while it is there. */
  profiler: Pick<Profiler, "encode"> | undefined;

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

  push(launch: Launch): void {
    this.check();
    this.#pipeline(launch);
    this.#pending.push(launch);
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
    const slotOf = launches.map((_, i) => i);
    this.#submit(this.prepare(launches, this.#uniforms, slotOf), this.#gpu.createCommandEncoder());
  }

  /**
   * Makes ready what `replay` sends.
   * @param uniforms holds the parameters of launch i at `slotOf[i]` slots
   */
  prepare(launches: readonly Launch[], uniforms: GPUBuffer, slotOf: readonly number[]): Prepared[] {
    this.check();
    const prepared: Prepared[] = [];
    this.#guard(prepared, () => {
      launches.forEach((launch, i) => {
        const slot = slotOf[i] as number;
        const offsets = launch.spec.params ? [slot * slotBytes] : [];
        const pipeline = this.#pipeline(launch);
        prepared.push({ launch, pipeline, group: this.#bindGroup(launch, uniforms), offsets });
      });
    });
    return prepared;
  }

  /** Sends a prepared list again, after everything queued so far: the copies, then the launches in order. */
  replay(prepared: readonly Prepared[], copies: readonly Copy[]): void {
    this.flush();
    for (let i = 0; i === 0 || i < prepared.length; i += replayed) {
      const encoder = this.#gpu.createCommandEncoder();
      if (i === 0) {
        for (const c of copies) encoder.copyBufferToBuffer(c.from, c.fromOffset, c.to, 0, c.bytes);
      }
      const all = prepared.length <= replayed;
      this.#submit(all ? prepared : prepared.slice(i, i + replayed), encoder);
    }
    this.#launches += prepared.length;
  }

  /** Bytes for the parameters of a program. */
  createUniforms(bytes: number): GPUBuffer {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    return this.#gpu.createBuffer({ size: bytes, usage, label: "parameters of a program" });
  }

  /**
   * Compiles what is missing, all at once.
   * @param onProgress how many of how many are ready
   */
  async compile(
    launches: readonly Launch[],
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    const missing = new Map<string, Launch>();
    for (const l of launches) {
      if (!this.#pipelines.has(l.spec.code)) missing.set(l.spec.code, l);
    }
    let done = 0;
    const total = missing.size;
    const one = async (launch: Launch) => {
      try {
        const made = await this.#gpu.createComputePipelineAsync(this.#pipelineOf(launch.spec));
        this.#pipelines.set(launch.spec.code, made);
      } catch (cause) {
        this.fail(refused(launch, cause instanceof Error ? cause.message : String(cause)));
      }
      onProgress?.(++done, total);
    };
    this.#gpu.pushErrorScope("validation");
    const work = [...missing.values()].map(one);
    this.#judge(() => {}); // the pipelines' own errors say more
    await Promise.all(work);
    this.check();
  }

  #submit(prepared: readonly Prepared[], encoder: GPUCommandEncoder): void {
    this.#guard(prepared, () => {
      if (!this.profiler?.encode(encoder, prepared)) encode(encoder, prepared);
      this.#gpu.queue.submit([encoder.finish()]);
    });
  }

  /** Runs `work`; what the GPU refuses fails the queue with the name of the launch it refused. */
  #guard(prepared: readonly Prepared[], work: () => void): void {
    this.#gpu.pushErrorScope("validation");
    try {
      work();
    } catch (cause) {
      this.fail(cause instanceof LoupeError ? cause : deviceError(listOf(prepared), String(cause)));
      this.check();
    } finally {
      this.#judge(async (error) => {
        const culprit = await this.#findCulprit(prepared).catch(() => undefined);
        this.fail(deviceError(culprit ? describe(culprit) : listOf(prepared), error.message));
      });
    }
  }

  /** Flushes and waits until every launch so far is known to be good and done. */
  async settle(): Promise<void> {
    this.flush();
    try {
      await patiently(this.#gpu.queue.onSubmittedWorkDone());
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
  async #findCulprit(launches: readonly Prepared[]): Promise<Launch | undefined> {
    for (const prepared of launches) {
      this.#gpu.pushErrorScope("validation");
      const encoder = this.#gpu.createCommandEncoder();
      encode(encoder, [prepared]);
      encoder.finish();
      if (await this.#gpu.popErrorScope()) return prepared.launch;
    }
    return undefined;
  }

  #pipeline(launch: Launch): GPUComputePipeline {
    const { spec } = launch;
    const known = this.#pipelines.get(spec.code);
    if (known) return known;
    if ((spec.params?.byteLength ?? 0) > slotBytes) {
      const text = `${spec.params?.byteLength} bytes of parameters, at most ${slotBytes} fit`;
      throw new LoupeError("shape", `${describe(launch)}: ${text}`);
    }
    this.#gpu.pushErrorScope("validation");
    const made = this.#gpu.createComputePipeline(this.#pipelineOf(spec));
    this.#judge((error) => this.fail(refused(launch, error.message)));
    this.#pipelines.set(spec.code, made);
    return made;
  }

  #pipelineOf(spec: KernelSpec): GPUComputePipelineDescriptor {
    const module = this.#gpu.createShaderModule({ code: spec.code, label: spec.name });
    const layout = this.#layout(spec).pipeline;
    return { layout, compute: { module, entryPoint: "main" }, label: spec.name };
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

  /** Bind groups of the queue's own launches are remembered. */
  #bindGroup(launch: Launch, uniforms: GPUBuffer): GPUBindGroup {
    if (uniforms !== this.#uniforms) return this.#createBindGroup(launch, uniforms);
    const { spec, buffers, ranges } = launch;
    const ids = buffers.map((b, i) => `${b.id}:${ranges[i]?.offset}:${ranges[i]?.size}`);
    const key = `${layoutKey(spec)} ${spec.params?.byteLength ?? 0} ${ids}`;
    const known = this.#bindGroups.get(key);
    if (known) return known;
    if (this.#bindGroups.size > 8192) this.#bindGroups.clear();
    const made = this.#createBindGroup(launch, uniforms);
    this.#bindGroups.set(key, made);
    return made;
  }

  #createBindGroup({ spec, buffers, ranges }: Launch, uniforms: GPUBuffer): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = buffers.map((b, binding) => ({
      binding,
      resource: { buffer: b.buffer, ...ranges[binding] },
    }));
    if (spec.params) {
      const resource = { buffer: uniforms, size: spec.params.byteLength };
      entries.push({ binding: entries.length, resource });
    }
    return this.#gpu.createBindGroup({
      layout: this.#layout(spec).group,
      entries,
      label: spec.name,
    });
  }
}

/** One pass with all launches. */
function encode(encoder: GPUCommandEncoder, prepared: readonly Prepared[]): void {
  const pass = encoder.beginComputePass();
  let current: GPUComputePipeline | undefined;
  for (const { launch, pipeline, group, offsets } of prepared) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, group, offsets);
    const [x, y, z] = launch.spec.grid; // in Node every argument costs a fraction of a microsecond
    if (y === 1 && z === 1) pass.dispatchWorkgroups(x);
    else pass.dispatchWorkgroups(x, y, z);
  }
  pass.end();
}

function layoutKey(spec: KernelSpec): string {
  return spec.access.map((a) => a[0]).join("") + (spec.params ? "p" : "");
}

function describe({ spec, shapes }: Pick<Launch, "spec" | "shapes">): string {
  return `${spec.name}(${shapes.map((s) => `[${s.join(", ")}]`).join(", ")})`;
}

function listOf(prepared: readonly Prepared[]): string {
  const names = [...new Set(prepared.map(({ launch }) => launch.spec.name))];
  return `one of ${names.slice(0, 8).join(", ")}`;
}

function refused(launch: Launch, message: string): LoupeError {
  return deviceError(`${describe(launch)}: shader refused`, message);
}

function deviceError(where: string, message: string): LoupeError {
  const first = message.split("\n").slice(0, 6).join(" ").slice(0, 800);
  return new LoupeError("device", `${where}: rejected by the GPU: ${first}`);
}
