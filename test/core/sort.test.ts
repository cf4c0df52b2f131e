/** Sorting, selection and positions of extremes against PyTorch's and a plain sort of JavaScript. */
import { expect, test } from "vitest";
import {
  argmax,
  argmin,
  assertGradients,
  backward,
  mul,
  Rng,
  sort,
  sum,
  type Tensor,
  topk,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

const exact = { tolerance: { rtol: 0, atol: 0 } };
testFamily(() => device, "reduction", indexOps.reduction!, exact);
testFamily(() => device, "special", indexOps.special!, exact);
testFamily(
  () => device,
  "index",
  { sort: indexOps.index!.sort!, topk: indexOps.index!.topk! },
  exact,
);

/** What a stable sort on the host gives, NaN being the greatest. */
function expected(row: ArrayLike<number>, descending = false) {
  const rank = (x: number) => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);
  const order = Array.from(row, (_, i) => i).sort((i, j) => {
    const [a, b] = [row[i] as number, row[j] as number];
    const nan = Number(Number.isNaN(a)) - Number(Number.isNaN(b));
    const up = nan || (rank(a) === rank(b) ? 0 : rank(a) - rank(b));
    return (descending ? -up : up) || i - j;
  });
  return { values: order.map((i) => row[i] as number), indices: order };
}

test("rows of any length are sorted as JavaScript's stable sort does, with many ties", async () => {
  const rng = new Rng(5);
  for (const n of [1, 2, 63, 64, 65, 255, 256, 257, 511, 513, 1000, 4097, 20_000]) {
    const rows = n > 5000 ? 1 : 3;
    const host = Float32Array.from(rng.integersHost(rows * n, -n, n), (v) => Math.trunc(v / 3));
    for (const descending of [false, true]) {
      const [values, indices] = await device.read(() => {
        return Object.values(sort(device.tensor(host, [rows, n]), { descending })) as Tensor[];
      });
      for (let r = 0; r < rows; r++) {
        const want = expected(host.subarray(r * n, (r + 1) * n), descending);
        expect([...values!.subarray(r * n, (r + 1) * n)]).toEqual(want.values);
        expect([...indices!.subarray(r * n, (r + 1) * n)]).toEqual(want.indices);
      }
    }
  }
});

test("the k best are the first k of a full sort, for every way they are found", async () => {
  const rng = new Rng(6);
  for (const n of [5, 64, 65, 300, 1025, 9000]) {
    const host = Float32Array.from(rng.integersHost(2 * n, 0, n), (v) => v / 4);
    for (const k of [1, 3, 16, 17, 64, 65, 299].filter((k) => k <= n)) {
      for (const largest of [true, false]) {
        const [values, indices] = await device.read(() => {
          return Object.values(topk(device.tensor(host, [2, n]), k, { largest })) as Tensor[];
        });
        for (let r = 0; r < 2; r++) {
          const want = expected(host.subarray(r * n, (r + 1) * n), largest);
          expect([...values!.subarray(r * k, (r + 1) * k)]).toEqual(want.values.slice(0, k));
          expect([...indices!.subarray(r * k, (r + 1) * k)]).toEqual(want.indices.slice(0, k));
        }
      }
    }
  }
});

const odd = [3, Number.NaN, -0, Number.POSITIVE_INFINITY, 0, -1e-40, Number.NaN, -7, 1e-40, -0];
const infinity = Number.NEGATIVE_INFINITY;

test("NaN is the greatest, zeros of either sign are equal, and every bit survives", async () => {
  const host = Float32Array.from([...odd, infinity]);
  for (const descending of [false, true]) {
    const [values, indices] = await device.read(() => {
      return Object.values(sort(device.tensor(host, [11]), { descending })) as Tensor[];
    });
    const want = expected(host, descending);
    expect([...indices!]).toEqual(want.indices);
    expect([...values!]).toEqual(want.values);
  }
  const [most, least] = await device.read(() => {
    const x = device.tensor(host, [11]);
    return [topk(x, 3).indices, topk(x, 2, { largest: false }).indices];
  });
  expect([...most!]).toEqual([1, 6, 3]);
  expect([...least!]).toEqual([10, 7]);
});

