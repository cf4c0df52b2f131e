/** Who owns tensors: scopes, keep, using, read; what leaks has a line; what was freed says so. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  add,
  type Device,
  formatLeaks,
  max,
  mean,
  mul,
  norm,
  openDevice,
  sum,
  type Tensor,
} from "../../src/core/index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
beforeEach(() => expect(live()).toBe(0));
afterAll(() => {
  expect(live()).toBe(0);
  device.close();
});

const live = () => device.memory.stats().liveBuffers;
/** The line of this file that called. */
const line = () =>
  Number(/scope\.test\.ts:(\d+)/.exec((new Error().stack ?? "").split("\n")[2]!)![1]);

test("a scope frees everything it made, and what is returned survives", async () => {
  const y = device.scope(() => {
    const x = device.ones([5]);
    return mul(add(x, 1), 3);
  });
  expect(live()).toBe(1);
  expect([...(await y.data())]).toEqual([6, 6, 6, 6, 6]);
  y.dispose();
});

test("tensors survive in arrays, objects, maps, sets and deep inside", () => {
  const make = () => device.ones([3]);
  const all = device.scope(() => {
    make();
    let deep: object = { tensor: make() };
    for (let i = 0; i < 20; i++) deep = { inner: [deep] };
    const shared = { t: make() };
    return {
      a: [make()],
      m: new Map([["k", make()]]),
      s: new Set([make()]),
      deep,
      shared,
      same: shared,
    };
  });
  expect(live()).toBe(5);
  device.scope(() => {
    for (const t of [...all.a, ...all.m.values(), ...all.s, all.shared.t]) device.scopes.adopt(t);
  });
  expect(live()).toBe(1);
  let deep: unknown = all.deep;
  while (typeof deep === "object" && deep !== null && "inner" in deep)
    [deep] = deep.inner as [unknown];
  (deep as { tensor: Tensor }).tensor.dispose();
});

test("a scope that throws frees everything, also when it is nested", () => {
  const boom = () =>
    device.scope(() => {
      device.ones([4]);
      device.scope(() => {
        device.ones([4]);
        throw new Error("boom");
      });
    });
  expect(boom).toThrow("boom");
  expect(live()).toBe(0);
  expect(() => device.scope(() => device.tensor([1, 2], [3]))).toThrow("2 numbers for shape [3]");
});

test("what an inner scope returns belongs to the outer one", () => {
  device.scope(() => {
    const inner = device.scope(() => [device.ones([2]), device.ones([3])]);
    expect(live()).toBe(2);
    inner[0]!.dispose();
    inner[0]!.dispose(); // twice does no harm
    expect(live()).toBe(1);
  });
  expect(live()).toBe(0);
});

test("keep takes a tensor out of its scopes", () => {
  const kept = device.scope(() => device.scope(() => void 0) ?? { t: device.ones([1]).keep() });
  expect(live()).toBe(1);
  expect(device.leaks()).toEqual([]);
  kept.t.dispose();
});

test("a scope refuses an async function, and neither leaks nor rejects behind its back", async () => {
  const wrong = () =>
    device.scope(async () => {
      device.ones([2]);
      throw new Error("later");
    });
  expect(wrong).toThrow("scope: the function must not be async; read results after the scope");
  await new Promise((resolve) => setTimeout(resolve, 5));
});

test("using frees a tensor at the end of its block", () => {
  {
    using x = device.ones([2]);
    using y = add(x, 1);
    expect(y.shape).toEqual([2]);
    expect(live()).toBe(2);
  }
  expect(live()).toBe(0);
});

