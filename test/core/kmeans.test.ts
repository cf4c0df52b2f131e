/** k-means: scikit-learn's answers from given centres, its way of choosing the first ones, seeds, and what can't be grouped. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type HostArray, kmeans, Rng, type Tensor } from "../../src/core/index.ts";
import { startRows } from "../../src/core/kmeans-start.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { closeTo } from "./close.ts";

const device = await testDevice();

const stored = (path: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../fixtures", path), "utf8"));

function matrix(rows: readonly (readonly number[])[]): Tensor {
  return device.tensor(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
}

type Found = Awaited<ReturnType<typeof kmeans>>;

/** Reads and frees. */
async function read({ centres, labels, ...rest }: Found) {
  const host = { centres: await centres.data(), labels: await labels.data(), ...rest };
  centres.dispose();
  labels.dispose();
  return host;
}

interface Golden {
  readonly X: number[][];
  readonly init_rows: number[];
  readonly centers: number[][];
  readonly labels: number[];
  readonly inertia: number;
  readonly n_iter: number;
  readonly tol: number;
}

test("the reference's bank is compressed as scikit-learn does it, from the same first centres", async () => {
  const golden = stored("cfa/kmeans.json") as Golden;
  const rows = matrix(golden.X);
  const initial = matrix(golden.init_rows.map((i) => golden.X[i]!));
  const found = await kmeans(rows, { clusters: 8, initial, tolerance: golden.tol });
  const { centres, labels, inertia, iterations } = await read(found);
  closeTo(centres, golden.centers.flat(), { rtol: 1e-6, atol: 1e-6 });
  expect([...labels]).toEqual(golden.labels);
  expect(Math.abs(inertia - golden.inertia)).toBeLessThan(2e-5);
  expect(iterations).toBe(golden.n_iter);
  rows.dispose();
  initial.dispose();
});

interface Case {
  readonly name: string;
  readonly rows: number;
  readonly width: number;
  readonly shift: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly initial: number[][];
  readonly centres: number[][];
  readonly labels: number[];
  readonly inertia: number;
  readonly iterations: number;
}

for (const c of stored("core/kmeans.json") as Case[]) {
  test(`${c.name}: centres, labels, inertia and iterations are scikit-learn's`, async () => {
    const values = Float32Array.from(rnd(c.name, [c.rows, c.width], c.shift, c.shift + 1));
    const rows = device.tensor(values, [c.rows, c.width]);
    const initial = matrix(c.initial);
    const { maxIterations, tolerance } = c;
    const options = { clusters: c.centres.length, initial, maxIterations, tolerance };
    const { centres, labels, inertia, iterations } = await read(await kmeans(rows, options));
    closeTo(centres, c.centres.flat(), { rtol: 1e-6, atol: 1e-6 });
    expect([...labels]).toEqual(c.labels);
    closeTo([inertia], [c.inertia], { rtol: 1e-4, atol: 1e-6 });
    expect(iterations).toBe(c.iterations);
    rows.dispose();
    initial.dispose();
  });
}

/** k-means++ with trials, as scikit-learn's `_kmeans_plusplus`, in f64 on the host, from the same numbers. */
function hostStart(x: HostArray, width: number, clusters: number, rng: Rng): number[] {
  const count = x.length / width;
  const trials = 2 + Math.floor(Math.log(clusters));
  const to = (p: number) =>
    Array.from({ length: count }, (_, row) => {
      let total = 0;
      for (let k = 0; k < width; k++) total += (x[row * width + k]! - x[p * width + k]!) ** 2;
      return total;
    });
  const chosen = [rng.integersHost(1, 0, count)[0]!];
  const u = rng.uniformHost(clusters * trials);
  let nearest = to(chosen[0]!);
  for (let c = 1; c < clusters; c++) {
    const all = nearest.reduce((a, b) => a + b, 0);
    const options = Array.from({ length: trials }, (_, t) => {
      let left = u[(c - 1) * trials + t]! * all;
      const candidate = nearest.findIndex((d) => {
        left -= d;
        return left < 0;
      });
      const distances = to(candidate).map((d, row) => Math.min(d, nearest[row]!));
      return { candidate, distances, sum: distances.reduce((a, b) => a + b, 0) };
    });
    const best = options.reduce((a, b) => (b.sum < a.sum ? b : a));
    chosen.push(best.candidate);
    nearest = best.distances;
  }
  return chosen;
}

test("the first centres are those of k-means++ with trials", async () => {
  for (const [rows, width, clusters, seed] of [
    [50, 3, 7, 1],
    [700, 8, 30, 2],
    [131, 5, 131, 3],
    [1, 4, 1, 4],
    [300, 1, 2, 5],
  ] as const) {
    const values = new Rng(seed).uniformHost(rows * width);
    const x = device.tensor(values, [rows, width]);
    const [got] = await device.read(() => [startRows(x, clusters, new Rng(seed + 10))]);
    const want = hostStart(values, width, clusters, new Rng(seed + 10));
    expect([...got!]).toEqual(
      want.flatMap((row) => [...values.slice(row * width, (row + 1) * width)]),
    );
    x.dispose();
  }
});

/** Rows in tight groups around the corners of a cube. */
function groups(size: number): Tensor {
  const noise = new Rng(8).uniformHost(8 * size * 3, -0.01, 0.01);
  const values = noise.map((v, i) => v + ((Math.floor(i / 3) >> (i % 3)) & 1));
  return device.tensor(values, [8 * size, 3]);
}