test("positions of extremes: NaN first, zeros equal, infinities, long rows and columns", async () => {
  const [all, small, zeros, ends] = await device.read(() => {
    const x = device.tensor(Float32Array.from(odd), [odd.length]);
    const z = device.tensor(Float32Array.of(-0, 0, -0), [3]);
    const e = device.tensor(Float32Array.of(infinity, infinity), [2]);
    return [argmax(x), argmin(x), argmax(z), argmax(e)];
  });
  expect([all![0], small![0], zeros![0], ends![0]]).toEqual([1, 1, 0, 0]);
  const n = 70_001;
  const host = new Rng(1).integersHost(n, -1000, 1000);
  const first = (best: number) => host.indexOf(best);
  for (const shape of [[n], [n, 1, 1], [1, n]]) {
    const axis = shape.indexOf(n);
    const [high, low] = await device.read(() => {
      const x = device.tensor(host, shape);
      return [argmax(x, axis), argmin(x, axis)];
    });
    expect(high![0]).toBe(first(Math.max(...host)));
    expect(low![0]).toBe(first(Math.min(...host)));
  }
});

test("columns are searched side by side, in chunks when they are long", async () => {
  const host = new Rng(2).uniformHost(5 * 3001);
  const [got] = await device.read(() => [argmin(device.tensor(host, [3001, 5]), 0)]);
  for (let c = 0; c < 5; c++) {
    const column = Array.from({ length: 3001 }, (_, i) => host[i * 5 + c] as number);
    expect(got![c]).toBe(column.indexOf(Math.min(...column)));
  }
});

test("whole numbers are ordered too, with and without a sign", async () => {
  const i32 = Int32Array.of(3, -(2 ** 31), 2 ** 31 - 1, 0, -1);
  const u32 = Uint32Array.of(3, 2 ** 32 - 1, 2 ** 31, 0, 7);
  const [a, b, c] = await device.read(() => [
    sort(device.tensor(i32, [5])).values,
    sort(device.tensor(u32, [5]), { descending: true }).values,
    argmax(device.tensor(u32, [5])),
  ]);
  expect([...a!]).toEqual([...i32.toSorted()]);
  expect([...b!]).toEqual([...u32.toSorted().toReversed()]);
  expect(c![0]).toBe(1);
});

test("gradients of sorted and selected values are right along any axis", async () => {
  const apart = Float32Array.from(new Rng(3).permutation(420), (i) => i / 420);
  const x = device.tensor(apart, [3, 70, 2]);
  const options = { eps: 5e-4 }; // keeps the order
  await assertGradients((x) => sort(x, { axis: 1 }).values, [x], options);
  await assertGradients((x) => topk(x, 5, { axis: 1, largest: false }).values, [x], options);
  await assertGradients((x) => topk(x, 1, { axis: 0 }).values, [x], options);
  x.dispose();
});

test("indices that are freed early do not spoil the gradient", async () => {
  const [dx] = await device.read(() => {
    const x = device.tensor([3, 1, 2], [3]).setRequiresGrad(true);
    const { values, indices } = sort(x);
    indices.dispose();
    backward(sum(mul(values, device.tensor([10, 20, 30], [3]))));
    return [x.grad!.view()];
  });
  expect([...dx!]).toEqual([30, 10, 20]);
});

test("the same bits come out twice", async () => {
  const run = () =>
    device.read(() => {
      const x = new Rng(9).integers(device, [3, 3000], 0, 50);
      return [...Object.values(sort(x)), ...Object.values(topk(x, 7))] as Tensor[];
    });
  expect(await run()).toEqual(await run());
});

test("empty rows, no rows and k = 0 give empty tensors; what cannot be is refused", () => {
  device.scope(() => {
    const empty = device.zeros([3, 0]);
    expect(sort(empty).values.shape).toEqual([3, 0]);
    expect(sort(device.zeros([0, 5])).indices.shape).toEqual([0, 5]);
    expect(topk(device.zeros([2, 5]), 0).values.shape).toEqual([2, 0]);
    expect(argmax(device.zeros([0, 3]), 1).shape).toEqual([0]);
    expect(() => argmax(empty, 1)).toThrow("argmax: no elements in [3, 0]");
    expect(() => argmin(empty, 2)).toThrow("argmin: axes [2] do not fit a tensor of rank 2");
    expect(() => sort(empty, { axis: 2 })).toThrow("sort: [3, 0] has no axis 2");
    expect(() => topk(device.zeros([2, 5]), 6)).toThrow("topk: k is 6, axis -1 of [2, 5] has 5");
    expect(() => topk(device.zeros([2, 5]), 1.5)).toThrow("topk: k is 1.5");
    if (!device.features.has("shader-f16")) return;
    const half = device.zeros([4], "f16");
    expect(() => sort(half)).toThrow("sort: needs f32, i32 or u32, got Tensor f16 [4]; cast first");
  });
});
