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
import { lanesOf } from "./lanes.ts";
import { fold, type KernelSpec, kernel } from "./spec.ts";

export type Sampling = "nearest" | "bilinear" | "bilinear, corners";

export interface InterpolateShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly oh: number;
  readonly ow: number;
  readonly sampling: Sampling;
}

const workgroup = 256;

/** The ratio of sizes by which nearest multiplies, rounded to f32. */
const ratio = (n: number, m: number) => ["f32", n / m] as const;

/**
 * `tap(o, n, m, ratio)`: the first pixel that output o reads and the share of the second.
 * `first(y, n, m, ratio)`: the first output whose first pixel is y or later, for 1 ≤ y < n.
 */
function tapHead(sampling: Sampling): string {
  if (sampling === "nearest") {
    return `struct Tap { at: u32, share: f32 }
fn tap(o: u32, n: u32, m: u32, ratio: f32) -> Tap { return Tap(min(u32(f32(o) * ratio), n - 1u), 0.0); }
fn first(y: u32, n: u32, m: u32, ratio: f32) -> u32 {
  var o = (y * m + n - 1u) / n;
  while (o > 0u && tap(o - 1u, n, m, ratio).at >= y) { o--; }
  while (o < m && tap(o, n, m, ratio).at < y) { o++; }
  return o;
}`;
  }
  const whole = (above: string, below: string) =>
    `let a = ${above}; let b = ${below}; return Tap(a / b, f32(a % b) / f32(b));`;
  if (sampling === "bilinear") {
    return `struct Tap { at: u32, share: f32 }
fn tap(o: u32, n: u32, m: u32, ratio: f32) -> Tap { ${whole("max((2u * o + 1u) * n, m) - m", "2u * m")} }
fn first(y: u32, n: u32, m: u32, ratio: f32) -> u32 {
  return (max((2u * y + 1u) * m, n) + n - 1u) / (2u * n);
}`;
  }
  return `struct Tap { at: u32, share: f32 }
fn tap(o: u32, n: u32, m: u32, ratio: f32) -> Tap { ${whole("o * (n - 1u)", "max(m, 2u) - 1u")} }
fn first(y: u32, n: u32, m: u32, ratio: f32) -> u32 {
  return select((y * (m - 1u) + n - 2u) / (n - 1u), 1u, m == 1u);
}`;
}

/** `[n, h, w, c]` to `[n, oh, ow, c]`. */
export function interpolateKernel(s: InterpolateShape): KernelSpec {
  const { width, type } = lanesOf(s.c);
  const count = (s.n * s.oh * s.ow * s.c) / width;
  const at = (y: string, x: string) => `x_[((n * p.h + ${y}) * p.w + ${x}) * p.c + c]`;
  const mixed = `let y1 = min(ty.at + 1u, p.h - 1u);
let x1 = min(tx.at + 1u, p.w - 1u);
let above = ${at("ty.at", "tx.at")} * (1.0 - tx.share) + ${at("ty.at", "x1")} * tx.share;
let below = ${at("y1", "tx.at")} * (1.0 - tx.share) + ${at("y1", "x1")} * tx.share;
y_[id] = above * (1.0 - ty.share) + below * ty.share;`;
  return kernel({
    name: "interpolate",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type }],
    params: {
      h: ["u32", s.h],
      w: ["u32", s.w],
      c: ["u32", s.c / width],
      oh: ["u32", s.oh],
      ow: ["u32", s.ow],
      count: ["u32", count],
      ratioH: ratio(s.h, s.oh),
      ratioW: ratio(s.w, s.ow),
    },
    head: tapHead(s.sampling),
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let c = id % p.c;
let tx = tap(id / p.c % p.ow, p.w, p.ow, p.ratioW);
let ty = tap(id / p.c / p.ow % p.oh, p.h, p.oh, p.ratioH);
let n = id / p.c / p.ow / p.oh;
${s.sampling === "nearest" ? `y_[id] = ${at("ty.at", "tx.at")};` : mixed}`,
  });
}

export interface AxisShape {
  readonly outer: number;
  /** Size before the interpolation (of the gradient's output). */
  readonly n: number;
  /** Size after it. */
  readonly m: number;
  readonly inner: number;
}

/** The adjoint along one axis: `[outer, m, inner]` to `[outer, n, inner]`. */
export function interpolateGradKernel(s: AxisShape, sampling: Sampling): KernelSpec {
  const { width, type } = lanesOf(s.inner);
  const count = (s.outer * s.n * s.inner) / width;
  const nearest = sampling === "nearest";
  const collect = nearest
    ? "sum += d_[base + o * p.inner];"
    : `let t = tap(o, p.n, p.m, p.ratio);
  let own = select(0.0, 1.0 - t.share, t.at == y) + select(0.0, t.share, min(t.at + 1u, p.n - 1u) == y);
  sum += own * d_[base + o * p.inner];`;
  return kernel({
    name: "interpolate gradient",
    inputs: [{ name: "d_", type }],
    outputs: [{ name: "y_", type }],
    params: {
      n: ["u32", s.n],
      m: ["u32", s.m],
      inner: ["u32", s.inner / width],
      count: ["u32", count],
      ratio: ratio(s.n, s.m),
    },
    head: tapHead(sampling),
    workgroup: [workgroup],
    grid: fold(Math.ceil(count / workgroup)),
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let i = id % p.inner;
let y = id / p.inner % p.n;
let base = id / p.inner / p.n * p.m * p.inner + i;
var start = 0u; var end = p.m;
if (y > ${nearest ? 0 : 1}u) { start = first(y${nearest ? "" : " - 1u"}, p.n, p.m, p.ratio); }
if (y + 1u < p.n) { end = first(y + 1u, p.n, p.m, p.ratio); }
var sum = ${type}();
for (var o = start; o < end; o++) {
  ${collect}
}
y_[id] = sum;`,
  });
}
