/**
 * Pixels around images `[n, h, w, c]`: a constant, mirrored without repeating the edge (c b | a b c | b a), or the edge
 * repeated (a a | a b c | c c). The gradient of the last two is gathered: each pixel collects from its copies.
 */
import { lanesOf } from "./lanes.ts";
import { fold, type KernelSpec, kernel, type ParamType } from "./spec.ts";

export type PadMode = "constant" | "reflect" | "replicate";

export interface PadShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

const workgroup = 256;

function parts(s: PadShape, back: boolean) {
  const { width, type } = lanesOf(s.c);
  const [oh, ow] = [s.h + s.top + s.bottom, s.w + s.left + s.right];
  const count = (s.n * s.c * (back ? s.h * s.w : oh * ow)) / width;
  const { h, w, top, left } = s;
  const numbers = { h, w, c: s.c / width, oh, ow, top, left, count };
  const params = Object.fromEntries(
    Object.entries(numbers).map(([name, v]) => [name, ["u32" as ParamType, v] as const]),
  );
  return { type, params, grid: fold(Math.ceil(count / workgroup)) };
}

/** Where position `o` of the padded axis reads; `inside` tells whether that is on the image at all. */
const source: Readonly<Record<PadMode, string>> = {
  constant: "fn source(o: i32, n: i32) -> i32 { return o; }",
  reflect:
    "fn source(o: i32, n: i32) -> i32 { let a = abs(o); return select(a, 2 * (n - 1) - a, a >= n); }",
  replicate: "fn source(o: i32, n: i32) -> i32 { return clamp(o, 0, n - 1); }",
};

/** `[n, h, w, c]` to `[n, h + top + bottom, w + left + right, c]`. */
export function padKernel(s: PadShape, mode: PadMode, value: number): KernelSpec {
  const { type, params, grid } = parts(s, false);
  return kernel({
    name: "pad",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type }],
    params: { ...params, value: ["f32", value] },
    head: source[mode],
    workgroup: [workgroup],
    grid,
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let x = source(i32(id / p.c % p.ow) - i32(p.left), i32(p.w));
let y = source(i32(id / p.c / p.ow % p.oh) - i32(p.top), i32(p.h));
let n = id / p.c / p.ow / p.oh;
let inside = x >= 0 && y >= 0 && x < i32(p.w) && y < i32(p.h);
let at = select(0u, ((n * p.h + u32(y)) * p.w + u32(x)) * p.c + id % p.c, inside);
y_[id] = select(${type}(p.value), x_[at], inside);`,
  });
}

/** One axis in the shader: the input position, the padded one, their sizes, and the padding in front. */
type AxisNames = readonly [at: string, o: string, size: string, out: string, lead: string];

/** Loop over the padded positions that read an input position. */
function overCopies(mode: PadMode, [at, o, size, out, lead]: AxisNames, body: string): string {
  if (mode === "replicate") {
    return `for (var ${o} = select(${at} + ${lead}, 0u, ${at} == 0u); ${o} <= select(${at} + ${lead}, ${out} - 1u, ${at} + 1u == ${size}); ${o}++) {
${body}
}`;
  }
  // itself, its mirror image in front and the one behind; an edge has no image in itself
  return `for (var k${o} = 0u; k${o} < 3u; k${o}++) {
  if ((k${o} == 1u && ${at} == 0u) || (k${o} == 2u && ${at} + 1u == ${size})) { continue; }
  let behind = ${lead} + 2u * (${size} - 1u) - ${at};
  let ${o} = select(select(behind, ${lead} - ${at}, k${o} == 1u), ${lead} + ${at}, k${o} == 0u);
  if (${o} >= ${out}) { continue; } // numbers below zero wrap to large ones
${body}
}`;
}

/** The adjoint of reflect or replicate. */
export function padGradKernel(s: PadShape, mode: PadMode): KernelSpec {
  const { type, params, grid } = parts(s, true);
  const collect = "sum += d_[((n * p.oh + oy) * p.ow + ox) * p.c + id % p.c];";
  const columns = overCopies(mode, ["x", "ox", "p.w", "p.ow", "p.left"], collect);
  return kernel({
    name: "pad gradient",
    inputs: [{ name: "d_", type }],
    outputs: [{ name: "y_", type }],
    params,
    workgroup: [workgroup],
    grid,
    body: `let id = flat * ${workgroup}u + lid.x;
if (id >= p.count) { return; }
let x = id / p.c % p.w;
let y = id / p.c / p.w % p.h;
let n = id / p.c / p.w / p.h;
var sum = ${type}();
${overCopies(mode, ["y", "oy", "p.h", "p.oh", "p.top"], columns)}
y_[id] = sum;`,
  });
}
