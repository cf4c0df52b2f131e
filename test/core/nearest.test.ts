/** The nearest rows chosen by a product: those of the default way bit for bit, memory, halves, programs. */
import { expect, test } from "vitest";
import {
  add,
  backward,
  type HostArray,
  launch,
  mul,
  nearest,
  openDevice,
  program,
  Rng,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { nearestCandidatesKernel } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";
import { closeTo } from "./close.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "distance", {
  nearest: ([a, b], o) =>
    Object.values(nearest(a as Tensor, b as Tensor, o.k as number, o)) as Tensor[],
});

/** Values and indices of both ways. */
async function bothWays(
  [a, b]: readonly [Tensor, Tensor],
  k: number,
  squared = false,
): Promise<HostArray[]> {
  return device.read(() => {
    const found = [nearest(a, b, k, { squared }), nearest(a, b, k, { squared, by: "product" })];
    return found.flatMap(({ values, indices }) => [values, indices]);
  });
}

test("the product chooses the rows that the differences choose, and their distances are the same bits", async () => {
  const rng = new Rng(1);
  const sizes = [
    [1, 1, 1, 1],
    [1, 15, 3, 2],
    [3, 16, 4, 3],
    [129, 17, 5, 7],
    [700, 33, 64, 10],
    [130, 1000, 7, 14],
    [5, 2500, 36, 6],
    [1, 4000, 20, 12],
    [257, 49, 449, 6],
  ] as const;
  for (const [m, n, d, k] of sizes) {
    const pair = [rng.uniform(device, [m, d]), rng.uniform(device, [n, d])] as const;
    for (const squared of [false, true]) {
      const [values, indices, byProduct, chosen] = await bothWays(pair, k, squared);
      expect(chosen).toEqual(indices);
      expect(byProduct).toEqual(values);
    }
    for (const t of pair) t.dispose();
  }
});

test("rows far from zero and close together keep their order and their digits", async () => {
  const rng = new Rng(2);
  for (const shift of [1000, -3e4]) {
    const pair = [[50, 12] as const, [300, 12] as const].map((shape) =>
      rng.uniform(device, shape, shift, shift + 1),
    ) as [Tensor, Tensor];
    const [values, indices, byProduct, chosen] = await bothWays(pair, 4);
    expect(chosen).toEqual(indices);
    expect(byProduct).toEqual(values);
    for (const t of pair) t.dispose();
  }
});

test("a row that is among the others is at distance zero exactly, never below", async () => {
  const x = device.tensor(new Rng(3).uniformHost(200 * 64, 5, 9), [200, 64]);
  const [, , values, indices] = await bothWays([x, x], 3, true);
  for (let i = 0; i < 200; i++) {
    expect(values![3 * i]).toBe(0);
    expect(indices![3 * i]).toBe(i);
  }
  x.dispose();
});

test("of equal distances the first row comes first, whichever thread or part it is in", async () => {
  const [m, n, k] = [3, 3000, 6];
  const a = device.tensor([0, 1, 2], [m, 1]);
  const b = device.tensor(
    Float32Array.from({ length: n }, (_, i) => i % 3),
    [n, 1],
  );
  const [values, indices, byProduct, chosen] = await bothWays([a, b], k);
  expect(byProduct).toEqual(values);
  expect(chosen).toEqual(indices);
  expect([...chosen!.slice(0, k)]).toEqual([0, 3, 6, 9, 12, 15]);
  a.dispose();
  b.dispose();
});

test("NaN distances come last and infinite ones before them", async () => {
  const b = device.tensor([5, Number.NaN, 1, Number.POSITIVE_INFINITY], [4, 1]);
  const a = device.tensor([0, Number.NaN], [2, 1]);
  const [values, indices, byProduct, chosen] = await bothWays([a, b], 4);
  expect([...chosen!]).toEqual([2, 0, 3, 1, 0, 1, 2, 3]);
  expect(chosen).toEqual(indices);
  expect(byProduct).toEqual(values);
  a.dispose();
  b.dispose();
});

test("more than sixteen rows, rows of length zero and nothing at all are served as by default", async () => {
  const rng = new Rng(4);
  for (const [m, n, d, k] of [
    [9, 60, 5, 17],
    [9, 60, 5, 60],
    [4, 3, 0, 2],
    [0, 3, 2, 2],
    [4, 3, 2, 0],
    [0, 0, 2, 0],
  ] as const) {
    const pair = [rng.uniform(device, [m, d]), rng.uniform(device, [n, d])] as const;
    const [values, indices, byProduct, chosen] = await bothWays(pair, k);
    expect(values).toHaveLength(m * k);
    expect(chosen).toEqual(indices);
    expect(byProduct).toEqual(values);
    for (const t of pair) t.dispose();
  }
});

