/**
 * Images of another size, nearest and bilinear. Where output o of an axis reads, with n and m the sizes before and after:
 *
 *   nearest                ⌊o · n/m⌋, the product in f32 as PyTorch's
 *   bilinear               max(0, (o + ½) · n/m − ½)
 *   bilinear, corners      o · (n − 1) / (m − 1)
 *
 * The bilinear positions are fractions of whole numbers, so the pixel and its share are exact at any size. The gradient is the
 * adjoint, one axis at a time: each input position collects from the outputs that read it.
 */
import type { Float } from "./caps.ts";
import { imageGrid, quotientHead } from "./image-grid.ts";
import { lanesOf } from "./lanes.ts";
import { type KernelSpec, kernel } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

export type Sampling = "nearest" | "bilinear" | "bilinear, corners";

export interface InterpolateShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly oh: number;
  readonly ow: number;
  readonly sampling: Sampling;
  readonly dtype: Float;
}

/**
 * `tap(o, axis)`: the first pixel that output o reads, `at`, and the share of the second as a fraction `rest / below`.
 * `first(y, axis)`: the first output whose first pixel is y or later, for 1 ≤ y < n.
 */
export function tapHead(sampling: Sampling): string {
  const structs = `${quotientHead}
struct Axis { n: u32, m: u32, ratio: f32, inverse: f32 }
struct Tap { at: u32, rest: u32, below: u32 }`;
  if (sampling === "nearest") {
    return `${structs}
fn tap(o: u32, a: Axis) -> Tap { return Tap(min(u32(f32(o) * a.ratio), a.n - 1u), 0u, 1u); }
fn first(y: u32, a: Axis) -> u32 {
  var o = (y * a.m + a.n - 1u) / a.n;
  while (o > 0u && tap(o - 1u, a).at >= y) { o--; }
  while (o < a.m && tap(o, a).at < y) { o++; }
  return o;
}`;
  }
  // o stands at above(o) / below(a)
  const [above, below] =
    sampling === "bilinear"
      ? ["max((2u * o + 1u) * a.n, a.m) - a.m", "2u * a.m"]
      : ["o * (a.n - 1u)", "max(a.m, 2u) - 1u"];
  const first =
    sampling === "bilinear"
      ? "(max((2u * y + 1u) * a.m, a.n) + a.n - 1u) / (2u * a.n)"
      : "select((y * (a.m - 1u) + a.n - 2u) / (a.n - 1u), 1u, a.m == 1u)";
  return `${structs}
fn above(o: u32, a: Axis) -> u32 { return ${above}; }
fn below(a: Axis) -> u32 { return ${below}; }
fn tap(o: u32, a: Axis) -> Tap {
  let top = above(o, a);
  let at = quotient(top, below(a), a.inverse);
  return Tap(at, top - at * below(a), below(a));
}
fn first(y: u32, a: Axis) -> u32 { return ${first}; }`;
}

/** The parameters of one axis, their names ending in a letter. */
export function axisParams(letter: string, n: number, m: number, sampling: Sampling) {
  const below = sampling === "bilinear" ? 2 * m : Math.max(m, 2) - 1;
  return {
    [`n${letter}`]: ["u32", n],
    [`m${letter}`]: ["u32", m],
    // by this nearest multiplies, rounded to f32 as in PyTorch
    [`ratio${letter}`]: ["f32", n / m],
    [`inverse${letter}`]: ["f32", 1 / below],
  } as const;
}

/** The shader's `Axis` of a letter. */
export const axisOf = (letter: string) =>
  `Axis(p.n${letter}, p.m${letter}, p.ratio${letter}, p.inverse${letter})`;

/** Neighbours in a row that a bilinear thread computes: enlarged, they share most of what they read. */
const together = 4;

