/** Record and replay: the same bits as without, memory by lifetimes, and everything that can't be recorded is refused. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  add,
  backward,
  conv2d,
  type Device,
  everyRun,
  matmul,
  mean,
  mul,
  program,
  Rng,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { copyElements } from "../../src/core/ops/accumulate.ts";
import { liveAt, peakOf, place } from "../../src/core/workspace.ts";
import { testDevice } from "../device.ts";

let device: Device;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

function numbers(n: number, seed: number): Float32Array<ArrayBuffer> {
  return new Rng(seed).uniformHost(n, -1, 1);
}

/** A small net that learns by gradient descent written with ops, its step size on the GPU. */
function learner(seed: number) {
  const w = device
    .tensor(numbers(3 * 3 * 2 * 5, seed), [3, 3, 2, 5])
    .keep()
    .setRequiresGrad(true);
  const v = device
    .tensor(numbers(5 * 3, seed + 1), [5, 3])
    .keep()
    .setRequiresGrad(true);
  const rate = device.tensor([0.1], [1]).keep();
  const copies = [w, v].map((t) => device.empty(t.shape).keep());
  const step = (x: Tensor): Tensor => {
    const y = relu(conv2d(x, w, undefined, { padding: 1 }));
    const z = matmul(mean(y, [1, 2]), v);
    const loss = sum(mul(z, z));
    backward(loss, undefined, { freeGraph: true });
    for (const [i, p] of [w, v].entries()) {
      move(p, copies[i] as Tensor, rate);
      p.grad?.dispose();
      p.grad = null;
    }
    return loss;
  };
  const free = () => {
    for (const t of [w, v, rate, ...copies]) t.dispose();
  };
  return { w, v, rate, step, free };
}

/** p ← p − rate · grad, through a second tensor: a kernel has no buffer twice. */
function move(p: Tensor, copy: Tensor, rate: Tensor): void {
  device.scope(() => {
    const moved = add(p.detach(), mul(mul(p.grad as Tensor, rate), -1));
    copyInto(moved, copy);
    copyInto(copy, p);
  });
}

function copyInto(from: Tensor, to: Tensor): void {
  copyElements(from.detach(), to);
}

async function losses(run: (x: Tensor) => Tensor, shapes: readonly number[][]): Promise<number[]> {
  const out: number[] = [];
  for (const [i, shape] of shapes.entries()) {
    const size = shape.reduce((a, b) => a * b, 1);
    const [loss] = await device.read(() => [run(device.tensor(numbers(size, 100 + i), shape))]);
    out.push(loss?.[0] as number);
  }
  return out;
}

