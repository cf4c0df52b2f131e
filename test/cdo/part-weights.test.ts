/** The loss where parts of images weigh differently and γ moves: the plain loss where nothing differs, and a host's otherwise. */
import { expect, test } from "vitest";
import { type CdoLossOptions, cdoLoss, cdoLosses } from "../../src/cdo/loss.ts";
import { absent } from "../../src/cdo/part-losses.ts";
import { backward, program, type Tensor } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";
import { boxes, goldenFeatures } from "./features.ts";

const device = await testDevice();
const base: CdoLossOptions = { gamma: 2, oom: true, normaliseFirst: true };
const mixed = () =>
  boxes(device, 2, 32, [
    [0, 4, 13, 8, 21, 1],
    [1, 20, 30, 2, 9, 0.25],
  ]);

/** Loss and gradients on the features of the goldens. `make` runs where tensors may be made. */
async function run(make: () => CdoLossOptions, mask = mixed) {
  const students: Tensor[] = [];
  const [loss] = await device.read(() => {
    const { teacher, student } = goldenFeatures(device);
    for (const t of student) students.push(t.keep().setRequiresGrad(true));
    const loss = cdoLoss(teacher, student, mask(), make());
    backward(loss);
    return [loss];
  });
  const grads = await Promise.all(
    students.map(async (t) => (await t.grad?.data()) as Float32Array),
  );
  for (const t of students) t.dispose();
  return { loss: loss?.[0] as number, grads };
}

const ones = (parts: Tensor) => device.ones(parts.shape);
const variants: readonly (readonly [string, () => Partial<CdoLossOptions>])[] = [
  ["weights of 1", () => ({ weigh: ones })],
  ["γ as a tensor", () => ({ gamma: device.tensor([2], [1]) })],
  ["one γ for each kind of pixel", () => ({ gamma: device.tensor([2, 2], [2]) })],
  ["all of it", () => ({ gamma: device.tensor([2], [1]), weigh: ones })],
  ["all of it, made again for the gradient", () => ({ weigh: ones, recompute: true })],
];
for (const [what, change] of variants) {
  test(`${what}: the loss and its gradients keep their bits`, async () => {
    for (const normaliseFirst of [true, false]) {
      const plain = await run(() => ({ ...base, normaliseFirst }));
      expect(await run(() => ({ ...base, normaliseFirst, ...change() }))).toEqual(plain);
    }
    const other = await run(() => ({ ...base, gamma: 1.5 }));
    expect(other).not.toEqual(await run(() => base)); // so bits can differ
  });
}

test("γ of 0 on the GPU is OOM turned off", async () => {
  const off = await run(() => ({ ...base, oom: false }));
  expect(await run(() => ({ ...base, gamma: device.tensor([0], [1]) }))).toEqual(off);
});

/** One level whose pixels lie at these angles from the teacher's (1, 0); images of equal length. */
interface Scene {
  readonly angles: readonly (readonly number[])[];
  readonly masks: readonly (readonly number[])[];
}
const scene: Scene = {
  angles: [
    [0.3, 0.9, 1.4, 0.2],
    [0.6, 2.5, 0.1, 1.1],
    [0.5, 0.4, 2.2, 3],
  ],
  masks: [
    [0, 0, 1, 0],
    [0, 0, 0, 0],
    [1, 0.001, 1, 1],
  ],
};

function tensorsOf({ angles, masks }: Scene) {
  const [n, p] = [angles.length, (angles[0] as readonly number[]).length];
  const flat = angles.flat();
  const teacher = flat.flatMap(() => [1, 0]);
  const student = flat.flatMap((a) => [Math.cos(a), Math.sin(a)]);
  return {
    teacher: device.tensor(teacher, [n, 1, p, 2]),
    student: device.tensor(student, [n, 1, p, 2]),
    mask: device.tensor(masks.flat(), [n, 1, p, 1]),
  };
}

async function lossOf(of: Scene, options: () => CdoLossOptions) {
  const [loss, parts] = await device.read(() => {
    const { teacher, student, mask } = tensorsOf(of);
    const made = cdoLosses([teacher], [student], mask, options());
    return [made.loss, made.parts ?? device.zeros([1])];
  });
  return { loss: loss?.[0] as number, parts: [...(parts as Float32Array)] };
}

const distance = (angle: number) => 2 - 2 * Math.cos(angle);

test("a normal part's ℓ is its mean d, an abnormal one's its mean 4 − d; a part that isn't there has −1", async () => {
  const { parts } = await lossOf(scene, () => ({ ...base, weigh: ones }));
  const d = scene.angles.map((row) => row.map(distance));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const want = [0, 1].flatMap((abnormal) =>
    d.map((row, i) => {
      const own = row.filter((_, j) => Number(scene.masks[i]?.[j] !== 0) === abnormal);
      if (own.length === 0) return absent;
      return abnormal ? 4 - mean(own) : mean(own);
    }),
  );
  expect(want.filter((l) => l === absent)).toHaveLength(2);
  closeTo(parts, want, { rtol: 1e-5, atol: 1e-6 });
});

