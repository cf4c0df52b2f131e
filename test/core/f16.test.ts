/** Half precision on host and GPU: storage and movement of elements, odd sizes, and a clear refusal elsewhere. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  assertGradients,
  backward,
  cast,
  concat,
  type Device,
  fromF16,
  mul,
  openDevice,
  permute,
  reshape,
  slice,
  sort,
  sum,
  type Tensor,
  toF16,
} from "../../src/core/index.ts";

let device: Device;
let able: boolean;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
  able = device.features.has("shader-f16");
});
afterAll(() => {
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

test("every half survives the way through f32 and back", () => {
  const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const back = toF16(fromF16(bits));
  bits.forEach((b, i) => {
    const nan = (b & 0x7c00) === 0x7c00 && (b & 0x3ff) !== 0;
    if (nan ? !Number.isNaN(fromF16(back.subarray(i, i + 1))[0]!) : back[i] !== b) {
      throw new Error(`half ${b.toString(16)} came back as ${back[i]!.toString(16)}`);
    }
  });
});

test("numbers are rounded to the nearest half, ties to the even one, with subnormals and infinity", () => {
  const cases: [number, number][] = [
    [1, 0x3c00],
    [1 + 2 ** -11, 0x3c00], // tie
    [1 + 3 * 2 ** -11, 0x3c02], // tie
    [1 + 2 ** -11 + 2 ** -20, 0x3c01],
    [65_504, 0x7bff],
    [65_519.99, 0x7bff],
    [65_520, 0x7c00],
    [-1e9, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // tie
    [1.5 * 2 ** -24, 0x0002], // tie
    [2 ** -25 * 1.001, 0x0001],
    [2 ** -14 - 2 ** -25, 0x0400], // tie, up into the normals
    [-0, 0x8000],
    [Number.POSITIVE_INFINITY, 0x7c00],
    [Number.NaN, 0x7e00],
  ];
  const got = toF16(cases.map(([x]) => x));
  cases.forEach(([x, want], i) => {
    expect(`${x} -> ${got[i]!.toString(16)}`).toBe(`${x} -> ${want.toString(16)}`);
  });
});

const odd = (n: number) => Array.from({ length: n }, (_, i) => (i % 50) / 4 - 3);

test("tensors of any size, odd ones too, come back as they were written", async ({ skip }) => {
  if (!able) skip();
  for (const n of [1, 2, 3, 5, 127, 128, 129, 1001]) {
    const [same, filled, up, down] = await device.read(() => {
      const x = device.tensor(odd(n), [n], "f16");
      const wide = device.tensor(odd(n), [n]);
      return [x, device.full([n], 1.5, "f16"), cast(x, "f32"), cast(wide, "f16")];
    });
    for (const values of [same!, up!, down!]) expect([...values]).toEqual(odd(n));
    expect(filled!.every((v) => v === 1.5)).toBe(true);
  }
});

test("rounding on the GPU is that of the host", async ({ skip }) => {
  if (!able) skip();
  const values = Float32Array.from({ length: 3001 }, (_, i) => Math.sin(i) * 10 ** ((i % 9) - 4));
  const normal = values.filter((v) => Math.abs(v) > 2 ** -14 && Math.abs(v) < 65_000);
  const [down] = await device.read(() => [cast(device.tensor(normal, [normal.length]), "f16")]);
  const host = fromF16(toF16(normal));
  // WGSL lets a GPU round either way
  down!.forEach((v, i) => {
    expect(Math.abs(v / normal[i]! - 1)).toBeLessThan(2 ** -10);
    expect(Math.abs(v - host[i]!)).toBeLessThanOrEqual(Math.abs(host[i]!) * 2 ** -10);
  });
});

test("permute, slice, concat and reshape move odd numbers of halves", async ({ skip }) => {
  if (!able) skip();
  const f32 = (x: Tensor) => [
    permute(x, [1, 0]),
    slice(x, 1, 1, 4),
    slice(x, 0, 1),
    slice(x, 0, 0, 3, 2),
    concat([x, slice(x, 1, 0, 1)], 1),
    concat([x, slice(x, 0, 0, 1)], 0),
    reshape(x, [5, 3]),
  ];
  const half = await device.read(() => f32(device.tensor(odd(15), [3, 5], "f16")));
  const full = await device.read(() => f32(device.tensor(odd(15), [3, 5])));
  expect(half).toEqual(full);
});

test("writing an odd number of halves into a view leaves its neighbour alone", async ({ skip }) => {
  if (!able) skip();
  const [all] = await device.read(() => {
    const x = device.tensor(odd(300), [300], "f16");
    device.write(slice(x, 0, 128, 129), [9]);
    device.write(slice(x, 0, 0, 3), [5, 6, 7]);
    device.fill(slice(x, 0, 256, 257), 8);
    return [x];
  });
  const want = odd(300);
  want.splice(0, 3, 5, 6, 7);
  [want[128], want[256]] = [9, 8];
  expect([...all!]).toEqual(want);
});

test("gradients flow through casts and movements of halves, as f32", async ({ skip }) => {
  if (!able) skip();
  const x = device.tensor(odd(15), [3, 5]);
  const moved = (x: Tensor) => cast(slice(permute(cast(x, "f16"), [1, 0]), 0, 1, 4), "f32");
  const [g] = await device.read(() => {
    const leaf = x.view().setRequiresGrad(true);
    backward(sum(mul(moved(leaf), 3)));
    expect(leaf.grad!.dtype).toBe("f32");
    return [leaf.grad!.view()];
  });
  expect([...g!]).toEqual([0, 3, 3, 3, 0, 0, 3, 3, 3, 0, 0, 3, 3, 3, 0]);
  await assertGradients((x) => cast(cast(x, "f16"), "f32"), [x], { eps: 0.5, rtol: 0.01 });
  x.dispose();
});

test("where halves are not served, the refusal says to cast", ({ skip }) => {
  if (!able) skip();
  device.scope(() => {
    const x = device.zeros([2, 3], "f16");
    expect(() => sort(x)).toThrow("sort: needs f32, i32 or u32, got Tensor f16 [2, 3]; cast first");
    expect(() => mul(x, device.ones([3], "i32"))).toThrow("mul: mixes f16 and i32; cast first");
    expect(() => x.setRequiresGrad(true)).toThrow("only f32 tensors have gradients, got f16");
  });
});

test("an adapter without halves says so", async () => {
  using other = await openDevice({ onWarning: () => {} });
  Object.defineProperty(other, "features", { value: new Set() });
  expect(() => other.zeros([2], "f16")).toThrow("has no f16 (shader-f16)");
});
