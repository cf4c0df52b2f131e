/** The kernels that a training step is made of, at shapes that ResNet-18 has at 128 × 128, batch 32. */
import { conv2d, type Device, grad, matmul, sum, type Tensor } from "../src/core/index.ts";
import { near, type Task } from "./measure.ts";

/** Numbers between −1 and 1 that every adapter makes alike. */
function wave(n: number, step: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, (_, i) => Math.sin(i * step));
}

function product(device: Device, n: number): Task {
  const [a, b] = [wave(n * n, 0.7), wave(n * n, 0.3)];
  const [ta, tb] = [device.tensor(a, [n, n]), device.tensor(b, [n, n])];
  const at = (row: number, column: number): readonly [number, number] => {
    let total = 0;
    for (let k = 0; k < n; k++) total += (a[row * n + k] as number) * (b[k * n + column] as number);
    return [row * n + column, total];
  };
  return {
    name: `matmul ${n}³`,
    work: { flops: 2 * n ** 3 },
    run: () => matmul(ta, tb),
    check: near([at(0, 0), at(n - 1, n - 1), at(n >> 1, 3)], 1e-3),
  };
}

interface ConvCase {
  readonly n: number;
  readonly size: number;
  readonly c: number;
  readonly k: number;
  readonly kernel: number;
  readonly stride: number;
}

/** Forward and both gradients of one layer. Weights are one number, so that the answers are known. */
function convolution(device: Device, { n, size, c, k, kernel, stride }: ConvCase): Task[] {
  const x = device.full([n, size, size, c], 0.5).setRequiresGrad(true);
  const w = device.full([kernel, kernel, c, k], 0.25).setRequiresGrad(true);
  const options = { stride, padding: kernel >> 1 };
  const out = Math.floor((size - 1) / stride) + 1;
  const flops = 2 * n * out * out * c * k * kernel * kernel;
  const centre = ((out >> 1) * out + (out >> 1)) * k;
  const name = `conv ${kernel}×${kernel}${stride > 1 ? ` / ${stride}` : ""} ${n}×${size}²×${c}→${k}`;
  const gradient = (of: Tensor) => {
    const other = of === x ? w : x;
    other.setRequiresGrad(false);
    const dx = grad(sum(conv2d(x, w, undefined, options)), [of])[0] as Tensor;
    other.setRequiresGrad(true);
    return dx;
  };
  const middle = ((size >> 1) * size + (size >> 1)) * c;
  const taps = stride === 1 ? kernel * kernel : undefined;
  const rows = kernel >> 1;
  return [
    {
      name: `${name} forward`,
      work: { flops },
      run: () => conv2d(x.detach(), w.detach(), undefined, options),
      check: near([[centre, 0.125 * kernel * kernel * c]]),
    },
    {
      name: `${name} forward + input gradient`,
      work: { flops: 2 * flops },
      run: () => gradient(x),
      check: near(taps ? [[middle, 0.25 * taps * k]] : []),
    },
    {
      name: `${name} forward + weight gradient`,
      work: { flops: 2 * flops },
      run: () => gradient(w),
      check: near([[(rows * kernel + rows) * c * k, 0.5 * n * out * out]]),
    },
  ];
}

function total(device: Device, axis: 0 | 1): Task {
  const n = 4096;
  const x = device.full([n, n], 1 / 64);
  return {
    name: `sum [${n}, ${n}] over axis ${axis}`,
    work: { bytes: 4 * n * n },
    run: () => sum(x, axis),
    check: near([
      [0, n / 64],
      [n - 1, n / 64],
    ]),
  };
}

/** Everything this file measures. */
export function kernelTasks(device: Device): Task[] {
  return [
    product(device, 1024),
    ...convolution(device, { n: 32, size: 32, c: 64, k: 64, kernel: 3, stride: 1 }),
    ...convolution(device, { n: 32, size: 32, c: 64, k: 128, kernel: 3, stride: 2 }),
    ...convolution(device, { n: 32, size: 128, c: 3, k: 64, kernel: 7, stride: 2 }),
    total(device, 0),
    total(device, 1),
  ];
}