test("ℓ is the mean over the levels", async () => {
  const [both, ...single] = await device.read(() => {
    const { teacher, student } = goldenFeatures(device);
    const of = (levels: readonly number[]) =>
      cdoLosses(
        levels.map((l) => (l === 1 ? teacher[0] : teacher[l]) as Tensor),
        levels.map((l) => (l === 1 ? teacher[0] : student[l]) as Tensor),
        mixed(),
        { ...base, weigh: ones },
      ).parts as Tensor;
    return [of([0, 1]), of([0]), of([1])];
  });
  const [a, b] = single as [Float32Array, Float32Array];
  closeTo(
    both as Float32Array,
    a.map((v, i) => (v + (b[i] as number)) / 2),
    {
      rtol: 1e-5,
      atol: 1e-6,
    },
  );
  closeTo(b, [0, 0, 4, 4], { rtol: 0, atol: 1e-5 });
});

test("an image whose parts weigh nothing is as if it were not in the batch", async () => {
  for (const oom of [true, false]) {
    const weigh = () => device.tensor([1, 0, 1, 1, 0, 1], [6]);
    const { loss } = await lossOf(scene, () => ({ ...base, oom, weigh }));
    const rest = {
      angles: [scene.angles[0], scene.angles[2]],
      masks: [scene.masks[0], scene.masks[2]],
    } as Scene;
    const without = await lossOf(rest, () => ({ ...base, oom }));
    expect(loss).toBeCloseTo((without.loss * 3) / 2, 5); // at the scale of the batch
  }
});

/** The loss in double precision; OOM's weights are `frozen` where given. */
function hostLoss(
  { angles, masks }: Scene,
  [gn, ga]: readonly [number, number],
  shares: readonly number[],
  frozen?: readonly number[],
): { loss: number; weights: number[] } {
  const n = angles.length;
  const pixels = angles.flatMap((row, i) =>
    row.map((angle, j) => {
      const abnormal = masks[i]?.[j] !== 0;
      return { d: distance(angle), abnormal, v: shares[i + (abnormal ? n : 0)] as number };
    }),
  );
  const mu = (abnormal: boolean) => {
    const own = pixels.filter((p) => p.abnormal === abnormal);
    const total = own.reduce((s, p) => s + p.v, 0);
    return own.reduce((s, p) => s + p.v * p.d, 0) / total;
  };
  const [mn, ma] = [mu(false), mu(true)];
  const weights =
    frozen ??
    pixels.map((p) => {
      const floor = (p.abnormal ? -ga : gn) < 0 ? 1e-6 : 1e-12;
      const [d, m] = [Math.max(p.d, floor), Math.max(p.abnormal ? ma : mn, floor)];
      return p.v * Math.min(1000, p.abnormal ? (m / d) ** ga : (d / m) ** gn);
    });
  const sum = pixels.reduce(
    (s, p, i) => s + (p.abnormal ? -1 : 1) * (weights[i] as number) * p.d,
    0,
  );
  return { loss: (n * sum) / weights.reduce((a, b) => a + b, 0), weights: [...weights] };
}

const shares = [0.3, 0.8, 0, 1.7, 0, 0.05];
for (const gammas of [
  [2, 2],
  [0.7, 0.7],
  [-1, 2],
  [2, 0],
  [-3, -2],
] as const) {
  test(`weights ${shares} and γ ${gammas} give the loss worked out on the host, and its gradient`, async () => {
    const weigh = () => device.tensor(shares, [6]);
    const want = hostLoss(scene, gammas, shares);
    const { loss } = await lossOf(scene, () => ({
      ...base,
      gamma: device.tensor(gammas, [2]),
      weigh,
    }));
    expect(Math.abs(loss - want.loss)).toBeLessThan(2e-5 * Math.abs(want.loss));

    // along each angle; weights carry no gradient
    let kept: Tensor | undefined;
    await device.read(() => {
      const { teacher, student, mask } = tensorsOf(scene);
      kept = student.keep().setRequiresGrad(true);
      const gamma = device.tensor(gammas, [2]);
      const made = cdoLoss([teacher], [kept], mask, { ...base, gamma, weigh });
      backward(made);
      return [made];
    });
    const student = kept as Tensor;
    const g = (await student.grad?.data()) as Float32Array;
    student.dispose();
    const h = 1e-5;
    const slopes = scene.angles.flatMap((row, i) =>
      row.map((angle, j) => {
        const moved = (by: number) => {
          const angles = scene.angles.map((r, k) =>
            r.map((a, l) => (k === i && l === j ? a + by : a)),
          );
          return hostLoss({ ...scene, angles }, gammas, shares, want.weights).loss;
        };
        const analytic =
          -Math.sin(angle) * (g[2 * (i * row.length + j)] as number) +
          Math.cos(angle) * (g[2 * (i * row.length + j) + 1] as number);
        return [analytic, (moved(h) - moved(-h)) / (2 * h)] as const;
      }),
    );
    const largest = Math.max(...slopes.map(([, s]) => Math.abs(s)));
    closeTo(
      slopes.map(([a]) => a),
      slopes.map(([, s]) => s),
      { rtol: 1e-3, atol: 1e-4 * largest },
    );
  });
}

