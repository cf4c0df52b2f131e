/** GPU memory: limits refuse before anything is queued, buffers are reused, and training does not grow. */
import { expect, test } from "vitest";
import {
  add,
  backward,
  conv2d,
  type Device,
  formatBytes,
  type LoupeError,
  mean,
  mul,
  noGrad,
  openDevice,
  Rng,
  relu,
  square,
  sub,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { Memory, sizeClass } from "../../src/core/memory.ts";

const open = (memoryLimit?: number) =>
  openDevice({ onWarning: () => {}, ...(memoryLimit ? { memoryLimit } : {}) });
const mib = 2 ** 20;

test("a tensor over the adapter's binding limit is refused with sizes and advice, before anything is queued", async () => {
  using device = await open();
  const most = device.limits.maxStorageBufferBindingSize;
  const n = Math.floor(most / 4) + 1;
  const before = device.queue.launches;
  const bound = formatBytes(Math.min(most, device.limits.maxBufferSize));
  expect(() => device.zeros([n, 1])).toThrow(
    `tensor f32 [${n}, 1]: needs a buffer of ${formatBytes(4 * n)}, this adapter binds at most ` +
      `${bound}; lower --batch-size or --image-size, or free tensors`,
  );
  device.scope(() => {
    const [a, b] = [device.ones([40_000, 1]), device.ones([1, 40_000])];
    const queued = device.queue.launches;
    expect(() => mul(a, b)).toThrow(/^tensor f32 \[40000, 40000\]: needs a buffer of 6\.0 GiB/);
    expect(device.queue.launches).toBe(queued);
  });
  expect(device.queue.launches).toBe(before + 2);
  expect(await sum(device.ones([5])).item()).toBe(5); // and the device goes on
});

test("a memory limit refuses with what is asked, what is used and what is allowed, and the device goes on", async () => {
  using device = await open(10 * mib);
  const x = device.ones([2 * mib]); // 8 MiB
  let error: LoupeError | undefined;
  try {
    add(x, 1);
  } catch (e) {
    error = e as LoupeError;
  }
  expect(error?.code).toBe("memory");
  expect(error?.message).toBe(
    "tensor f32 [2097152]: needs 8.0 MiB more, 8.0 MiB of 10.0 MiB are in use; " +
      "lower --batch-size or --image-size, train with --checkpoint-activations, or free tensors",
  );
  expect(await device.scope(() => sum(x)).item()).toBe(2 * mib);
  x.dispose();
  const y = device.ones([2 * mib + 1]); // another size: the pool makes room
  expect(device.memory.stats().liveBytes + device.memory.stats().pooledBytes).toBeLessThan(
    10 * mib,
  );
  y.dispose();
});

test("the peak never exceeds the limit", async () => {
  using device = await open(4 * mib);
  for (let i = 1; i < 40; i++) {
    device.scope(() => {
      const x = device.ones([i * 10_000]);
      add(x, 1);
    });
  }
  expect(device.memory.stats().peakBytes).toBeLessThanOrEqual(4 * mib);
  expect(await sum(device.ones([7])).item()).toBe(7);
});

test("buffers are reused: the same work again allocates nothing", async () => {
  using device = await open();
  const work = () =>
    device.read(() => {
      const x = device.ones([1000]);
      return [sum(mul(add(x, 1), x)), add(x, 2)];
    });
  const first = await work();
  const { peakBytes, pooledBytes } = device.memory.stats();
  for (let i = 0; i < 20; i++) expect(await work()).toEqual(first);
  expect(device.memory.stats()).toEqual({ liveBytes: 0, liveBuffers: 0, pooledBytes, peakBytes });
});

test("a buffer that is reused at once holds the new values only, also for what was queued before", async () => {
  using device = await open();
  const [a, b] = await device.read(() => {
    const x = device.full([500], 3);
    const y = mul(x, 2);
    x.dispose();
    const z = device.full([500], 100); // x's buffer
    return [y, z];
  });
  expect([a![0], a![499], b![0], b![499]]).toEqual([6, 6, 100, 100]);
  device.write(device.empty([4]), [1, 2, 3, 4]);
});

test("size classes waste at most an eighth and are multiples of 256", () => {
  for (let bytes = 1; bytes < 2 ** 31; bytes = Math.ceil(bytes * 1.37)) {
    const size = sizeClass(bytes);
    expect(size % 256).toBe(0);
    expect(size).toBeGreaterThanOrEqual(bytes);
    expect(size).toBeLessThanOrEqual(Math.max(256, bytes * 1.125 + 256));
    expect(sizeClass(size)).toBe(size);
  }
});

test("sizes are written as people read them", () => {
  const sizes = [0, 1, 1023, 1024, 1536, 150 * 1024, 128 * mib, 2 ** 30, 3000 * 2 ** 30];
  expect(sizes.map(formatBytes)).toEqual(
    "0 B|1 B|1023 B|1.0 KiB|1.5 KiB|150 KiB|128 MiB|1.0 GiB|3000 GiB".split("|"),
  );
});

/** A device whose buffers are numbers. */
function pretendDevice() {
  const alive = new Set<object>();
  const createBuffer = ({ size }: { size: number }) => {
    const buffer = { size, destroy: () => alive.delete(buffer) };
    alive.add(buffer);
    return buffer;
  };
  const limits = { maxStorageBufferBindingSize: 2 ** 31, maxBufferSize: 2 ** 31 };
  const scopes = { pushErrorScope: () => {}, popErrorScope: async () => null };
  return { alive, gpu: { limits, createBuffer, ...scopes } as unknown as GPUDevice };
}

test("ever new sizes do not fill the GPU with buffers that nobody needs", async () => {
  (await open()).close(); // WebGPU's constants
  const { alive, gpu } = pretendDevice();
  const options = { limit: Number.POSITIVE_INFINITY, onError: () => {}, beforeDestroy: () => {} };
  const memory = new Memory(gpu, options);
  for (let i = 1; i <= 400; i++) memory.release(memory.allocate(i * mib, "test"));
  const { pooledBytes, liveBytes } = memory.stats();
  expect(liveBytes).toBe(0);
  expect(pooledBytes).toBeLessThan(2 * 2 ** 30);
  expect(alive.size).toBeLessThan(60);
  memory.trim();
  expect(alive.size).toBe(0);
});

test("a pool that is as large as what is in use is kept", async () => {
  (await open()).close();
  const { alive, gpu } = pretendDevice();
  const options = { limit: Number.POSITIVE_INFINITY, onError: () => {}, beforeDestroy: () => {} };
  const memory = new Memory(gpu, options);
  const step = () => {
    const used = Array.from({ length: 10 }, (_, i) =>
      memory.allocate((300 + 20 * i) * mib, "test"),
    );
    for (const storage of used) memory.release(storage);
  };
  step();
  const after = alive.size;
  for (let i = 0; i < 5; i++) step();
  expect(alive.size).toBe(after);
});

/** A small convolutional net and gradient descent, by hand. */
function trainer(device: Device) {
  const rng = new Rng(1);
  let params = [[3, 3, 3, 6], [6], [3, 3, 6, 2], [2]].map((shape) =>
    rng.uniform(device, shape, -0.3, 0.3).keep().setRequiresGrad(true),
  );
  const x = rng.normal(device, [2, 9, 7, 3]).keep();
  const goal = rng.uniform(device, [2, 9, 7, 2]).keep();
  const step = (): Tensor => {
    const [w1, b1, w2, b2] = params as [Tensor, Tensor, Tensor, Tensor];
    const hidden = relu(conv2d(x, w1, b1, { padding: 1 }));
    const loss = mean(square(sub(conv2d(hidden, w2, b2, { padding: 1 }), goal)));
    backward(loss);
    params = params.map((p) => {
      const next = noGrad(() => sub(p, mul(p.grad!, 0.05))).keep();
      p.dispose();
      return next.setRequiresGrad(true);
    });
    return loss;
  };
  return { step, free: () => [...params, x, goal].forEach((t) => void t.dispose()) };
}

test("a thousand training steps learn, and memory is flat from the tenth on", async () => {
  using device = await open();
  const { step, free } = trainer(device);
  const losses: number[] = [];
  let early = device.memory.stats();
  for (let i = 1; i <= 1000; i++) {
    if (i % 10 === 0) losses.push((await device.read(() => [step()]))[0]![0]!);
    else device.scope(() => void step());
    if (i === 10) early = device.memory.stats();
  }
  expect(device.memory.stats()).toEqual(early);
  expect(early.liveBuffers).toBe(6);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
  free();
  expect(device.memory.stats().liveBuffers).toBe(0);
  expect(device.leaks()).toEqual([]);
});

test("training twice from one seed gives the same bits", async () => {
  const run = async () => {
    using device = await open();
    const { step } = trainer(device);
    for (let i = 0; i < 20; i++) device.scope(() => void step());
    return (await device.read(() => [step()]))[0];
  };
  expect(await run()).toEqual(await run());
});

test("the peak can be measured anew, from what is in use then", async () => {
  using device = await open();
  const { memory } = device;
  const kept = device.zeros([1000]);
  device.zeros([100_000]).dispose();
  const before = memory.stats();
  expect(before.peakBytes).toBeGreaterThan(400_000);
  memory.restartPeak();
  expect(memory.stats()).toMatchObject({ pooledBytes: 0, peakBytes: before.liveBytes });
  device.zeros([10_000]).dispose();
  expect(memory.stats().peakBytes).toBe(before.liveBytes + sizeClass(40_000));
  kept.dispose();
});
