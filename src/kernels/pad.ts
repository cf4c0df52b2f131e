/**
 * Pixels around images `[n, h, w, c]`: a constant, mirrored without repeating the edge (c b | a b c | b a), or the edge
 * repeated (a a | a b c | c c). The gradient of the last two is gathered: each pixel collects from its copies.
 */
import type { Float } from "./caps.ts";
import { imageGrid } from "./image-grid.ts";
import { lanesOf } from "./lanes.ts";
import { type KernelSpec, kernel, type ParamType } from "./spec.ts";
import { storedHead, storedType } from "./stored.ts";
import { wgsl } from "./wgsl.ts";

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
  readonly dtype: Float;
}

function parts(s: PadShape, back: boolean) {
  const lanes = lanesOf(s.c);
  const { n, c, h, w, top, left } = s;
  const [oh, ow] = [h + top + s.bottom, w + left + s.right];
  const launch = imageGrid(back ? s : { n, h: oh, w: ow, c }, lanes);
  const numbers = { h, w, oh, ow, top, left };
  const params = Object.fromEntries(
    Object.entries(numbers).map(([name, v]) => [name, ["u32" as ParamType, v] as const]),
  );
  const head = `${launch.head}\n${storedHead(lanes.type, s.dtype)}`;
  const type = storedType(lanes.type, s.dtype);
  return { ...launch, head, type, params: { ...launch.params, ...params } };
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
  const { type, head, start, ...launch } = parts(s, false);
  return kernel({
    name: "pad",
    inputs: [{ name: "x_", type }],
    outputs: [{ name: "y_", type }],
    ...launch,
    params: { ...launch.params, value: ["f32", value] },
    head: wgsl`${head}\n${source[mode]}`,
    body: wgsl`${start}
let ix = source(i32(x) - i32(p.left), i32(p.w));
let iy = source(i32(y) - i32(p.top), i32(p.h));
let inside = ix >= 0 && iy >= 0 && ix < i32(p.w) && iy < i32(p.h);
let at = select(0u, ((n * p.h + u32(iy)) * p.w + u32(ix)) * p.c + c, inside);
y_[id] = select(S(T(p.value)), x_[at], inside);`,
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
  const { type, start, ...launch } = parts(s, true);
  const collect = "sum += T(d_[((n * p.oh + oy) * p.ow + ox) * p.c + c]);";
  const columns = overCopies(mode, ["x", "ox", "p.w", "p.ow", "p.left"], collect);
  return kernel({
    name: "pad gradient",
    inputs: [{ name: "d_", type }],
    outputs: [{ name: "y_", type }],
    ...launch,
    body: wgsl`${start}
var sum = T();
${overCopies(mode, ["y", "oy", "p.h", "p.oh", "p.top"], columns)}
y_[id] = S(sum);`,
  });
}
