/** What the GPU refuses: one clear error that names op and shapes, for the pending read and for everything after it. */
import { expect, test } from "vitest";
import {
  add,
  type Device,
  LoupeError,
  launch,
  mul,
  openDevice,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { fold, type KernelSpec, kernel } from "../../src/kernels/index.ts";

const open = () => openDevice({ onWarning: () => {} });
const caught = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** y = x, with faults to order. */
function faulty(fault: Partial<KernelSpec> & { body?: string; workgroup?: number }): KernelSpec {
  const { body = "if (lid.x == 0u) { y_[0] = x_[0] * p.n; }", workgroup = 1, ...rest } = fault;
  const spec = kernel({
    name: "faulty",
    inputs: [{ name: "x_", type: "f32" }],
    outputs: [{ name: "y_", type: "f32" }],
    params: { n: ["f32", 1] },
    workgroup: [workgroup],
    grid: fold(1),
    body,
  });
  return { ...spec, ...rest };
}

/** Queues work, a faulty launch and more work, and looks at all that rejects. */
async function refused(device: Device, spec: KernelSpec): Promise<LoupeError> {
  const x = device.ones([2, 3]);
  const good = mul(x, 2);
  const y = device.empty([2, 3]);
  launch(spec, [good], [y]);
  let later: Tensor | undefined;
  try {
    later = sum(add(y, x));
  } catch {} // the queue may know already
  const errors = await Promise.all([
    caught(y.data()),
    caught((later ?? x).data()),
    caught(x.data()),
    caught(device.settle()),
  ]);
  const [first] = errors;
  expect(first).toBeInstanceOf(LoupeError);
  expect((first as LoupeError).code).toBe("device");
  for (const error of errors) expect(error).toBe(first);
  expect(() => add(x, 1)).toThrow(first as LoupeError);
  expect(() => device.ones([1])).toThrow(first as LoupeError);
  expect(await caught(device.read(() => [x]))).toBe(first);
  expect(await caught(x.item())).not.toBeUndefined();
  return first as LoupeError;
}

test("a shader that does not compile rejects everything with one error that names op, shapes and the line", async () => {
  const device = await open();
  const { message } = await refused(device, faulty({ body: "y_[0] = nonsense;" }));
  expect(message).toMatch(/^faulty\(\[2, 3\], \[2, 3\]\): shader refused: rejected by the GPU: /);
  expect(message).toContain("unresolved value 'nonsense'");
  expect(message.length).toBeLessThan(1200);
  device.close();
});

test("bindings that do not match the shader reject everything", async () => {
  const device = await open();
  const { message } = await refused(device, faulty({ access: ["read", "read"] }));
  expect(message).toMatch(/^faulty\(\[2, 3\], \[2, 3\]\): shader refused: rejected by the GPU: /);
  device.close();
});

test("a workgroup larger than the adapter allows rejects everything", async () => {
  const device = await open();
  const size = device.limits.maxComputeInvocationsPerWorkgroup * 2;
  const { message } = await refused(device, faulty({ workgroup: size }));
  expect(message).toMatch(/^faulty\(\[2, 3\], \[2, 3\]\): shader refused/);
  device.close();
});

test("a launch that is refused is found among the good ones around it", async () => {
  const device = await open();
  const good = faulty({});
  const parameters = new Uint8Array(0); // the shader wants four bytes
  const { message } = await refused(device, { ...good, params: parameters });
  expect(message).toMatch(/^faulty\(\[2, 3\], \[2, 3\]\): rejected by the GPU: /);
  device.close();
});

test("a grid over 65,535 workgroups on one axis is refused by name", async () => {
  const device = await open();
  const { message } = await refused(device, faulty({ grid: [70_000, 1, 1] }));
  expect(message).toMatch(/^faulty\(\[2, 3\], \[2, 3\]\): rejected by the GPU: /);
  expect(() =>
    kernel({
      name: "wide",
      inputs: [],
      outputs: [],
      workgroup: [1],
      grid: [70_000, 1, 1],
      body: "",
    }),
  ).toThrow("wide: grid of 70000 × 1 × 1 workgroups is outside 1…65535 per axis; lower the batch");
  device.close();
});

test("too many parameters are refused before anything is queued", async () => {
  const device = await open();
  const x = device.ones([2]);
  const params = new Uint8Array(272);
  const before = device.queue.launches;
  expect(() => launch(faulty({ params }), [x], [device.empty([2])])).toThrow(
    "faulty([2], [2]): 272 bytes of parameters, at most 256 fit",
  );
  expect(device.queue.launches).toBe(before);
  expect(await sum(x).item()).toBe(2);
  device.close();
});

test("an error outside every launch is not lost either", async () => {
  const device = await open();
  const x = device.ones([2]);
  device.native.createBuffer({ size: 16, usage: 0xffff }); // nonsense, uncaptured
  await device.native.queue.onSubmittedWorkDone();
  const error = (await caught(device.settle())) as LoupeError;
  expect(error.message).toMatch(/^a launch: rejected by the GPU: /);
  expect(await caught(x.data())).toBe(error);
  device.close();
});

test("a device lost behind our back rejects pending and later work with what to do", async () => {
  const device = await open();
  const x = device.ones([4]);
  const pending = [caught(add(x, 1).data()), caught(device.settle())];
  device.native.destroy();
  const late = caught(x.data());
  const errors = await Promise.all([...pending, late]);
  const lost = errors.find((e) => e !== undefined);
  expect(lost).toBeInstanceOf(LoupeError);
  for (const error of errors) expect(error === undefined || error === lost).toBe(true);
  expect(errors[2]).toBe(lost);
  expect((lost as LoupeError).message).toMatch(
    /^device: the GPU was lost: .*[^.]; resume from the last checkpoint$/,
  );
  expect(() => mul(x, 2)).toThrow(lost as LoupeError);
  device.close();
});

test("after close everything is refused, and what was pending rejects", async () => {
  const device = await open();
  const x = device.ones([4]);
  const pending = caught(add(x, 1).data());
  device.close();
  device.close();
  const text = "device: the device is closed; open a new one";
  expect(((await pending) as LoupeError).message).toBe(text);
  expect(() => add(x, 1)).toThrow(text);
  expect(() => device.ones([1])).toThrow(text);
  await expect(x.data()).rejects.toThrow(text);
  await expect(device.settle()).rejects.toThrow(text);
  x.dispose();
  device.memory.trim();
});