/** `[n, h, w, c]` to `[n, oh, ow, c]`. */
export function interpolateKernel(s: InterpolateShape): KernelSpec {
  const nearest = s.sampling === "nearest";
  const lanes = lanesOf(s.c);
  const type = storedType(lanes.type, s.dtype);
  const w = nearest ? s.ow : Math.ceil(s.ow / together);
  const launch = imageGrid({ n: s.n, h: s.oh, w, c: s.c }, lanes);
  return kernel({
    name: "interpolate",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type }],
    params: {
      ...launch.params,
      ...axisParams("H", s.h, s.oh, s.sampling),
      ...axisParams("W", s.w, s.ow, s.sampling),
    },
    head: wgsl`${storedHead(lanes.type, s.dtype)}\n${tapHead(s.sampling)}`,
    workgroup: launch.workgroup,
    grid: launch.grid,
    body: wgsl`${launch.start}
let axis = ${axisOf("W")};
let ty = tap(y, ${axisOf("H")});
let upper = (n * p.nH + ty.at) * p.nW;
${nearest ? "y_[id] = x_[(upper + tap(x, axis).at) * p.c + c];" : bilinearRow}`,
  });
}

/** Columns are mixed once from their two rows, then neighbours from their two columns. */
const bilinearRow = `let lower = (n * p.nH + min(ty.at + 1u, p.nH - 1u)) * p.nW;
let down = f32(ty.rest) / f32(ty.below);
var held = 0xffffffffu;
var left = T(); var right = T();
for (var o = x * ${together}u; o < min(x * ${together}u + ${together}u, p.mW); o++) {
  let t = tap(o, axis);
  if (t.at != held) {
    let l = t.at; let r = min(t.at + 1u, p.nW - 1u);
    if (l == held + 1u && held != 0xffffffffu) { left = right; }
    else { left = T(x_[(upper + l) * p.c + c]) * (1.0 - down) + T(x_[(lower + l) * p.c + c]) * down; }
    right = T(x_[(upper + r) * p.c + c]) * (1.0 - down) + T(x_[(lower + r) * p.c + c]) * down;
    held = l;
  }
  let across = f32(t.rest) / f32(t.below);
  y_[(row * p.mW + o) * p.c + c] = S(left * (1.0 - across) + right * across);
}`;

export interface AxisShape {
  readonly outer: number;
  /** Size before the interpolation (of the gradient's output). */
  readonly n: number;
  /** Size after it. */
  readonly m: number;
  readonly inner: number;
  readonly dtype: Float;
}

/** The adjoint along one axis: `[outer, m, inner]` to `[outer, n, inner]`. */
export function interpolateGradKernel(s: AxisShape, sampling: Sampling): KernelSpec {
  const lanes = lanesOf(s.inner);
  const type = storedType(lanes.type, s.dtype);
  const nearest = sampling === "nearest";
  // a long inner axis is a row of its own: then all threads of a workgroup read the same taps
  const long = s.inner / lanes.width >= 64;
  const launch = imageGrid(
    long ? { n: s.outer, h: s.n, w: 1, c: s.inner } : { n: 1, h: s.outer, w: s.n, c: s.inner },
    lanes,
  );
  const collect = nearest
    ? "sum += T(d_[base + o * p.c]);"
    : `let off = i32(min(above(o, axis), (p.n - 1u) * b) - at * b);
  let own = select(1.0 - f32(off) / f32(b), f32(off + i32(b)) / f32(b), off < 0);
  sum += own * T(d_[base + o * p.c]);`;
  return kernel({
    name: "interpolate gradient",
    inputs: [{ name: "d_", type }],
    outputs: [{ name: "y_", type }],
    params: { ...launch.params, ...axisParams("", s.n, s.m, sampling) },
    head: `${storedHead(lanes.type, s.dtype)}\n${tapHead(sampling)}`,
    workgroup: launch.workgroup,
    grid: launch.grid,
    body: wgsl`${launch.start}
let axis = ${axisOf("")};
${long ? "let at = y; let base = n * p.m * p.c + c;" : "let at = x; let base = y * p.m * p.c + c;"}
${nearest ? "" : "let b = below(axis);"}
var start = 0u; var end = p.m;
if (at > ${nearest ? 0 : 1}u) { start = first(at${nearest ? "" : " - 1u"}, axis); }
if (at + 1u < p.n) { end = first(at + 1u, axis); }
var sum = T();
for (var o = start; o < end; o++) {
  ${collect}
}
y_[id] = S(sum);`,
  });
}
