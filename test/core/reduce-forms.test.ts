/** Every form a fold takes: rows and columns, vectors of every width, cut or whole, with subgroups and without. */
import { expect, test } from "vitest";
import {
  argmax,
  argmin,
  type Device,
  max,
  mean,
  min,
  openDevice,
  sum,
  variance,
} from "../../src/core/index.ts";
import { foldMiddle } from "../../src/core/ops/fold.ts";
import { reduceCut, reduceKernel } from "../../src/kernels/index.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

/** Whole numbers and quarters, whose sums f32 holds exactly in any order. */
function quarters(n: number): Float32Array<ArrayBuffer> {
  let state = 12345;
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 8) % 64) / 4 - 8;
  });
}

function folded(
  x: ArrayLike<number>,
  [outer, n, inner]: readonly [number, number, number],
  combine: (a: number, b: number) => number,
): number[] {
  return Array.from({ length: outer * inner }, (_, at) => {
    const [row, column] = [Math.floor(at / inner), at % inner];
    let total = x[row * n * inner + column] as number;
    for (let i = 1; i < n; i++) total = combine(total, x[(row * n + i) * inner + column] as number);
    return total;
  });
}

const shapes: [number, number, number][] = [
  [1, 1, 1],
  [1, 70_001, 1],
  [1, 1 << 18, 1],
  [5, 63, 1],
  [5, 64, 1],
  [7, 130, 1],
  [3, 4097, 1],
  [70_000, 7, 1],
  [1, 40_000, 3],
  [1, 32_768, 27],
  [1, 20_002, 18],
  [1, 4096, 64],
  [2, 3072, 66],
  [3, 1023, 5],
  [4, 9, 128],
  [2, 700, 1024],
];

async function check(on: Device): Promise<void> {
  for (const shape of shapes) {
    const data = quarters(shape[0] * shape[1] * shape[2]);
    const [total, most, least, whole] = await on.read(() => {
      const x = on.tensor(data, shape);
      const i = on.tensor(data.map(Math.round), shape, "i32");
      return [sum(x, 1), max(x, 1), min(x, 1), sum(i, 1)];
    });
    const name = `[${shape}]`;
    const rounded = data.map(Math.round);
    expect([...total!], name).toEqual(folded(data, shape, (a, b) => a + b));
    expect([...most!], name).toEqual(folded(data, shape, Math.max));
    expect([...least!], name).toEqual(folded(data, shape, Math.min));
    expect([...whole!], name).toEqual(folded(rounded, shape, (a, b) => a + b));
  }
}

test("folds of every form give exact sums, maxima and minima", async () => {
  await check(device);
});

test("without subgroups they give the same", async () => {
  using plain = await openDevice({ onWarning: () => {}, subgroups: false });
  await check(plain);
});

test("a fold is cut for a GPU and for a processor, and both cuts give the same sums", async () => {
  const [outer, n, inner] = [2, 4096, 12];
  const data = quarters(outer * n * inner);
  const cuts = [true, false].map((software) => reduceCut({ outer, n, inner }, software));
  expect(cuts[0]).not.toEqual(cuts[1]);
  const software = Object.getOwnPropertyDescriptor(device.adapter, "software")!;
  const [slow] = await device.read(() => [sum(device.tensor(data, [outer, n, inner]), 1)]);
  Object.defineProperty(device.adapter, "software", { ...software, value: false });
  const [fast] = await device.read(() => [sum(device.tensor(data, [outer, n, inner]), 1)]);
  Object.defineProperty(device.adapter, "software", software);
  expect(fast).toEqual(slow);
});

test("the same sum is the same bits twice", async () => {
  const data = Float32Array.from({ length: 300_001 }, (_, i) => Math.sin(i));
  const runs = await device.read(() => {
    const x = device.tensor(data, [data.length]);
    return [sum(x), sum(x)];
  });
  expect(runs[0]).toEqual(runs[1]);
});

test("halves are folded in f32: a mean of 70,000 thousands neither overflows nor stalls", async ({
  skip,
}) => {
  if (!device.features.has("shader-f16")) skip();
  for (const shape of [[70_000], [70_001]]) {
    const [average, total] = await device.read(() => {
      const x = device.full(shape, 1000, "f16");
      return [mean(x), foldMiddle(x, 1, x.size, 1, { name: "sum", fold: "sum", out: "f32" })];
    });
    expect(average?.[0]).toBe(1000);
    expect(total?.[0]).toBe(1000 * (shape[0] as number));
  }
  const [columns] = await device.read(() => {
    const x = device.tensor(quarters(4096 * 6), [4096, 6], "f16");
    return [foldMiddle(x, 1, 4096, 6, { name: "sum", fold: "sum", out: "f32" })];
  });
  expect([...columns!]).toEqual(folded(quarters(4096 * 6), [1, 4096, 6], (a, b) => a + b));
});

test("sums of nothing are 0, means and variances of nothing are no numbers", async () => {
  const results = await device.read(() => {
    const x = device.zeros([2, 0]);
    return [sum(x, 1), mean(x, 1), variance(x, 1), variance(device.ones([2, 1]), 1)];
  });
  expect(results.map((r) => [...r])).toEqual([
    [0, 0],
    [Number.NaN, Number.NaN],
    [Number.NaN, Number.NaN],
    [Number.NaN, Number.NaN],
  ]);
});

test("long rows are shared by eight threads, short ones are not", () => {
  const base = { name: "sum", fold: "sum", dtype: "f32", outer: 4, inner: 1, chunks: 1 } as const;
  const { code, subgroups } = reduceKernel({ ...base, n: 4096, subgroups: true });
  expect(code).toContain("subgroupShuffleXor");
  expect(code).not.toContain("workgroupBarrier");
  expect(subgroups).toBe(true);
  expect(reduceKernel({ ...base, n: 20, subgroups: true }).subgroups).toBe(false);
});

test("positions are found in every form and cut, the first of equal elements", async () => {
  const software = Object.getOwnPropertyDescriptor(device.adapter, "software")!;
  for (const value of [true, false]) {
    Object.defineProperty(device.adapter, "software", { ...software, value });
    for (const shape of [...shapes, [1, 131_073, 1], [1, 9000, 2]] as typeof shapes) {
      const [outer, n, inner] = shape;
      const data = quarters(outer * n * inner);
      const [most, least] = await device.read(() => {
        const x = device.tensor(data, shape);
        return [argmax(x, 1), argmin(x, 1)];
      });
      const place = (better: (a: number, b: number) => boolean) =>
        Array.from({ length: outer * inner }, (_, at) => {
          const start = Math.floor(at / inner) * n * inner + (at % inner);
          let best = 0;
          for (let i = 1; i < n; i++) {
            if (better(data[start + i * inner]!, data[start + best * inner]!)) best = i;
          }
          return best;
        });
      expect([...most!], `[${shape}]`).toEqual(place((a, b) => a > b));
      expect([...least!], `[${shape}]`).toEqual(place((a, b) => a < b));
    }
  }
  Object.defineProperty(device.adapter, "software", software);
});
