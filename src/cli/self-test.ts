/** A few seconds of arithmetic whose results are known: is this GPU, with this driver, to be trusted? */
import {
  capsOf,
  cast,
  type Device,
  grad,
  matmul,
  mul,
  Rng,
  sum,
  type Tensor,
} from "../core/index.ts";

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** Largest error, or what went wrong. */
  readonly detail: string;
}

type Check = readonly [
  name: string,
  run: (device: Device) => Promise<{ ok: boolean; detail: string }>,
];

const checks: readonly Check[] = [
  ["matrix product against the CPU", product],
  ["gradient of a sum of squares", squares],
  ["sum of a million ones", ones],
  ["the same bits twice", twice],
  ["half precision", half],
  ["tensor cores against the CPU", tensorCores],
];

/** Runs every check; one that throws has failed. */
export async function selfTest(device: Device, now: () => number): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const [name, run] of checks) {
    try {
      results.push({ name, ...(await run(device)) });
    } catch (error) {
      results.push({
        name,
        ok: false,
        detail: error instanceof Error ? error.message : String(error),
      });
    }
  }
  results.push(
    await speed(device, now).catch((e) => ({ name: "speed", ok: false, detail: `${e}` })),
  );
  return results;
}

/** Numbers in (-1, 1) that every machine agrees on. */
function numbers(count: number, phase: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * 12.9898 + phase)));
}

async function product(device: Device): Promise<{ ok: boolean; detail: string }> {
  const [m, k, n] = [37, 65, 51];
  const [a, b] = [numbers(m * k, 1), numbers(k * n, 2)];
  const [c] = await device.read(() => [matmul(device.tensor(a, [m, k]), device.tensor(b, [k, n]))]);
  let worst = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let exact = 0;
      for (let l = 0; l < k; l++) exact += a[i * k + l]! * b[l * n + j]!;
      worst = Math.max(worst, Math.abs(exact - c![i * n + j]!));
    }
  }
  return { ok: worst < 1e-4, detail: `largest error ${worst.toExponential(1)}` };
}

async function squares(device: Device): Promise<{ ok: boolean; detail: string }> {
  const x = numbers(1000, 3);
  const [slope] = await device.read(() => {
    const leaf = device.tensor(x, [1000]).setRequiresGrad(true);
    return grad(sum(mul(leaf, leaf)), [leaf]) as Tensor[];
  });
  const worst = x.reduce((most, v, i) => Math.max(most, Math.abs(2 * v - slope![i]!)), 0);
  return { ok: worst < 1e-6, detail: `largest error ${worst.toExponential(1)}` };
}

async function ones(device: Device): Promise<{ ok: boolean; detail: string }> {
  const [total] = await device.read(() => [sum(device.ones([1000, 1000]))]);
  return { ok: total![0] === 1e6, detail: `${total![0]}` };
}

async function twice(device: Device): Promise<{ ok: boolean; detail: string }> {
  const run = () =>
    device.read(() => {
      const x = new Rng(7).normal(device, [300, 301]);
      return [sum(mul(x, x))];
    });
  const [[a], [b]] = [(await run())[0]!, (await run())[0]!];
  return { ok: a === b, detail: `${a}` };
}

async function half(device: Device): Promise<{ ok: boolean; detail: string }> {
  if (!device.features.has("shader-f16")) return { ok: true, detail: "not there, not used" };
  const values = [0, 1, -2.5, 65504, 2 ** -24];
  const [read, large] = await device.read(() => [
    device.tensor(values, [values.length], "f16"),
    cast(device.tensor([70_000, -1e30, Number.NaN], [3]), "f16"),
  ]);
  const back = values.every((v, i) => v === read![i]);
  if (!back) return { ok: false, detail: `${values} came back as ${read}` };
  // a step whose gradients overflow is found by their infinities
  const infinity = Number.POSITIVE_INFINITY;
  const ok = [infinity, -infinity, Number.NaN].every((v, i) => Object.is(v, large![i]));
  return { ok, detail: ok ? "values come back, overflow is infinite" : `overflow gives ${large}` };
}

/** Whole numbers, so that sums are exact and one wrong fragment shows; operands as they lie and turned. */
async function tensorCores(device: Device): Promise<{ ok: boolean; detail: string }> {
  if (!capsOf(device).matrix) return { ok: true, detail: "not there, not used" };
  const [m, k, n] = [300, 200, 140];
  const whole = (count: number, step: number) =>
    Float32Array.from({ length: count }, (_, i) => ((i * step) % 7) - 3);
  const [a, b] = [whole(m * k, 5), whole(k * n, 11)];
  const wrong: string[] = [];
  for (const [transposeA, transposeB] of [
    [false, false],
    [true, false],
    [false, true],
  ] as const) {
    const [c] = await device.read(() => {
      const left = device.tensor(a, transposeA ? [k, m] : [m, k], "f16");
      const right = device.tensor(b, transposeB ? [n, k] : [k, n], "f16");
      return [matmul(left, right, { transposeA, transposeB })];
    });
    const exact = (row: number, column: number) => {
      let sum = 0;
      for (let l = 0; l < k; l++) {
        const x = transposeA ? a[l * m + row] : a[row * k + l];
        sum += x! * (transposeB ? b[column * k + l] : b[l * n + column])!;
      }
      return sum;
    };
    const count = c!.filter((v, i) => !(v === exact(Math.floor(i / n), i % n))).length;
    if (count) wrong.push(`${transposeA ? "Aᵀ" : "A"}·${transposeB ? "Bᵀ" : "B"}: ${count} sums`);
  }
  return { ok: !wrong.length, detail: wrong.join(", ") || "every sum is exact" };
}

async function speed(device: Device, now: () => number): Promise<CheckResult> {
  const n = 512;
  const a = device.tensor(numbers(n * n, 4), [n, n]).keep();
  const run = () => device.read(() => [sum(matmul(a, a))]);
  try {
    await run();
    const start = now();
    const times = 3;
    for (let i = 0; i < times; i++) await run();
    const seconds = (now() - start) / 1000 / times;
    const detail = `${((2 * n ** 3) / seconds / 1e9).toFixed(1)} GFLOP/s in a product of ${n} × ${n}`;
    return { name: "speed", ok: true, detail };
  } finally {
    a.dispose();
  }
}