test("groups that lie apart are found from any seed", async () => {
  const rows = groups(20);
  for (let seed = 0; seed < 12; seed++) {
    const found = await read(await kmeans(rows, { clusters: 8, rng: new Rng(seed) }));
    expect(found.inertia).toBeLessThan(160 * 3 * 1e-4);
    const labels = [...found.labels];
    for (let i = 0; i < 160; i++) expect(labels[i]).toBe(labels[i % 8]);
    expect(new Set(labels).size).toBe(8);
  }
  rows.dispose();
});

test("the same seed gives the same bits, another seed others, and the stream moves on", async () => {
  const rows = new Rng(1).normal(device, [200, 6]);
  const rng = new Rng(5);
  const run = async (r: Rng) => read(await kmeans(rows, { clusters: 9, rng: r }));
  const [first, second] = [await run(rng), await run(rng)];
  expect(await run(new Rng(5))).toEqual(first);
  expect(second.centres).not.toEqual(first.centres);
  rows.dispose();
});

test("of several starts the one of smallest inertia stays", async () => {
  const rows = new Rng(2).normal(device, [150, 2]);
  const rng = new Rng(3);
  const alone: number[] = [];
  for (let i = 0; i < 5; i++)
    alone.push((await read(await kmeans(rows, { clusters: 12, rng }))).inertia);
  const all = await read(await kmeans(rows, { clusters: 12, rng: new Rng(3), restarts: 5 }));
  expect(all.inertia).toBe(Math.min(...alone));
  expect(new Set(alone).size).toBeGreaterThan(1);
  rows.dispose();
});

test("the inertia is that of the labels and centres that are returned, each label the nearest", async () => {
  const [count, width, clusters] = [90, 4, 6];
  const values = new Rng(4).uniformHost(count * width);
  const rows = device.tensor(values, [count, width]);
  const options = { clusters, rng: new Rng(1), maxIterations: 2 };
  const { centres, labels, inertia } = await read(await kmeans(rows, options));
  let total = 0;
  for (let i = 0; i < count; i++) {
    const distances = Array.from({ length: clusters }, (_, c) =>
      Array.from(centres.slice(c * width, (c + 1) * width)).reduce(
        (s, v, k) => s + (v - values[i * width + k]!) ** 2,
        0,
      ),
    );
    expect(distances[labels[i]!]).toBeCloseTo(Math.min(...distances), 6);
    total += distances[labels[i]!]!;
  }
  expect(inertia).toBeCloseTo(total, 4);
  rows.dispose();
});

test("halves are grouped as the same numbers in f32", async () => {
  const half = device.tensor(new Rng(6).uniformHost(60 * 5), [60, 5], "f16");
  const whole = device.tensor(await half.data(), [60, 5]);
  const [a, b] = [half, whole].map((rows) => kmeans(rows, { clusters: 4, rng: new Rng(2) }));
  expect(await read(await a!)).toEqual(await read(await b!));
  half.dispose();
  whole.dispose();
});

test("fewer different rows than clusters give centres that are equal, not lost", async () => {
  const rows = matrix(Array.from({ length: 10 }, (_, i) => [i % 2, 3]));
  const { centres, labels, inertia } = await read(
    await kmeans(rows, { clusters: 4, rng: new Rng(1) }),
  );
  expect(inertia).toBe(0);
  for (let c = 0; c < 4; c++) {
    expect([0, 1]).toContain(centres[2 * c]);
    expect(centres[2 * c + 1]).toBe(3);
  }
  labels.forEach((label, i) => {
    expect(centres[2 * label]).toBe(i % 2);
  });
  rows.dispose();
});

test("what can't be grouped is refused with its numbers", async () => {
  const rows = device.ones([5, 3]);
  const rng = new Rng(1);
  const wrong = async (options: Parameters<typeof kmeans>[1], x = rows) => {
    const error = await kmeans(x, options).then(
      () => undefined,
      (e: Error) => e,
    );
    return error?.message;
  };
  expect(await wrong({ clusters: 6, rng })).toBe("kmeans: 6 clusters of 5 rows; ask for fewer");
  for (const clusters of [0, 1.5, Number.NaN]) {
    const text = `kmeans: clusters must be a whole number from 1, got ${clusters}`;
    expect(await wrong({ clusters, rng })).toBe(text);
  }
  expect(await wrong({ clusters: 2, rng, restarts: 0 })).toContain("restarts must be a whole");
  expect(await wrong({ clusters: 2, rng, maxIterations: 0.5 })).toContain("maxIterations must be");
  expect(await wrong({ clusters: 2, rng, tolerance: -1 })).toBe(
    "kmeans: tolerance must be at least 0, got -1",
  );
  expect(await wrong({ clusters: 2 })).toBe("kmeans: needs either rng or initial");
  expect(await wrong({ clusters: 2, rng, initial: rows })).toContain("either rng or initial");
  expect(await wrong({ clusters: 2, initial: rows })).toBe(
    "kmeans: initial must be [2, 3], got [5, 3]",
  );
  const flat = device.ones([5]);
  expect(await wrong({ clusters: 2, rng }, flat)).toBe("kmeans: rows must be [P, D], got [5]");
  const lost = device.tensor([0, 1, 2, Number.NaN, 1, 2], [2, 3]);
  expect(await wrong({ clusters: 2, initial: lost })).toBe(
    "kmeans: the mean of initial [2, 3] is not a finite number; look for NaN, infinity or huge numbers",
  );
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
    const holed = device.tensor([0, 1, 2, 3, 4, bad], [3, 2]);
    expect(await wrong({ clusters: 2, rng }, holed)).toBe(
      "kmeans: the variance of rows [3, 2] is not a finite number; look for NaN, infinity or huge numbers",
    );
    holed.dispose();
  }
  lost.dispose();
  flat.dispose();
  rows.dispose();
});
