/**
 * Is a gradient right? The analytic gradient of L = Σ fn(x)·w, w fixed and pseudo-random, is compared with differences of fn.
 *
 * The engine computes in f32, so the differences are taken with care: outputs are subtracted and weighted on the host in f64,
 * a step counts by what it really was after rounding, and the central differences of two steps h and 2h are combined to
 * (4·D(h) − D(2h)) / 3, whose error is of order h⁴. That leaves about five digits.
 */
import { LoupeError } from "../error.ts";
import { grad } from "./autograd.ts";
import { show } from "./launch.ts";
import { philox } from "./philox.ts";
import type { HostArray, Tensor } from "./tensor.ts";

export interface GradcheckOptions {
  /** Step, relative to the root mean square of the input it moves. Keep kinks (0 of a ReLU, ties) 2·eps away. Default 0.01. */
  readonly eps?: number;
  /** Allowed error relative to the gradient along a probe. Default 1e-3. */
  readonly rtol?: number;
  /** Allowed absolute error, besides what the rounding of the outputs explains. Default 1e-4. */
  readonly atol?: number;
  /** Of the weights and probes. Default 0. */
  readonly seed?: number;
  /** Probes per input: single elements, all of them if there are no more; else half of them move all elements at once. Default 16. */
  readonly probes?: number;
}

export interface GradcheckResult {
  readonly ok: boolean;
  /** Largest error as a multiple of what is allowed: good up to 1. */
  readonly worst: number;
  /** One line per input and per wrong probe. */
  readonly report: string;
}

type Fn = (...inputs: Tensor[]) => Tensor;
/** Moves of each element of one input, in units of the step. */
interface Probe {
  readonly input: number;
  readonly name: string;
  readonly moves: readonly (readonly [index: number, sign: number])[];
}
interface Measured extends Probe {
  readonly analytic: number;
  readonly numeric: number;
  /** Error as a multiple of what is allowed. */
  readonly excess: number;
}

/**
 * Compares gradients of `fn` with differences. Checks the f32 inputs that require a gradient, or every f32 input if none does.
 * The inputs are copied: neither their values nor their `.grad` change. `fn` must give the same result each time.
 * @example const { ok, report } = await gradcheck((x, w) => conv2d(x, w), [x, w]);
 */
