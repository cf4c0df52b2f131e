/**
 * Pooling over windows of `[n, h, w, c]` to `[n, oh, ow, c]`: maxima and means, with fixed windows (kernel, stride, padding,
 * dilation) or adaptive ones, where output o sees the rows ⌊o·h/oh⌋ to ⌈(o+1)·h/oh⌉.
 *
 * The gradient is gathered: each input pixel visits the windows around it. The maximum leaves the index of its pixel behind
 * for that, so no atomics are needed and the first of equal maxima gets everything.
 */
import type { Float } from "./caps.ts";
import { imageGrid } from "./image-grid.ts";
import { lanesOf } from "./lanes.ts";
import { type KernelSpec, kernel, type ParamType } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export interface PoolShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly oh: number;
  readonly ow: number;
  /** Fixed windows; adaptive without. Numbers are `[vertical, horizontal]`. */
  readonly window?: PoolWindow;
  /** Of images and gradients. Default f32. */
  readonly dtype?: Float;
}

export interface PoolWindow {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** The mean divides by all of a window that lies on image or padding, not only by what lies on the image. */
  readonly countPadding: boolean;
}

/** The index of a window without a pixel. */
const none = "0xffffffffu";

type Params = Record<string, readonly [ParamType, number]>;

function params({ h, w, oh, ow, window }: PoolShape): Params {
  const numbers: Record<string, number> = { h, w, oh, ow };
  if (window) {
    for (const key of ["kernelSize", "stride", "padding", "dilation"] as const) {
      [numbers[`${key}H`], numbers[`${key}W`]] = window[key];
    }
  }
  return Object.fromEntries(Object.entries(numbers).map(([name, v]) => [name, ["u32", v]]));
}

/** One axis in the shader: its size and that of the output, the names of input and output position. */
const axes = {
  H: { size: "p.h", out: "p.oh", at: "iy", o: "oy" },
  W: { size: "p.w", out: "p.ow", at: "ix", o: "ox" },
} as const;
type Axis = keyof typeof axes;

/** Loop over the input positions of window `o`, unless they lie on the padding. Negative numbers wrap to large ones. */
function overWindow(s: PoolShape, axis: Axis, body: string): string {
  const { size, out, at, o } = axes[axis];
  if (s.window) {
    return `for (var t${at} = 0u; t${at} < p.kernelSize${axis}; t${at}++) {
  let ${at} = ${o} * p.stride${axis} + t${at} * p.dilation${axis} - p.padding${axis};
  if (${at} >= ${size}) { continue; }
${body}
}`;
  }
  return `for (var ${at} = ${o} * ${size} / ${out}; ${at} < (${o} * ${size} + ${size} + ${out} - 1u) / ${out}; ${at}++) {
${body}
}`;
}

/** The outputs whose windows reach around an input position, from `first` to before `end`. */
function windowsAround(s: PoolShape, axis: Axis): string {
  const { size, out, at } = axes[axis];
  if (s.window) {
    return `let extent${axis} = (p.kernelSize${axis} - 1u) * p.dilation${axis};
let padded${axis} = ${at} + p.padding${axis};
let first${axis} = (max(padded${axis} + p.stride${axis} - 1u, extent${axis}) - extent${axis}) / p.stride${axis};
let end${axis} = min(padded${axis} / p.stride${axis} + 1u, ${out});`;
  }
  return `let first${axis} = ${at} * ${out} / ${size};
let end${axis} = (${at} * ${out} + ${out} + ${size} - 1u) / ${size};`;
}

/** Loop over the windows around the input position `(iy, ix)`. */
function overWindows(s: PoolShape, body: string): string {
  return `${windowsAround(s, "H")}
${windowsAround(s, "W")}
for (var oy = firstH; oy < endH; oy++) {
for (var ox = firstW; ox < endW; ox++) {
${body}
}}`;
}

/** Function `area(oy, ox)`: what a mean is divided by. */
function areaHead({ window }: PoolShape): string {
  const extent = (axis: Axis): string => {
    const { size, out, o } = axes[axis];
    if (!window) {
      return `(${o} * ${size} + ${size} + ${out} - 1u) / ${out} - ${o} * ${size} / ${out}`;
    }
    const [start, pad] = [`${o} * p.stride${axis}`, `p.padding${axis}`];
    const end = `${start} + p.kernelSize${axis}`;
    if (window.countPadding) return `min(${end}, ${size} + 2u * ${pad}) - ${start}`;
    return `min(${end}, ${size} + ${pad}) - max(${start}, ${pad})`;
  };
  return `fn area(oy: u32, ox: u32) -> f32 { return f32((${extent("H")}) * (${extent("W")})); }`;
}