test("halves give what the same numbers give in f32", async () => {
  const rng = new Rng(5);
  const f32 = [rng.uniform(device, [70, 9]), rng.uniform(device, [130, 9])] as const;
  for (const types of [
    ["f16", "f16"],
    ["f16", "f32"],
    ["f32", "f16"],
  ] as const) {
    const host = await Promise.all(f32.map((t) => t.data()));
    const stored = host.map((values, i) =>
      device.tensor(values as Float32Array<ArrayBuffer>, f32[i]!.shape, types[i]),
    ) as [Tensor, Tensor];
    const rounded = await Promise.all(
      stored.map(async (t) => device.tensor(await t.data(), t.shape)),
    );
    const [, , values, indices] = await bothWays(stored, 5);
    const [want, order] = await bothWays(rounded as [Tensor, Tensor], 5);
    expect(indices).toEqual(order);
    closeTo(values!, want!, { rtol: 1e-6, atol: 0 });
    for (const t of [...stored, ...rounded]) t.dispose();
  }
  for (const t of f32) t.dispose();
});

test("a recorded step replays with the same bits, gradients of both sides included", async () => {
  const rng = new Rng(6);
  const inputs = [1, 2, 3].map(() => rng.uniform(device, [140, 20]));
  const b = rng.uniform(device, [90, 20]);
  const step = (x: Tensor) => {
    const [p, q] = [x, b].map((t) => t.view().setRequiresGrad(true)) as [Tensor, Tensor];
    const { values, indices } = nearest(p, q, 3, { squared: true, by: "product" });
    backward(sum(mul(values, values)));
    return [values, indices, p.grad!.view(), q.grad!.view()];
  };
  const recorded = program(device, step);
  for (const x of inputs) {
    const got = await device.read(() => recorded(x));
    const want = await device.read(() => step(x));
    expect(got).toEqual(want);
  }
  recorded.dispose();
  for (const t of [...inputs, b]) t.dispose();
});

test("memory grows with the rows of both sides, not with their pairs", async () => {
  const [m, n, d] = [3136, 3136, 8]; // 38 MiB of distances
  const rng = new Rng(7);
  const [ha, hb] = [rng.uniformHost(m * d), rng.uniformHost(n * d)];
  const own = await openDevice({ memoryLimit: 4 * 2 ** 20, onWarning: () => {} });
  const [values] = await own.read(() => [
    nearest(own.tensor(ha, [m, d]), own.tensor(hb, [n, d]), 6, { by: "product" }).values,
  ]);
  expect(values).toHaveLength(6 * m);
  own.close();
});

test("without subgroups and in any number of parts the candidates are the same rows", async () => {
  const [m, n, k, count] = [130, 100, 7, 4];
  const rng = new Rng(8);
  const a = rng.uniform(device, [m, k]);
  const b = rng.uniformHost(n * k);
  const packed = Float32Array.from({ length: 7 * k * 16 }, (_, i) => {
    const row = Math.floor(i / (16 * k)) * 16 + (i % 16);
    return row < n ? b[row * k + (Math.floor(i / 16) % k)]! : 0;
  });
  const halves = Float32Array.from({ length: 7 * 16 }, (_, row) =>
    row < n ? b.slice(row * k, (row + 1) * k).reduce((s, v) => s + (v * v) / 2, 0) : 0,
  );
  const runs = [true, false].flatMap((subgroups) =>
    [1, 3, 7].map((parts) => ({ subgroups: subgroups && device.subgroups, parts })),
  );
  const lists: string[] = [];
  for (const { subgroups, parts } of runs) {
    const [values, indices] = await device.read(() => {
      const y = device.empty([m, parts, count]);
      const yi = device.empty([m, parts, count], "i32");
      const spec = nearestCandidatesKernel({
        ...{ m, n, k, count, parts, subgroups },
        stored: "f32",
      });
      const inputs = [packed, halves].map((t) => device.tensor(t, [t.length]));
      launch(spec, [a, ...inputs, device.zeros([k])], [y, yi]);
      return [y, yi];
    });
    const best = Array.from({ length: m }, (_, row) => {
      const at = Array.from({ length: parts * count }, (_, i) => row * parts * count + i);
      const sorted = at.sort((p, q) => values![p]! - values![q]! || indices![p]! - indices![q]!);
      return sorted.slice(0, count).map((i) => indices![i]!);
    });
    lists.push(best.flat().join());
  }
  expect(new Set(lists).size).toBe(1);
  expect(lists[0]).not.toContain("-1");
  a.dispose();
});

test("what does not fit is refused as by default", () => {
  device.scope(() => {
    const a = device.zeros([2, 3]);
    expect(() => nearest(a, a, 3, { by: "product" })).toThrow(
      "nearest: k is 3, b [2, 3] has 2 rows",
    );
    expect(() => nearest(a, add(a, 1), 1, { by: "norms" as "product" })).toThrow(
      'nearest: by must be "differences" or "product", got "norms"',
    );
  });
});
