/** Bilinear upsampling with aligned corners, as between HRNet's branches, and its gradient. */
import { grad, interpolate, type Tensor } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { near, type Point, type Task } from "./task.ts";

const [from, to, channels] = [16, 64, 32];

export function interpolateTasks(n: number): Task[] {
  const name = `interpolate ${n}×${from}²×${channels} to ${to}²`;
  const bytes = 4 * n * channels * (from ** 2 + to ** 2);
  const options = { size: [to, to], mode: "bilinear", alignCorners: true } as const;
  return [
    {
      name,
      work: { bytes },
      open(device) {
        const host = drawn(n * from * from * channels, 1);
        const x = device.tensor(host, [n, from, from, channels]);
        return { queue: () => interpolate(x, options), check: near(points(host), 1e-4, 1e-4) };
      },
    },
    {
      name: `${name} gradient`,
      work: { bytes },
      open(device) {
        const host = drawn(n * to * to * channels, 1);
        const dy = device.tensor(host, [n, to, to, channels]);
        const x = device.zeros([n, from, from, channels]).setRequiresGrad(true);
        const y = interpolate(x, options);
        return {
          queue: () => grad(y, [x], dy)[0] as Tensor,
          check: near(gradPoints(host), 1e-4, 1e-3),
        };
      },
    },
  ];
}

/** Weight of input place `i` in output place `o`: a hat of one step to each side. */
function hat(o: number, i: number): number {
  return Math.max(0, 1 - Math.abs((o * (from - 1)) / (to - 1) - i));
}

/** Σ over one axis pair, of the first image and channel 1. */
function points(x: Float32Array): Point[] {
  return [0, 5, to - 1].map((o) => {
    let total = 0;
    for (let i = 0; i < from; i++)
      for (let j = 0; j < from; j++)
        total += hat(o, i) * hat(9, j) * (x[(i * from + j) * channels + 1] as number);
    return [(o * to + 9) * channels + 1, total];
  });
}

function gradPoints(dy: Float32Array): Point[] {
  return [0, 5, from - 1].map((i) => {
    let total = 0;
    for (let o = 0; o < to; o++)
      for (let q = 0; q < to; q++)
        total += hat(o, i) * hat(q, 9) * (dy[(o * to + q) * channels + 1] as number);
    return [(i * from + 9) * channels + 1, total];
  });
}
