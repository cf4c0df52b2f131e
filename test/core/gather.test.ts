/** Reading and adding by index against PyTorch's answers, the rule for indices out of range, and large sizes. */
import { expect, test } from "vitest";
import {
  assertGradients,
  gather,
  indexAdd,
  indexSelect,
  Rng,
  scatterAdd,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

const { gather: g, scatterAdd: s, indexSelect: i, indexAdd: a } = indexOps.index!;
testFamily(() => device, "index", { gather: g!, scatterAdd: s!, indexSelect: i!, indexAdd: a! });

const ints = (values: number[], shape = [values.length]) =>
  device.tensor(Int32Array.from(values), shape);

test("adding twenty thousand rows to a few is exact and the same bits twice", async () => {
  const [m, n, c] = [20_000, 7, 5];
  const rng = new Rng(1);
  const index = rng.integersHost(m, 0, n);
  const source = Float32Array.from(rng.integersHost(m * c, -8, 9)); // whole numbers: sums are exact
  const want = new Float32Array(n * c);
  index.forEach((row, i) => {
    for (let k = 0; k < c; k++) want[row * c + k]! += source[i * c + k]!;
  });
  const run = () =>
    device.read(() => [
      indexAdd(device.zeros([n, c]), 0, ints([...index]), device.tensor(source, [m, c])),
    ]);
  const [first] = await run();
  expect(first).toEqual(want);
  expect((await run())[0]).toEqual(first);
});

test("an index out of range gives NaN where it reads, and never another element", async () => {
  const [y, z, i, u] = await device.read(() => {
    const x = device.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    return [
      gather(x, 1, ints([0, 3, -1, 2], [2, 2])),
      indexSelect(x, 0, ints([1, 2, -1, 2 ** 31 - 1])),
      indexSelect(ints([7, 8]), 0, ints([1, 5])),
      indexSelect(device.tensor(Uint32Array.of(7, 8), [2]), 0, ints([-5, 0])),
    ];
  });
  expect([...y!]).toEqual([1, Number.NaN, Number.NaN, 6]);
  expect([...z!]).toEqual([4, 5, 6, ...new Array(9).fill(Number.NaN)]);
  expect([...i!]).toEqual([8, -(2 ** 31)]);
  expect([...u!]).toEqual([2 ** 32 - 1, 7]);
});

test("an index out of range makes the whole line NaN where it would add, and no other line", async () => {
  for (const bad of [3, -1, 2 ** 31 - 1, -(2 ** 31)]) {
    const [y, z] = await device.read(() => {
      const x = device.ones([2, 3]);
      const source = device.ones([2, 2]);
      return [
        scatterAdd(x, 1, ints([0, bad, 2, 2], [2, 2]), source),
        indexAdd(x, 1, ints([1, bad]), source),
      ];
    });
    expect([...y!]).toEqual([Number.NaN, Number.NaN, Number.NaN, 1, 1, 3]);
    expect([...z!]).toEqual(new Array(6).fill(Number.NaN));
  }
});

test("a list from the host is checked before anything is queued", async () => {
  const x = device.tensor([1, 2, 3, 4, 5, 6], [3, 2]);
  const [y] = await device.read(() => [indexSelect(x, 0, [2, 0, 2])]);
  expect([...y!]).toEqual([5, 6, 1, 2, 5, 6]);
  const before = device.queue.launches;
  const text = "indexSelect: index 3 (number 1) is not in 0…2, axis 0 of [3, 2]";
  expect(() => indexSelect(x, 0, [0, 3])).toThrow(text);
  expect(() => indexSelect(x, -1, Int32Array.of(-1))).toThrow("index -1 (number 0) is not in 0…1");
  expect(() => indexSelect(x, 0, [0.5])).toThrow("index 0.5 (number 0)");
  expect(() => indexAdd(x, 0, [5], x)).toThrow("indexAdd: index 5 (number 0) is not in 0…2");
  expect(device.queue.launches).toBe(before);
  x.dispose();
});

test("gradients are right, with lists from host and GPU, repeats and every axis", async () => {
  const rng = new Rng(2);
  const x = rng.uniform(device, [3, 5, 4], -1, 1);
  const source = rng.uniform(device, [3, 7, 4], -1, 1);
  const list = ints([4, 0, 0, 3, 4, 4, 1]);
  const index = ints([...rng.integersHost(2 * 7 * 3, 0, 5)], [2, 7, 3]);
  const part = rng.uniform(device, [2, 7, 3], -1, 1);
  await assertGradients((x) => indexSelect(x, 1, [4, 0, 0, 3]), [x]);
  await assertGradients((x, s) => indexAdd(x, 1, list, s), [x, source]);
  await assertGradients((x) => gather(x, 1, index), [x]);
  await assertGradients((x, s) => scatterAdd(x, 1, index, s), [x, part]);
  for (const t of [x, source, list, index, part]) t.dispose();
});

test("a list that is freed early does not spoil the gradient, and a list from the host leaves nothing", async () => {
  const x = device.tensor([1, 2, 3], [3]).setRequiresGrad(true);
  await assertGradients(
    (x) => {
      const list = ints([2, 2, 0]);
      const y = indexSelect(x, 0, list);
      list.dispose();
      return y;
    },
    [x],
  );
  x.setRequiresGrad(false);
  const before = device.memory.stats().liveBuffers;
  indexSelect(x, 0, [1]).dispose();
  indexSelect(x, 0, [1, 2, 0]).dispose();
  expect(device.memory.stats().liveBuffers).toBe(before);
  x.dispose();
  expect(before).toBe(1);
});

test("large tensors over 65,535 workgroups are read at the right places", async () => {
  const n = 65_536 * 257;
  const [ends] = await device.read(() => {
    const x = device.zeros([n, 1]);
    const y = indexAdd(x, 0, [0, n - 1, n - 1], device.tensor([1, 2, 3], [3, 1]));
    x.dispose();
    return [indexSelect(y, 0, [0, 1, n - 2, n - 1])];
  });
  expect([...ends!]).toEqual([1, 0, 0, 5]);
});

test("empty indices and tensors give empty results or the tensor itself", async () => {
  const [y, z, w] = await device.read(() => {
    const x = device.tensor([1, 2], [2, 1]);
    const none = ints([], [0]);
    return [
      indexSelect(x, 0, none),
      indexAdd(x, 0, [], device.zeros([0, 1])),
      scatterAdd(x, 0, ints([], [0, 1]), device.zeros([0, 1])),
    ];
  });
  expect([...y!]).toEqual([]);
  expect([...z!]).toEqual([1, 2]);
  expect([...w!]).toEqual([1, 2]);
  const x = device.ones([2, 3]).setRequiresGrad(true);
  await assertGradients((x) => indexSelect(x, 0, []), [x]);
  await assertGradients((x) => gather(x, 1, ints([], [0, 2])), [x]);
  x.dispose();
});

test("what does not fit is refused with the shapes", () => {
  device.scope(() => {
    const x = device.zeros([2, 3]);
    const index = ints([0, 1], [1, 2]);
    expect(() => gather(x, 1, ints([0]))).toThrow(
      "gather: index [1] does not fit [2, 3] along axis 1",
    );
    expect(() => gather(x, 1, ints([0, 0, 0], [3, 1]))).toThrow("index [3, 1] does not fit [2, 3]");
    expect(() => gather(x, 2, index)).toThrow("gather: axes [2] do not fit a tensor of rank 2");
    expect(() => gather(x, 1, device.zeros([1, 2]))).toThrow("gather: needs i32, got Tensor f32");
    expect(() => scatterAdd(x, 1, index, x)).toThrow(
      "scatterAdd: source [2, 3] must have the index's shape [1, 2]",
    );
    expect(() => scatterAdd(index, 1, index, index)).toThrow("scatterAdd: needs f32 or f16, got");
    expect(() => indexSelect(x, 0, index)).toThrow("indexSelect: index must be [m], got [1, 2]");
    expect(() => indexAdd(x, 0, [1], x)).toThrow("indexAdd: source must be [1, 3], got [2, 3]");
  });
});