test("read frees what its function made and leaves parameters and state alone", async () => {
  const weight = device.ones([3]).keep();
  const state = device.ones([2]);
  const [a, b, c] = await device.read(() => [weight, state, add(weight, 1)]);
  expect([a![0], b![0], c![0]]).toEqual([1, 1, 2]);
  expect([weight.disposed, state.disposed, live()]).toEqual([false, false, 2]);
  weight.dispose();
  state.dispose();
  const failing = device.read(() => {
    device.ones([2]);
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
});

test("views share memory until the last one goes", async () => {
  const x = device.tensor([1, 2, 3, 4], [4]);
  const y = x.view([2, 2]);
  x.dispose();
  expect([...(await y.data())]).toEqual([1, 2, 3, 4]);
  const z = y.into([4, 1]);
  expect([y.disposed, z.shape, live()]).toEqual([true, [4, 1], 1]);
  z.dispose();
});

test("a view that does not fit is refused", () => {
  device.scope(() => {
    const x = device.ones([2, 100]);
    const text = "view: Tensor f32 [2, 100] has no [201]";
    expect(() => x.view([201])).toThrow(text);
    expect(() => x.view([199])).toThrow("has no [199]");
    expect(x.view([100], 256).offset).toBe(256);
    expect(() => x.view([137], 256)).toThrow("has no [137] at byte 256");
    expect(() => x.view([1], 4)).toThrow("has no [1] at byte 4");
    expect(() => x.view([1], -256)).toThrow("at byte -256");
    expect(() => x.view([100], 256).view([64], 0)).toThrow("at byte -256");
  });
});

test("a freed tensor says so and what to do, in every use", async () => {
  const x = device.ones([2, 3]);
  x.dispose();
  const text = "tensor [2, 3] was freed: return it from its scope or keep() it";
  expect(() => add(x, 1)).toThrow(text);
  expect(() => sum(x)).toThrow(text);
  expect(() => x.view()).toThrow(text);
  expect(() => device.write(x, new Float32Array(6))).toThrow(text);
  expect(() => device.fill(x, 1)).toThrow(text);
  await expect(x.data()).rejects.toThrow(text);
  await expect(device.read(() => [x])).rejects.toThrow(text);
});

test("the leak report names the line that made each tensor, largest first", () => {
  const small = device.ones([3]);
  const at = line() - 1;
  const big = device.scope(() => add(device.ones([1000]), 1));
  const kept = device.ones([2]).keep();
  const leaks = device.leaks();
  expect(leaks.map((l) => [l.shape, l.dtype, l.bytes, l.collected])).toEqual([
    [[3], "f32", 12, false],
    [[1000], "f32", 4000, false],
  ]);
  expect(leaks[0]!.site).toMatch(new RegExp(`scope\\.test\\.ts:${at}:\\d+`));
  expect(leaks[1]!.site).toMatch(new RegExp(`scope\\.test\\.ts:${at + 2}:\\d+`));
  const [head, first, last] = formatLeaks(leaks).split("\n");
  expect(head).toBe("2 leaked tensors:");
  expect(first).toMatch(/^ {2}3\.9 KiB {2}f32 \[1000\] {2}made at .*scope\.test\.ts:\d+:\d+/);
  expect(last).toContain("12 B  f32 [3]");
  for (const t of [small, big, kept]) t.dispose();
  expect(device.leaks()).toEqual([]);
  expect(formatLeaks([])).toBe("no leaked tensors");
});

/** Waits until the collector has taken what nobody holds. */
async function collected(): Promise<void> {
  const { setFlagsFromString } = await import("node:v8");
  setFlagsFromString("--expose-gc");
  const gc = (await import("node:vm")).runInNewContext("gc") as () => void;
  for (let i = 0; i < 50 && live() > 0; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("memory of a forgotten tensor comes back when it is collected, and the report remembers it", async () => {
  (() => device.ones([77]))();
  await collected();
  expect(live()).toBe(0);
  const mine = device.leaks().filter((l) => l.shape[0] === 77);
  expect(mine).toMatchObject([{ collected: true, bytes: 308, dtype: "f32" }]);
  expect(formatLeaks(mine)).toContain("(collected and reclaimed)");
});

test("reductions outside every scope leave nothing but their result", () => {
  const x = device.ones([3, 4, 5]);
  for (const op of [sum, mean, max, norm] as const) {
    op(x).dispose();
    op(x, [0, 2]).dispose();
    expect(live()).toBe(1);
  }
  x.dispose();
});