const inputIndex = "((n * p.h + iy) * p.w + ix) * p.c + c";
const outputIndex = "((n * p.oh + oy) * p.ow + ox) * p.c + c";

/** Buffers of a kernel: numbers (`type`) or indices (`index`). */
type Buffers = Readonly<Record<string, "type" | "index">>;

function pool(
  s: PoolShape,
  name: string,
  parts: {
    readonly inputs: Buffers;
    readonly outputs: Buffers;
    /** A thread for each input pixel instead of each window. */
    readonly back?: boolean;
    readonly head?: string;
    readonly extra?: Params;
    readonly body: string;
  },
): KernelSpec {
  const lanes = lanesOf(s.c);
  const { inputs, outputs, back = false, head = "", extra, body } = parts;
  const launch = imageGrid(back ? s : { ...s, h: s.oh, w: s.ow }, lanes);
  const typed = (buffers: Buffers) =>
    Object.entries(buffers).map(([name, kind]) => ({
      name,
      type: kind === "index" ? lanes.index : storedType(lanes.type, s.dtype),
    }));
  return kernel({
    name,
    inputs: typed(inputs),
    outputs: typed(outputs),
    params: { ...launch.params, ...params(s), ...extra },
    head: wgsl`${launch.head}\n${storedHead(lanes.type, s.dtype)}\nalias U = ${lanes.index};\n${head}`,
    workgroup: launch.workgroup,
    grid: launch.grid,
    body: wgsl`${launch.start}
${back ? "let iy = y; let ix = x;" : "let oy = y; let ox = x;"}
${body}`,
  });
}

/** The largest of each window, and on request the index y · w + x of its pixel. Not-a-number is larger than any number. */
export function maxPoolKernel(s: PoolShape, indices: boolean): KernelSpec {
  const visit = `let v = T(x_[${inputIndex}]);
let better = (v > best) | ((bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u))${indices ? ` | (at == U(${none}))` : ""};
best = select(best, v, better);
${indices ? "at = select(at, U(iy * p.w + ix), better);" : ""}`;
  return pool(s, "maxPool2d", {
    inputs: { x_: "type" },
    outputs: { y_: "type", ...(indices && { at_: "index" }) },
    extra: { least: ["f32", Number.NEGATIVE_INFINITY] },
    body: wgsl`var best = T(p.least);
${indices ? `var at = U(${none});` : ""}
${overWindow(s, "H", overWindow(s, "W", visit))}
y_[id] = S(best);
${indices ? "at_[id] = at;" : ""}`,
  });
}

/** Each pixel collects the gradients of the windows whose maximum it was. */
export function maxPoolGradKernel(s: PoolShape): KernelSpec {
  // of the windows around a pixel some may skip it by dilation; they don't name it either
  const visit = `let o = ${outputIndex};
sum += select(T(), T(d_[o]), at_[o] == U(iy * p.w + ix));`;
  return pool(s, "maxPool2d gradient", {
    inputs: { d_: "type", at_: "index" },
    outputs: { y_: "type" },
    back: true,
    body: wgsl`var sum = T();
${overWindows(s, visit)}
y_[id] = S(sum);`,
  });
}

/** The mean of each window. */
export function avgPoolKernel(s: PoolShape): KernelSpec {
  return pool(s, "avgPool2d", {
    inputs: { x_: "type" },
    outputs: { y_: "type" },
    head: areaHead(s),
    body: wgsl`var sum = T();
${overWindow(s, "H", overWindow(s, "W", `sum += T(x_[${inputIndex}]);`))}
y_[id] = S(sum / area(oy, ox));`,
  });
}

/** Each pixel collects its share of the gradients of the windows that hold it. */
export function avgPoolGradKernel(s: PoolShape): KernelSpec {
  return pool(s, "avgPool2d gradient", {
    inputs: { d_: "type" },
    outputs: { y_: "type" },
    back: true,
    head: areaHead(s),
    body: wgsl`var sum = T();
${overWindows(s, `sum += T(d_[${outputIndex}]) / area(oy, ox);`)}
y_[id] = S(sum);`,
  });
}
