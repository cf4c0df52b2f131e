/**
 * Batch normalisation of the largest maps. Counted are the bytes of the plain way: statistics read the input once, and the result is
 * read and written once more.
 */
import { batchNorm, type Device, grad, type Tensor } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { type Job, near, type Point, type Task } from "./task.ts";

type Kind = "training" | "evaluation" | "gradient";

/** Times that an element passes: 4 bytes each. */
const visits: Readonly<Record<Kind, number>> = { training: 3, evaluation: 2, gradient: 5 };
const eps = 1e-5;

export function batchNormTasks(batch: number): Task[] {
  const kinds: readonly Kind[] = ["training", "evaluation", "gradient"];
  return kinds.map((kind) => {
    const [n, size, c] = [batch, 64, 64];
    return {
      name: `batchNorm ${n}×${size}²×${c} ${kind}`,
      work: { bytes: 4 * visits[kind] * n * size * size * c },
      open: (device) => open(device, kind, [n, size, size, c]),
    };
  });
}

function open(device: Device, kind: Kind, shape: readonly [number, number, number, number]): Job {
  const c = shape[3];
  const count = shape[0] * shape[1] * shape[2];
  const host = { x: drawn(count * c, 1), dy: drawn(count * c, 2), weight: drawn(c, 3) };
  const [x, dy] = [device.tensor(host.x, shape), device.tensor(host.dy, shape)];
  const [weight, bias] = [device.tensor(host.weight, [c]), device.full([c], 0.5)];
  const [runningMean, runningVar] = [device.full([c], 0.25), device.full([c], 4)];
  const training = kind !== "evaluation";
  const run = () =>
    batchNorm(x, { weight, bias, runningMean, runningVar, training, momentum: 0, eps });
  const check = near(points(host, c, count, kind), 1e-3);
  if (kind !== "gradient") return { queue: run, check };
  x.setRequiresGrad(true);
  const y = run();
  return { queue: () => grad(y, [x], dy)[0] as Tensor, check };
}

interface Host {
  readonly x: Float32Array;
  readonly dy: Float32Array;
  readonly weight: Float32Array;
}

/** The first and last value of two channels. */
function points({ x, dy, weight }: Host, c: number, count: number, kind: Kind): Point[] {
  return [0, c - 1].flatMap((channel) => {
    const w = weight[channel] as number;
    const column = (values: Float32Array) =>
      Array.from({ length: count }, (_, i) => values[i * c + channel] as number);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / count;
    const xs = column(x);
    const m = kind === "evaluation" ? 0.25 : mean(xs);
    const v = kind === "evaluation" ? 4 : mean(xs.map((value) => (value - m) ** 2));
    const unit = xs.map((value) => (value - m) / Math.sqrt(v + eps));
    const gs = column(dy);
    const [g, gx] = [mean(gs), mean(gs.map((value, i) => value * (unit[i] as number)))];
    const at = (i: number): Point => {
      const u = unit[i] as number;
      if (kind !== "gradient") return [i * c + channel, u * w + 0.5];
      return [i * c + channel, ((gs[i] as number) - g - u * gx) * (w / Math.sqrt(v + eps))];
    };
    return [at(0), at(count - 1)];
  });
}
