/** Distances and nearest rows: PyTorch's answers, sums in f64 on the host, blocks of any size, gradients. */
import { expect, test } from "vitest";
import {
  assertGradients,
  backward,
  cdist,
  mul,
  nearest,
  openDevice,
  Rng,
  sum,
  type Tensor,
  topk,
} from "../../src/core/index.ts";
import { blockSizes } from "../../src/core/ops/nearest.ts";
import { testDevice } from "../device.ts";
import { indexOps } from "./op-table-index.ts";
import { testFamily } from "./run-fixtures.ts";

const device = await testDevice();

testFamily(() => device, "distance", indexOps.distance!);

/** All distances in f64, row by row. */
function exactDistances(a: Float32Array, b: Float32Array, k: number): number[][] {
  const rows = (x: Float32Array) =>
    Array.from({ length: x.length / k }, (_, i) => x.subarray(i * k, (i + 1) * k));
  return rows(a).map((x) =>
    rows(b).map((y) => Math.sqrt(x.reduce((s, v, i) => s + (v - y[i]!) ** 2, 0))),
  );
}

test("distances have nearly all digits of f32: far from zero, close together, long rows", async () => {
  const rng = new Rng(1);
  for (const [m, n, k, shift] of [
    [33, 130, 7, 1000],
    [129, 5, 64, -300],
    [5, 6, 1800, 10],
  ] as const) {
    const [a, b] = [rng.uniformHost(m * k), rng.uniformHost(n * k)].map((x) =>
      x.map((v) => v + shift),
    ) as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
    const [got] = await device.read(() => [
      cdist(device.tensor(a, [m, k]), device.tensor(b, [n, k])),
    ]);
    const want = exactDistances(a, b, k).flat();
    const worst = want.reduce((w, d, i) => Math.max(w, Math.abs(got![i]! / d - 1)), 0);
    expect(worst).toBeLessThan(3e-6);
  }
});

test("equal rows are at distance zero exactly, however large they are", async () => {
  const rows = new Rng(2).uniformHost(40 * 20, 1e5, 1e6);
  const [d] = await device.read(() => {
    const x = device.tensor(rows, [40, 20]);
    return [cdist(x, x)];
  });
  for (let i = 0; i < 40; i++) expect(d![i * 41]).toBe(0);
});

test("leading axes broadcast, and gradients come back to the shapes of the arguments", async () => {
  const rng = new Rng(3);
  const shapes = [
    [
      [2, 1, 3, 5],
      [4, 6, 5],
    ],
    [
      [3, 4],
      [2, 5, 4],
    ],
    [
      [2, 3, 4],
      [1, 5, 4],
    ],
  ] as const;
  for (const [sa, sb] of shapes) {
    const [a, b] = [rng.uniform(device, sa, 0, 1), rng.uniform(device, sb, 2, 3)];
    await assertGradients((a, b) => cdist(a, b), [a, b]);
    await assertGradients((a, b) => cdist(a, b, { squared: true }), [a, b]);
    const [all, one] = await device.read(() => {
      const y = cdist(a, b);
      return [
        y,
        cdist(a.view([a.size / sa.at(-1)!, sa.at(-1)!]), b.view([b.size / sb.at(-1)!, sb.at(-1)!])),
      ];
    });
    expect(all![0]).toBe(one![0]);
    a.dispose();
    b.dispose();
  }
});

test("the nearest rows are the first of all distances sorted, in blocks of any size", async () => {
  const rng = new Rng(4);
  const [m, n, d] = [70, 300, 6];
  const a = rng.uniform(device, [2, 35, d]);
  const b = rng.uniform(device, [n, d]);
  for (const k of [1, 3, 20, 100, 300]) {
    for (const squared of [false, true]) {
      const [values, indices] = await device.read(() => {
        const all = topk(cdist(a.view([m, d]), b, { squared }), k, { largest: false });
        return [all.values, all.indices];
      });
      for (const maxBytes of [1000, 4 * 64 * 70, 4 * 128 * 64, 2 ** 40]) {
        if (maxBytes === 1000 && k !== 3) continue; // many small blocks: slow
        const got = await device.read(() => {
          return Object.values(nearest(a, b, k, { squared, maxBytes })) as Tensor[];
        });
        expect(got[0]).toEqual(values);
        expect(got[1]).toEqual(indices);
      }
    }
  }
  a.dispose();
  b.dispose();
});

test("blocks of a single distance give the same as one block", async () => {
  const rng = new Rng(7);
  const [a, b] = [rng.uniform(device, [3, 2]), rng.uniform(device, [17, 2])];
  const [one, many] = await device.read(() => [
    nearest(a, b, 2).indices,
    nearest(a, b, 2, { maxBytes: 1 }).indices,
  ]);
  expect(many).toEqual(one);
  a.dispose();
  b.dispose();
});

test("of equal distances the first row comes first, also across blocks", async () => {
  const [indices] = await device.read(() => {
    const b = device.tensor(
      Float32Array.from({ length: 200 }, (_, i) => i % 2),
      [200, 1],
    );
    return [nearest(device.tensor([0, 1], [2, 1]), b, 4, { maxBytes: 4 * 2 * 64 }).indices];
  });
  expect([...indices!]).toEqual([0, 2, 4, 6, 1, 3, 5, 7]);
});