test("a moving γ caps weights at 1000, and floors d at 1e-6 below a negative power", async () => {
  const near = { angles: [[1e-9, 1.2, 0.4, 1]], masks: [[1, 1, 0, 0]] };
  const moving = await lossOf(near, () => ({ ...base, gamma: device.tensor([2], [1]) }));
  const want = hostLoss(near, [2, 2], [1, 1]);
  expect(want.weights[0]).toBe(1000);
  expect(moving.loss).toBeCloseTo(want.loss, 6);
  const still = await lossOf(near, () => base); // the number's weight is as large as it gets
  expect(Math.abs(still.loss)).toBeLessThan(1e-6);

  const partly = { angles: [[1e-9, 0.9, 1.4, 0.8]], masks: [[0, 0, 1, 1]] };
  const floored = await lossOf(partly, () => ({ ...base, gamma: device.tensor([-0.25, 1], [2]) }));
  expect(floored.loss).toBeCloseTo(hostLoss(partly, [-0.25, 1], [1, 1]).loss, 6);

  const equal = { angles: [[1e-9, 0.9, 0.9, 0.9]], masks: [[0, 0, 0, 0]] };
  const easy = await lossOf(equal, () => ({ ...base, gamma: device.tensor([-8], [1]) }));
  const finite = hostLoss(equal, [-8, -8], [1, 1]);
  expect(easy.loss).toBeCloseTo(finite.loss, 6);
});

test("every pixel without discrepancy still gives a finite loss, for every γ", async () => {
  for (const masks of [[[0, 0]], [[1, 1]], [[1, 0]]]) {
    for (const gamma of [-8, -1, 0, 2, 8]) {
      const of = { angles: [[0, 0]], masks };
      const { loss } = await lossOf(of, () => ({
        ...base,
        gamma: device.tensor([gamma], [1]),
        weigh: ones,
      }));
      expect(Math.abs(loss)).toBe(0);
    }
  }
});

test("a recorded step takes its weights and γ from the tensor of the epoch", async () => {
  const step = program(device, (student: Tensor, controls: Tensor) => {
    const { teacher, mask } = tensorsOf(scene);
    const own = student.view().setRequiresGrad(true);
    const weigh = () => controls.view([6]);
    const gamma = controls;
    const made = cdoLosses([teacher], [own], mask, { ...base, gamma: firstOf(gamma), weigh });
    return [made.loss, made.parts as Tensor];
  });
  const firstOf = (t: Tensor) => t.view([6]).view([1], 0);
  for (const first of [0.5, 2, 2.5, 0.5]) {
    const all = [first, 1, 0.2, 0, 1, 3];
    const [loss, parts] = await device.read(() => {
      const { student } = tensorsOf(scene);
      return step(student, device.tensor(all, [6]));
    });
    const want = await lossOf(scene, () => ({
      ...base,
      gamma: device.tensor([first], [1]),
      weigh: () => device.tensor(all, [6]),
    }));
    expect(loss?.[0]).toBe(want.loss);
    expect([...(parts as Float32Array)]).toEqual(want.parts);
  }
  step.dispose();
});

test.runIf(device.features.has("shader-f16"))(
  "half-precision features give a loss and ℓ in single precision",
  async () => {
    const [loss, parts] = await device.read(() => {
      const half = (name: string) =>
        device.tensor(rnd(name, [2, 3, 3, 8]) as never, [2, 3, 3, 8], "f16");
      const mask = boxes(device, 2, 3, [[0, 0, 1, 0, 2, 1]]);
      const made = cdoLosses([half("a")], [half("b")], mask, { ...base, weigh: ones });
      expect([made.loss.dtype, made.parts?.dtype]).toEqual(["f32", "f32"]);
      return [made.loss, made.parts as Tensor];
    });
    expect(Number.isFinite(loss?.[0])).toBe(true);
    expect((parts as Float32Array)[3]).toBe(absent);
  },
);

test("weights and exponents of another shape are refused", () => {
  device.scope(() => {
    const { teacher, student, mask } = tensorsOf(scene);
    const loss = (o: Partial<CdoLossOptions>) => () =>
      cdoLoss([teacher], [student], mask, { ...base, ...o });
    expect(loss({ weigh: () => device.ones([3]) })).toThrow(
      "cdoLoss: weigh must give [6], one for each part, got",
    );
    expect(loss({ gamma: device.ones([3]) })).toThrow("cdoLoss: gamma must be [1] or [2], got");
  });
});
