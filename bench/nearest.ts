/** The k smallest distances of every feature vector to a bank of them, as memory-bank methods ask for, and the bank's k-means. */
import { kmeans, type NearestOptions, nearest, Rng } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { near, type Point, type Task } from "./task.ts";

interface Search {
  /** Vectors asked about, vectors in the bank, their length, how many neighbours. */
  readonly sizes: readonly [m: number, n: number, d: number, k: number];
  readonly by: NonNullable<NearestOptions["by"]>;
}

/** By differences, by the product, and a training step's search of CFA on ResNet-18 with four images of 224 pixels. */
export const nearestTasks: readonly Task[] = [
  nearestTask({ sizes: [3136, 1024, 128, 3], by: "differences" }),
  nearestTask({ sizes: [3136, 1024, 128, 3], by: "product" }),
  nearestTask({ sizes: [12_544, 3136, 448, 6], by: "product" }),
];

function nearestTask({ sizes: [m, n, d, k], by }: Search): Task {
  const product = by === "product";
  return {
    name: `nearest ${k} of ${n} for ${m} vectors of ${d}${product ? ", by product" : ""}`,
    work: { flops: (product ? 2 : 3) * m * n * d },
    open(device) {
      const [a, b] = [drawn(m * d, 1), drawn(n * d, 2)];
      const [ta, tb] = [device.tensor(a, [m, d]), device.tensor(b, [n, d])];
      const check = near([0, m >> 1, m - 1].flatMap((row) => points(a, b, row, d, k)));
      return { queue: () => nearest(ta, tb, k, { by }).values, check };
    },
  };
}

/** The k smallest distances of a row. */
function points(a: Float32Array, b: Float32Array, row: number, d: number, k: number): Point[] {
  const distances = Array.from({ length: b.length / d }, (_, i) => {
    let total = 0;
    for (let j = 0; j < d; j++)
      total += ((a[row * d + j] as number) - (b[i * d + j] as number)) ** 2;
    return Math.sqrt(total);
  }).sort((p, q) => p - q);
  return distances.slice(0, k).map((value, i): Point => [row * k + i, value]);
}

/** Patches, their length, centres: a tenth of ResNet-18's at 224 pixels. */
const [rows, width, clusters] = [3136, 448, 313];
const iterations = 5;

/** k-means++ and a few of Lloyd's iterations. */
export const kmeansTask: Task = {
  name: `kmeans, ${clusters} of ${rows} vectors of ${width}, ${iterations} iterations`,
  work: {
    flops:
      rows * width * clusters * (2 * (iterations + 1) + 3 * (2 + Math.floor(Math.log(clusters)))),
  },
  open(device) {
    const values = drawn(rows * width, 1);
    const x = device.tensor(values, [rows, width]);
    return {
      async wait() {
        const options = { clusters, maxIterations: iterations, tolerance: 0, rng: new Rng(1) };
        const { centres, labels } = await kmeans(x, options);
        const answer = [...(await centres.data()), ...(await labels.data())];
        centres.dispose();
        labels.dispose();
        return answer;
      },
      check: (answer) => checkNearest(values, answer),
    };
  },
};

/** Throws unless the labels of a few rows are their nearest centres. */
function checkNearest(values: Float32Array, answer: ArrayLike<number>): void {
  const centres = Float32Array.from({ length: clusters * width }, (_, i) => answer[i] as number);
  for (const row of [0, rows >> 1, rows - 1]) {
    const own = values.subarray(row * width, (row + 1) * width);
    const label = answer[clusters * width + row] as number;
    const [[, least]] = points(own, centres, 0, width, 1) as [Point];
    const [[, got]] = points(
      own,
      centres.subarray(label * width, (label + 1) * width),
      0,
      width,
      1,
    ) as [Point];
    if (!(got <= least * (1 + 1e-5))) {
      throw new Error(`row ${row}: its centre is at ${got}, the nearest at ${least}`);
    }
  }
}