test("a search over more distances than one buffer holds stays within its budget", async () => {
  const [m, n, d] = [3136, 12_000, 4]; // 150 MB of distances
  const rng = new Rng(5);
  const a = rng.uniform(device, [m, d]);
  const b = rng.uniform(device, [n, d]);
  device.memory.trim();
  const before = device.memory.stats();
  const own = await openDevice({ memoryLimit: 40 * 2 ** 20, onWarning: () => {} });
  const [ha, hb] = [await a.data(), await b.data()];
  const [values, indices] = await own.read(() => {
    const options = { maxBytes: 16 * 2 ** 20 };
    return Object.values(
      nearest(own.tensor(ha, [m, d]), own.tensor(hb, [n, d]), 3, options),
    ) as Tensor[];
  });
  own.close();
  expect(device.memory.stats().liveBytes).toBe(before.liveBytes);
  for (const i of [0, 1, 1567, m - 1]) {
    const query = (ha as Float32Array).subarray(i * d, (i + 1) * d);
    const [want] = exactDistances(query, hb as Float32Array, d) as [number[]];
    const order = want.map((_, j) => j).sort((p, q) => want[p]! - want[q]!);
    expect([...indices!.subarray(3 * i, 3 * i + 3)]).toEqual(order.slice(0, 3));
    expect(values![3 * i]).toBeCloseTo(want[order[0]!]!, 6);
  }
  a.dispose();
  b.dispose();
});

test("gradients of the nearest distances are right for both sides, with rows chosen many times", async () => {
  const rng = new Rng(6);
  const grid = Float32Array.from({ length: 24 }, (_, i) => 3 * Math.floor(i / 2) + (i % 2));
  const a = rng.uniform(device, [2, 20, 2], 0, 36);
  const b = device.tensor(grid, [12, 2]); // far apart: a small step keeps the order
  const options = { eps: 2e-5, rtol: 5e-3, atol: 1e-3 };
  await assertGradients((a, b) => nearest(a, b, 2).values, [a, b], options);
  await assertGradients((a, b) => nearest(a, b, 1, { squared: true }).values, [a, b], options);
  const grads = await device.read(() => {
    const leaves = [a, b].map((t) => t.view().setRequiresGrad(true)) as [Tensor, Tensor];
    backward(sum(mul(nearest(...leaves, 2).values, 3)));
    const some = leaves.map((t) => t.grad!.view());
    const whole = [a, b].map((t) => t.view().setRequiresGrad(true)) as [Tensor, Tensor];
    backward(sum(mul(topk(cdist(...whole), 2, { largest: false }).values, 3)));
    return [...some, ...whole.map((t) => t.grad!.view())];
  });
  for (const side of [0, 1]) {
    grads[side]!.forEach((g, i) => {
      expect(g).toBeCloseTo(grads[side + 2]![i]!, 4);
    });
  }
  a.dispose();
  b.dispose();
});

test("a row that is among the others has gradient zero there", async () => {
  const [da, db] = await device.read(() => {
    const a = device.tensor([1, 2], [1, 2]).setRequiresGrad(true);
    const b = device.tensor([1, 2, 5, 5], [2, 2]).setRequiresGrad(true);
    backward(sum(nearest(a, b, 1).values));
    return [a.grad!.view(), b.grad!.view()];
  });
  expect([...da!, ...db!]).toEqual([0, 0, 0, 0, 0, 0]);
});

test("NaN distances come last", async () => {
  const [indices] = await device.read(() => {
    const b = device.tensor([5, Number.NaN, 1], [3, 1]);
    return [nearest(device.tensor([0], [1, 1]), b, 3).indices];
  });
  expect([...indices!]).toEqual([2, 0, 1]);
});

test("block sizes keep to the budget and are at least one row of one", () => {
  for (const m of [1, 5, 64, 3136, 100_000]) {
    for (const n of [1, 63, 1024, 20_000]) {
      for (const bytes of [1, 4, 999, 2 ** 20, 2 ** 26]) {
        const [rows, columns] = blockSizes(m, n, bytes);
        expect(rows * columns).toBeLessThanOrEqual(Math.max(1, Math.floor(bytes / 4)));
        expect(rows).toBeGreaterThan(0);
        expect(columns).toBeGreaterThan(0);
        expect(rows <= m && columns <= n).toBe(true);
      }
    }
  }
});

test("empty sides and k = 0 give empty results or zeros", async () => {
  const [y, z, flat, none] = await device.read(() => [
    cdist(device.zeros([0, 3]), device.zeros([2, 3])),
    cdist(device.zeros([2, 0]), device.zeros([3, 0])),
    nearest(device.zeros([4, 2]), device.zeros([3, 2]), 0).values,
    nearest(device.zeros([0, 2]), device.zeros([3, 2]), 2).values,
  ]);
  expect([y!.length, flat!.length, none!.length]).toEqual([0, 0, 0]);
  expect([...z!]).toEqual([0, 0, 0, 0, 0, 0]);
  const a = device.ones([2, 3]);
  await assertGradients((a) => sum(cdist(a, device.zeros([0, 3]))), [a]);
  a.dispose();
});

test("what does not fit is refused with the shapes", () => {
  device.scope(() => {
    const [a, b] = [device.zeros([2, 3]), device.zeros([4, 5])];
    expect(() => cdist(a, b)).toThrow("cdist: rows of [2, 3] and [4, 5] differ in length");
    expect(() => cdist(device.zeros([3]), a)).toThrow(
      "cdist: needs [..., M, D] and [..., N, D], got [3] and [2, 3]",
    );
    expect(() => nearest(a, b, 1)).toThrow("nearest: rows of [2, 3] and [4, 5] differ in length");
    expect(() => nearest(a, a, 3)).toThrow("nearest: k is 3, b [2, 3] has 2 rows");
    expect(() => nearest(a, device.zeros([1, 2, 3]), 1)).toThrow(
      "nearest: b must be [N, D], got [1, 2, 3]",
    );
    expect(() => nearest(a, a, 1, { maxBytes: 0 })).toThrow("nearest: maxBytes must be positive");
    expect(() => cdist(a, device.zeros([2, 3], "i32"))).toThrow(
      "cdist: needs f32 or f16, got Tensor i32",
    );
  });
});