export async function gradcheck(
  fn: Fn,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<GradcheckResult> {
  const { seed = 0, probes = 16 } = options;
  const check = new Check(fn, inputs, await Promise.all(inputs.map((t) => t.data())), options);
  const checked = checkedInputs(inputs);
  const analytic = await check.analytic(checked);
  const measured: Measured[] = [];
  for (const input of checked) {
    for (const probe of probesOf(input, (inputs[input] as Tensor).shape, probes, seed)) {
      measured.push(await check.measure(probe, analytic.get(input) as ArrayLike<number>));
    }
  }
  const worst = measured.reduce((most, m) => Math.max(most, m.excess), 0);
  return { ok: worst <= 1, worst, report: reportOf(inputs, checked, measured) };
}

/**
 * `gradcheck` for tests.
 * @throws LoupeError `numeric` with the report when a gradient is wrong
 */
export async function assertGradients(
  fn: Fn,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): Promise<void> {
  const { ok, report } = await gradcheck(fn, inputs, options);
  if (!ok) throw new LoupeError("numeric", `gradcheck: gradients are wrong\n${report}`);
}

class Check {
  readonly #fn: Fn;
  readonly #inputs: readonly Tensor[];
  readonly #values: readonly HostArray[];
  readonly #options: GradcheckOptions;
  #weights: Float64Array = new Float64Array();

  constructor(
    fn: Fn,
    inputs: readonly Tensor[],
    values: readonly HostArray[],
    options: GradcheckOptions,
  ) {
    this.#fn = fn;
    this.#inputs = inputs;
    this.#values = values;
    this.#options = options;
  }

  /** Gradients of the checked inputs by `grad`; also draws the weights and tests that fn repeats itself. */
  async analytic(checked: readonly number[]): Promise<Map<number, HostArray>> {
    const { device } = this.#inputs[0] as Tensor;
    const first = await this.#run(this.#values);
    this.#weights = signs(this.#options.seed ?? 0, 0, first.length, true);
    let reached: number[] = [];
    const [second, ...grads] = await device.read(() => {
      const copies = this.#copies(this.#values);
      for (const i of checked) copies[i]?.setRequiresGrad(true);
      const y = this.#fn(...copies);
      if (y.node === undefined) return [y.view()];
      const w = device.tensor(Float32Array.from(this.#weights), y.shape);
      const found = grad(
        y,
        checked.map((i) => copies[i] as Tensor),
        w,
      );
      reached = checked.filter((_, i) => found[i]);
      return [y.view(), ...found.filter((g) => g !== undefined)];
    });
    if (!first.every((v, i) => Object.is(v, second?.[i]))) {
      const text = "fn gave two results for the same inputs; fix its random numbers";
      throw new LoupeError("numeric", `gradcheck: ${text}`);
    }
    const zeros = (i: number) => new Float32Array((this.#values[i] as HostArray).length);
    return new Map(checked.map((i) => [i, grads[reached.indexOf(i)] ?? zeros(i)]));
  }

  async measure(probe: Probe, gradient: ArrayLike<number>): Promise<Measured> {
    const { eps = 0.01, rtol = 1e-3, atol = 1e-4 } = this.#options;
    const step = eps * rms(this.#values[probe.input] as HostArray);
    const near = await this.#difference(probe, step, gradient);
    const far = await this.#difference(probe, 2 * step, gradient);
    const numeric = (4 * near.numeric - far.numeric) / 3;
    const { analytic, size, noise } = near;
    const error = Math.abs(analytic - numeric);
    const allowed = atol + noise + rtol * Math.max(size, Math.abs(numeric));
    const excess = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / allowed;
    return { ...probe, analytic, numeric, excess };
  }

  /** (L(x + h·v) − L(x − h·v)) / 2h, with what the gradient says of the very same move. */
  async #difference(probe: Probe, step: number, gradient: ArrayLike<number>) {
    const [up, down] = [1, -1].map((way) => {
      const moved = (this.#values[probe.input] as Float32Array).slice();
      for (const [i, sign] of probe.moves) moved[i] = (moved[i] as number) + way * sign * step;
      return moved;
    }) as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
    const [above, below] = await this.#runBoth(probe.input, up, down);
    let [numeric, analytic, squares, noise] = [0, 0, 0, 0];
    this.#weights.forEach((w, i) => {
      const change = (above[i] as number) - (below[i] as number);
      numeric += w * change;
      if (change !== 0) noise += (w * (above[i] as number)) ** 2;
    });
    for (const [i] of probe.moves) {
      const term = (gradient[i] as number) * ((up[i] as number) - (down[i] as number));
      analytic += term;
      squares += term * term;
    }
    const scale = 1 / (2 * step);
    return {
      numeric: numeric * scale,
      analytic: analytic * scale,
      size: Math.sqrt(squares) * scale,
      noise: Math.sqrt(noise) * 2 ** -22 * scale, // a unit in the last place of each output that moved
    };
  }

  async #runBoth(input: number, up: HostArray, down: HostArray) {
    const above = await this.#run(this.#values.with(input, up));
    return [above, await this.#run(this.#values.with(input, down))] as const;
  }

  async #run(values: readonly HostArray[]): Promise<HostArray> {
    const { device } = this.#inputs[0] as Tensor;
    const [y] = await device.read(() => {
      const result = this.#fn(...this.#copies(values));
      if (result.dtype !== "f32") {
        throw new LoupeError("shape", `gradcheck: fn must return f32, got ${result}`);
      }
      return [result.view()];
    });
    return y as HostArray;
  }

  #copies(values: readonly HostArray[]): Tensor[] {
    return this.#inputs.map((t, i) => t.device.tensor(values[i] as HostArray, t.shape, t.dtype));
  }
}

function checkedInputs(inputs: readonly Tensor[]): number[] {
  const f32 = inputs.flatMap((t, i) => (t.dtype === "f32" ? [i] : []));
  const asked = f32.filter((i) => inputs[i]?.requiresGrad);
  const checked = asked.length ? asked : f32;
  if (checked.length === 0) {
    throw new LoupeError("shape", `gradcheck: no f32 input among ${inputs.join(", ") || "none"}`);
  }
  return checked;
}

/** Every element if `count` allows, else as many elements, evenly spread, as moves of all of them in random directions. */
function probesOf(input: number, shape: readonly number[], count: number, seed: number): Probe[] {
  const size = shape.reduce((a, b) => a * b, 1);
  const single = (i: number): Probe => {
    return { input, name: `[${unravel(i, shape).join(", ")}]`, moves: [[i, 1]] };
  };
  if (size <= count) return Array.from({ length: size }, (_, i) => single(i));
  const singles = Math.floor(count / 2);
  const some = Array.from({ length: singles }, (_, i) =>
    single(Math.floor(((i + 0.5) * size) / singles)),
  );
  const all = Array.from({ length: count - singles }, (_, k): Probe => {
    const moves = [...signs(seed, 1 + input * 4096 + k, size, false)].map(
      (s, i) => [i, s] as const,
    );
    return { input, name: `direction ${k}`, moves };
  });
  return [...some, ...all];
}

/** Numbers in ±[0.5, 1) (or ±1) that depend on seed and stream only; f32 holds them exactly. */
function signs(seed: number, stream: number, n: number, spread: boolean): Float64Array {
  const words = new Uint32Array(4);
  return Float64Array.from({ length: n }, (_, i) => {
    if (i % 4 === 0) philox([i / 4, stream, 0, 0x67636b], [seed >>> 0, 0], words);
    const word = words[i % 4] as number;
    const size = spread ? 0.5 + (word >>> 9) / 2 ** 24 : 1;
    return word & 1 ? size : -size;
  });
}

function rms(values: HostArray): number {
  let squares = 0;
  for (const v of values) squares += v * v;
  return Math.sqrt(squares / values.length) || 1;
}

function unravel(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  const at = shape.toReversed().map((n) => {
    const i = rest % n;
    rest = Math.floor(rest / n);
    return i;
  });
  return at.reverse();
}

function reportOf(
  inputs: readonly Tensor[],
  checked: readonly number[],
  measured: readonly Measured[],
): string {
  return checked
    .flatMap((input) => {
      const own = measured.filter((m) => m.input === input);
      const wrong = own.filter((m) => !(m.excess <= 1));
      const shape = show((inputs[input] as Tensor).shape);
      const worst = own.reduce((most, m) => Math.max(most, m.excess), 0);
      const verdict = wrong.length ? `${wrong.length} of ${own.length} probes wrong` : "good";
      const head = `input ${input} ${shape}: ${verdict} (worst error ${worst.toPrecision(3)} of what is allowed)`;
      return [head, ...wrong.slice(0, 8).map(lineOf)];
    })
    .join("\n");
}

function lineOf({ name, analytic, numeric }: Measured): string {
  const [a, n] = [analytic, numeric].map((v) => v.toPrecision(6));
  return `  ${name}: gradient ${a}, differences ${n}`;
}