describe("a recorded step", () => {
  const shapes = [2, 2, 3, 2, 3, 2, 2].map((n) => [n, 7, 5, 2]);

  test("gives the bits of a step that is not recorded, whatever the shapes, and so does a second recording", async () => {
    const results = [];
    for (const how of ["plain", "recorded", "recorded"]) {
      const net = learner(1);
      const step = how === "plain" ? undefined : program(device, net.step);
      const run = step ?? net.step;
      results.push([
        ...(await losses(run, shapes)),
        ...(await net.w.data()),
        ...(await net.v.data()),
      ]);
      step?.dispose();
      net.free();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    expect(new Set(results[0]).size).toBeGreaterThan(50);
  });

  test("sees what changes on the GPU: its step size is data", async () => {
    const net = learner(2);
    const step = program(device, net.step);
    const run = async () => (await losses(step, [[2, 7, 5, 2]]))[0] as number;
    await run();
    const before = await net.w.data();
    await run();
    device.write(net.rate, [0]);
    const held = await net.w.data();
    await run();
    expect(held).not.toEqual(before);
    expect(await net.w.data()).toEqual(held);
    step.dispose();
    net.free();
  });

  test("allocates nothing once it is recorded", async () => {
    const net = learner(3);
    const step = program(device, net.step);
    const x = device.tensor(numbers(2 * 35 * 2, 5), [2, 7, 5, 2]).keep();
    const made: unknown[] = [];
    await device.read(() => [step(x)]);
    await device.read(() => [step(x)]);
    const native = device.native as {
      createBuffer: GPUDevice["createBuffer"];
      createBindGroup: GPUDevice["createBindGroup"];
    };
    const [createBuffer, createBindGroup] = [native.createBuffer, native.createBindGroup];
    native.createBuffer = (d) => {
      made.push(d.label);
      return createBuffer.call(device.native, d);
    };
    native.createBindGroup = (d) => {
      made.push(d.label);
      return createBindGroup.call(device.native, d);
    };
    const before = device.memory.stats();
    for (let i = 0; i < 20; i++) device.scope(() => void step(x));
    await device.settle();
    native.createBuffer = createBuffer;
    native.createBindGroup = createBindGroup;
    expect(made).toEqual([]);
    expect(device.memory.stats()).toEqual(before);
    x.dispose();
    step.dispose();
    net.free();
  });

  test("draws new random numbers at every run, those of the stream", async () => {
    const [inside, outside] = [new Rng(9), new Rng(9)];
    const draw = program(device, () => [inside.normal(device, [5]), inside.uniform(device, [3])]);
    for (let i = 0; i < 4; i++) {
      const got = await device.read(() => draw());
      const want = await device.read(() => [
        outside.normal(device, [5]),
        outside.uniform(device, [3]),
      ]);
      expect(got).toEqual(want);
    }
    expect(inside.state).toEqual(outside.state);
    draw.dispose();
  });

  test("does its host work at every run", () => {
    let count = 0;
    const step = program(device, (x: Tensor) => {
      everyRun(device, () => count++);
      return add(x, 1);
    });
    const x = device.zeros([4]).keep();
    for (let i = 0; i < 5; i++) device.scope(() => void step(x));
    expect(count).toBe(5);
    everyRun(device, () => count++);
    expect(count).toBe(6);
    x.dispose();
    step.dispose();
  });

  test("returns what it was given and structures of tensors; earlier results are gone at the next run", async () => {
    const w = device.tensor([1, 2], [2]).keep();
    const step = program(device, (x: Tensor) => ({ same: x, w, more: [mul(x, 2), add(x, w)] }));
    const x = device.tensor([3, 4], [2]).keep();
    const first = step(x);
    expect(await first.same.data()).toEqual(Float32Array.of(3, 4));
    expect(await first.w.data()).toEqual(Float32Array.of(1, 2));
    expect(await (first.more[0] as Tensor).data()).toEqual(Float32Array.of(6, 8));
    expect(await (first.more[1] as Tensor).data()).toEqual(Float32Array.of(4, 6));
    const ten = mul(x, 10);
    const second = step(ten);
    expect(first.same.disposed).toBe(true);
    expect(await (second.more[0] as Tensor).data()).toEqual(Float32Array.of(60, 80));
    step.dispose();
    expect(w.disposed).toBe(false);
    for (const t of [w, x, ten]) t.dispose();
  });

  test("runs inside another program as a part of it", async () => {
    const inner = program(device, (x: Tensor) => mul(x, 3));
    const outer = program(device, (x: Tensor) => add(inner(x), 1));
    const x = device.tensor([2], [1]).keep();
    for (let i = 0; i < 3; i++)
      expect(await device.read(() => [outer(x)])).toEqual([Float32Array.of(7)]);
    outer.dispose();
    inner.dispose();
    x.dispose();
  });
});

describe("what can't be recorded is refused", () => {
  const x = () => device.tensor([1, 2], [2]);

  test.each([
    ["data()", (t: Tensor) => void t.data()],
    ["item()", (t: Tensor) => void sum(t).item()],
    ["read()", (t: Tensor) => void device.read(() => [t])],
    ["settle()", () => void device.settle()],
    ["write()", (t: Tensor) => device.write(t, [1, 2])],
  ])("%s inside, with its line", (_, what) => {
    device.scope(() => {
      const step = program(device, (t: Tensor) => {
        what(t);
        return mul(t, 2);
      });
      expect(() => step(x())).toThrow(
        /program: .* at .*program\.test\.ts.* cannot be recorded; do it before or after/,
      );
    });
  });

  test("numbers that change are found at the second call", () => {
    device.scope(() => {
      let rate = 0.1;
      const step = program(device, (t: Tensor) => {
        rate *= 0.5;
        return mul(t, rate);
      });
      const input = x();
      step(input);
      expect(() => step(input)).toThrow(
        /launch 0, mul\(\[2\], \[2\]\), has other numbers at the second call, .* pass what changes as a tensor/,
      );
      step.dispose();
    });
  });

  test("host data that changes, and another order of work", () => {
    device.scope(() => {
      let calls = 0;
      const data = program(device, (t: Tensor) => mul(t, device.tensor([calls++], [1])));
      const order = program(device, (t: Tensor) => (calls++ % 2 ? mul(t, 2) : add(t, 2)));
      const input = x();
      data(input);
      expect(() => data(input)).toThrow("host data has other values at the second call");
      order(input);
      expect(() => order(input)).toThrow(/launch 0, .* becomes (mul|add)/);
      data.dispose();
      order.dispose();
    });
  });

  test("a tensor that outlives it, with its line", () => {
    device.scope(() => {
      const step = program(device, (t: Tensor) => mul(mul(t, 2).keep(), 2));
      expect(() => step(x())).toThrow(/Tensor f32 \[2\] is kept inside at .*program\.test\.ts/);
    });
  });

  test("a gradient that would leave it, a promise, and a value that is no tensor", () => {
    device.scope(() => {
      const step = program(device, (t: Tensor) => mul(t, 2));
      expect(() => step(x().setRequiresGrad(true))).toThrow(
        "gradients do not leave a program; detach() it",
      );
      const late = program(device, (async (t: Tensor) => t) as unknown as (t: Tensor) => Tensor);
      expect(() => late(x())).toThrow("must not be async");
      const odd = program(device, (() => 5) as unknown as () => Tensor);
      expect(() => odd()).toThrow(
        "got 5; a program returns a tensor, or arrays and objects of tensors",
      );
    });
  });

  test("a parameter that was freed since", () => {
    device.scope(() => {
      const w = device.tensor([1, 2], [2]).keep();
      const step = program(device, (t: Tensor) => mul(t, w));
      const input = x();
      step(input);
      w.dispose();
      expect(() => step(input)).toThrow(/was freed/);
      step.dispose();
    });
  });

  test("after an error inside, everything is as before", async () => {
    const live = device.memory.stats().liveBuffers;
    const w = device.tensor([1, 2], [2]).keep().setRequiresGrad(true);
    let broken = true;
    const step = program(device, (t: Tensor) => {
      const loss = sum(mul(t, w));
      backward(loss);
      if (broken) throw new Error("stop");
      const result = mul(w.grad as Tensor, 1);
      w.grad?.dispose();
      w.grad = null;
      return result;
    });
    device.scope(() => expect(() => step(x())).toThrow("stop"));
    broken = false;
    expect(await device.read(() => [step(x())])).toEqual([Float32Array.of(1, 2)]);
    step.dispose();
    w.dispose();
    expect(device.memory.stats().liveBuffers).toBe(live);
  });
});

describe("memory", () => {
  test("of a chain is that of its two largest neighbours, and all programs share it", async () => {
    const chain = program(device, (x: Tensor) => {
      let y = x;
      for (let i = 0; i < 10; i++) y = mul(y, 1.5);
      return sum(y);
    });
    const type = { shape: [1 << 16], dtype: "f32" as const };
    const plan = chain.plan(type);
    expect(plan.planned).toBeLessThan(3 * (1 << 18));
    expect(plan.peak).toBeLessThanOrEqual(plan.planned);
    expect(plan.inputs).toBe(1 << 18);
    expect(device.workspace.bytes).toBe(0);
    await chain.prepare([type]);
    const taken = device.workspace.bytes;
    expect(taken).toBeGreaterThanOrEqual(2 * (1 << 18));
    const other = program(device, (x: Tensor) => sum(mul(x, x)));
    await other.prepare([type]);
    expect(device.workspace.bytes).toBe(taken);
    chain.dispose();
    other.dispose();
    expect(device.workspace.bytes).toBe(0);
  });

  test("plan says what the forward pass keeps for the gradients", () => {
    const w = device.ones([64, 64]).keep().setRequiresGrad(true);
    const step = program(device, (x: Tensor) => {
      const loss = sum(relu(matmul(relu(matmul(x, w)), w)));
      backward(loss, undefined, { freeGraph: true });
      w.grad?.dispose();
      w.grad = null;
      return loss;
    });
    const plan = step.plan({ shape: [32, 64], dtype: "f32" });
    const one = 32 * 64 * 4;
    expect(plan.held).toBe(64 * 64 * 4);
    expect(plan.activations).toBeGreaterThanOrEqual(2 * one);
    expect(plan.activations).toBeLessThan(4 * one);
    expect(plan.peak).toBeGreaterThan(plan.activations);
    step.dispose();
    w.dispose();
  });

  test("compiles all kernels at once and says how far it is", async () => {
    const step = program(device, (x: Tensor) => [mul(x, 2), sum(x), relu(x)]);
    const seen: string[] = [];
    const type = { shape: [3, 5], dtype: "f32" as const };
    await step.prepare([type], { onProgress: (done, total) => seen.push(`${done}/${total}`) });
    expect(seen.length === 0 || seen.at(-1) === `${seen.length}/${seen.length}`).toBe(true);
    const x = device.ones([3, 5]);
    expect((await device.read(() => step(x)))[1]).toEqual(Float32Array.of(15));
    x.dispose();
    step.dispose();
  });

  test("what is prepared is recorded once, and its parameters live on until then", async () => {
    const w = device.tensor([3, 4], [2]).keep();
    let calls = 0;
    const step = program(device, (x: Tensor) => {
      calls++;
      return mul(x, w);
    });
    const type = { shape: [2], dtype: "f32" as const };
    const ready = step.prepare([type]);
    const other = device.tensor([1, 1], [2]).keep();
    await ready;
    expect(calls).toBe(1);
    for (let i = 0; i < 3; i++)
      expect(await device.read(() => [step(other)])).toEqual([Float32Array.of(3, 4)]);
    expect(calls).toBe(2); // once more, to compare
    step.dispose();
    const late = program(device, (x: Tensor) => mul(x, w));
    const freed = late.prepare([type]);
    w.dispose();
    await freed;
    expect(() => late(other)).toThrow(/was freed/);
    late.dispose();
    other.dispose();
  });

  test("lifetimes that meet never share a buffer, those that don't do", () => {
    const rng = new Rng(4);
    const draw = rng.uniformHost(3 * 400);
    const items = Array.from({ length: 400 }, (_, i) => {
      const first = Math.floor((draw[3 * i] as number) * 300);
      const last = first + Math.floor((draw[3 * i + 1] as number) ** 3 * 100);
      return { first, last, bytes: 16 + Math.floor((draw[3 * i + 2] as number) ** 4 * 1e6) };
    });
    const { sizes, slotOf } = place(items, [5e5, 100]);
    for (const [i, a] of items.entries()) {
      expect(sizes[slotOf[i] as number]).toBeGreaterThanOrEqual(a.bytes);
      for (const [j, b] of items.entries()) {
        const meet = a.first <= b.last && b.first <= a.last;
        if (i < j && meet) expect(slotOf[i]).not.toBe(slotOf[j]);
      }
    }
    const peak = peakOf(items);
    expect(peak.bytes).toBe(Math.max(...items.map(({ first }) => liveAt(items, first))));
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThan(1.4 * peak.bytes + 5e5);
  });
});
