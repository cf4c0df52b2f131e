/**
 * What the adapter can do at most, measured with two kernels that do nothing else: multiply-adds in registers, and a copy. A
 * benchmark's share is its rate divided by one of these.
 */
import { type Device, launch, type Tensor } from "../src/core/index.ts";
import { fold, type KernelSpec, kernel, unroll } from "../src/kernels/index.ts";
import { near, type Task } from "./task.ts";

/** Multiply-add chains that are independent of each other; the best number depends on the registers. */
const chains = [4, 8, 16] as const;

interface FmaCase {
  readonly workgroups: number;
  readonly rounds: number;
  /** Vectors of four that each thread holds. */
  readonly width: number;
}

const threads = 64;
const unrolled = 8;

/** x ← x · a + b, `rounds` times for each of `width` vectors. With a = 1/2 and b = 1 every x goes to 2. */
export function fmaKernel({ workgroups, rounds, width }: FmaCase): KernelSpec {
  const names = Array.from({ length: width }, (_, i) => `x${i}`);
  return kernel({
    name: "fma probe",
    inputs: [],
    outputs: [{ name: "y", type: "vec4f" }],
    params: { rounds: ["u32", rounds / unrolled], a: ["f32", 0.5], b: ["f32", 1] },
    workgroup: [threads],
    grid: fold(workgroups),
    body: [
      `let at = flat * ${threads}u + lid.x;`,
      "let a = vec4f(p.a); let b = vec4f(p.b);",
      unroll(width, (i) => `var x${i} = vec4f(f32(lid.x) + ${i}.0);`),
      "for (var i = 0u; i < p.rounds; i++) {",
      unroll(unrolled, () => names.map((x) => `${x} = fma(${x}, a, b);`).join(" ")),
      "}",
      `y[at] = ${names.join(" + ")};`,
    ].join("\n"),
  });
}

function copyKernel(vectors: number): KernelSpec {
  return kernel({
    name: "copy probe",
    inputs: [{ name: "x", type: "vec4f" }],
    outputs: [{ name: "y", type: "vec4f" }],
    params: { n: ["u32", vectors] },
    workgroup: [256],
    grid: fold(Math.ceil(vectors / 256)),
    body: "let i = flat * 256u + lid.x; if (i < p.n) { y[i] = x[i]; }",
  });
}

/** The probes as tasks; software adapters get less to do. */
export function probeTasks(software: boolean): Task[] {
  const scale = software ? 1 : 64;
  const fma = chains.map((width): Task => {
    const size = { workgroups: 64 * scale, rounds: 8192, width };
    const values = size.workgroups * threads * 4;
    return {
      name: `fma probe, ${width} vectors`,
      work: { flops: 2 * values * width * size.rounds },
      open: (device) => ({
        queue: () => write(device, fmaKernel(size), [], [values]),
        check: near([
          [0, 2 * width],
          [values - 1, 2 * width],
        ]),
      }),
    };
  });
  return [...fma, copyTask(software ? 2 ** 24 : 2 ** 26)];
}

function copyTask(n: number): Task {
  return {
    name: "copy probe",
    work: { bytes: 8 * n },
    open: (device) => {
      const x = device.full([n], 3);
      return {
        queue: () => write(device, copyKernel(n / 4), [x], [n]),
        check: near([
          [0, 3],
          [n - 1, 3],
        ]),
      };
    },
  };
}

function write(device: Device, spec: KernelSpec, inputs: Tensor[], shape: number[]): Tensor {
  const y = device.empty(shape);
  launch(spec, inputs, [y]);
  return y;
}
