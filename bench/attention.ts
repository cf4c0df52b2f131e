/**
 * Attention as FOD has it at 256 × 256: eight heads of 32 channels over 32 × 32 positions, forward, with its gradients, and with the
 * prior's divergences and the weights' entropy. Products are counted as for FlashAttention: two forward, five backward.
 */
import { add, attention, type Device, grad, mul, sum, type Tensor } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { near, type Point, type Task } from "./task.ts";

const [heads, side, width] = [8, 32, 32];
const rows = side * side;
const d = heads * width;
/** The head that is computed on the host, too. */
const checked = 5;
/** Scores spread enough to make the weights of a row differ. */
const spread = 3;
const eps = 1e-4;

const numbers = () => ({
  q: drawn(rows * d, 1, spread),
  k: drawn(rows * d, 2, spread),
  v: drawn(rows * d, 3),
  sigma: drawn(rows * heads * 2, 4, 0.9).map((x) => x + 1),
  dy: drawn(rows * d, 5),
});

function tensors(device: Device) {
  const n = numbers();
  const of = (data: Float32Array<ArrayBuffer>) =>
    device.tensor(data, [1, rows, d]).setRequiresGrad(true);
  const sigma = device.tensor(n.sigma, [1, rows, heads, 2]).setRequiresGrad(true);
  return { q: of(n.q), k: of(n.k), v: of(n.v), sigma, dy: device.tensor(n.dy, [1, rows, d]) };
}

const pairs = rows * rows * heads;
const name = `${heads} heads of ${width}, ${rows} positions`;

const forward: Task = {
  name: `attention forward, ${name}`,
  work: { flops: 4 * pairs * width },
  open(device) {
    const { q, k, v } = tensors(device);
    const queue = () => attention(q.detach(), k.detach(), v.detach(), { heads });
    return { queue, check: near(host(false).out) };
  },
};

const trained: Task = {
  name: `attention with gradients, ${name}`,
  work: { flops: 14 * pairs * width },
  open(device) {
    const { q, k, v, dy } = tensors(device);
    const queue = () => {
      const out = attention(q, k, v, { heads });
      return [out, ...(grad(out, [q, k, v], dy) as Tensor[])];
    };
    const { out, dq, dk, dv } = host(false);
    return { queue, check: near(chained([out, dq, dk, dv], [rows * d, rows * d, rows * d])) };
  },
};

/** All gradients together; both divergences are one number. */
export const attentionPriorTask: Task = {
  name: `attention with prior and gradients, ${name}`,
  work: { flops: 14 * pairs * width },
  open(device) {
    const { q, k, v, sigma, dy } = tensors(device);
    const queue = () => {
      const made = attention(q, k, v, { heads, prior: { sigma, grid: [side, side] } });
      const { out, mapDivergence, priorDivergence, entropy } = made;
      const sums = [mul(out, dy), mapDivergence, priorDivergence, entropy].map((t) => sum(t));
      const grads = grad(sums.reduce(add), [q, k, v, sigma]) as Tensor[];
      return [out, ...grads, mapDivergence, entropy];
    };
    return { queue, check: near(attentionPriorPoints(), 1e-3) };
  },
};

/** Values of what that gives, one after the other. */
export function attentionPriorPoints(): Point[] {
  const { out, dq, dk, dv, divergence, entropy } = host(true);
  const sizes = [rows * d, rows * d, rows * d, rows * d, rows * heads * 2, rows * heads];
  return chained([out, dq, dk, dv, [], divergence, entropy], sizes);
}

export const attentionTasks: readonly Task[] = [forward, trained, attentionPriorTask];

/** Points of results that follow each other. */
function chained(parts: readonly (readonly Point[])[], sizes: readonly number[]): Point[] {
  let start = 0;
  return parts.flatMap((points, i) => {
    const from = start;
    start += sizes[i] ?? 0;
    return points.map(([at, value]): Point => [from + at, value]);
  });
}

/** A few values of one head, in doubles; with a prior every gradient is of the sum of all results but its own divergence. */
function host(prior: boolean) {
  const n = numbers();
  const row = (x: Float32Array, i: number) =>
    x.subarray(i * d + checked * width, i * d + (checked + 1) * width);
  const dot = (a: Float32Array, b: Float32Array) => {
    let total = 0;
    for (let c = 0; c < width; c++) total += (a[c] as number) * (b[c] as number);
    return total;
  };
  const rowOf = (i: number) => {
    const s = Float64Array.from({ length: rows }, (_, j) =>
      Math.exp(dot(row(n.q, i), row(n.k, j)) / Math.sqrt(width)),
    );
    const all = s.reduce((a, b) => a + b, 0);
    const p = s.map((x) => x / all);
    const t = prior ? gaussian(i, n.sigma) : p;
    const toLog = (x: number) => Math.log(x + eps);
    const slope = (x: number, y: number) =>
      toLog(x) - toLog(y) + (x - y) / (x + eps) - toLog(x) - x / (x + eps);
    const dp = p.map((x, j) => {
      return dot(row(n.dy, i), row(n.v, j)) + (prior ? slope(x, t[j] as number) : 0);
    });
    const delta = dp.reduce((a, x, j) => a + x * (p[j] as number), 0);
    const ds = dp.map((x, j) => ((x - delta) * (p[j] as number)) / Math.sqrt(width));
    const divergence = p.reduce(
      (a, x, j) => a + (x - (t[j] as number)) * (toLog(x) - toLog(t[j] as number)),
      0,
    );
    return { p, ds, divergence, entropy: -p.reduce((a, x) => a + x * toLog(x), 0) };
  };
  const all = Array.from({ length: rows }, (_, i) => rowOf(i));
  const [places, channels] = [
    [0, 500, rows - 1],
    [0, width - 1],
  ];
  const points = (value: (i: number, c: number) => number) =>
    places.flatMap((i) => channels.map((c): Point => [i * d + checked * width + c, value(i, c)]));
  const perRow = (value: (i: number) => number) =>
    places.map((i): Point => [checked * rows + i, value(i)]);
  const summed = (weight: (j: number) => number, x: Float32Array, c: number) =>
    all.reduce((a, _, j) => a + weight(j) * (row(x, j)[c] as number), 0);
  const at = (i: number) => all[i] as (typeof all)[number];
  return {
    out: points((i, c) => summed((j) => at(i).p[j] as number, n.v, c)),
    dq: points((i, c) => summed((j) => at(i).ds[j] as number, n.k, c)),
    dk: points((j, c) => summed((i) => at(i).ds[j] as number, n.q, c)),
    dv: points((j, c) => summed((i) => at(i).p[j] as number, n.dy, c)),
    divergence: perRow((i) => at(i).divergence),
    entropy: perRow((i) => at(i).entropy),
  };
}

function gaussian(i: number, sigma: Float32Array): Float64Array {
  const [s1, s2] = sigma.subarray((i * heads + checked) * 2) as unknown as [number, number];
  const [r, c] = [Math.floor(i / side), i % side];
  const t = Float64Array.from({ length: rows }, (_, j) => {
    const [dr, dc] = [Math.floor(j / side) - r, (j % side) - c];
    return Math.exp(-(dr ** 2) / (2 * s1 ** 2) - dc ** 2 / (2 * s2 ** 2));
  });
  const all = t.reduce((a, b) => a + b, 0);
  return t.map((x) => x / all);
}
