/**
 * Random numbers on the GPU: Philox 4x32-10 (Salmon et al., SC 2011), four words for each counter. Element i of a draw uses
 * word `offset + i` of its stream, so what comes out does not depend on how the work is split.
 *
 * Normal numbers are Box and Muller's, z = √(−2 ln u)·(cos 2πv, sin 2πv), with logarithm and sine of our own: WGSL allows
 * its cosine an error of 2⁻¹¹. They are within a few units in the last place of the exact values.
 */
import { fold, type KernelSpec, kernel, type ParamType } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

/** What to make of the words. */
export type RandomKind =
  /** lo + (hi − lo)·u with u of 24 bits in [0, 1), below `top`. */
  | { readonly kind: "uniform"; readonly lo: number; readonly hi: number; readonly top: number }
  /** mean + std·z. Takes words in pairs: `offset` must be even. */
  | { readonly kind: "normal"; readonly mean: number; readonly std: number }
  /** lo + ⌊word·range / 2³²⌋. */
  | { readonly kind: "integers"; readonly lo: number; readonly range: number };

export interface RandomOptions {
  readonly count: number;
  /** Key words. */
  readonly key: readonly [number, number];
  /** First word of the stream to use, up to 2⁵³. */
  readonly offset: number;
  readonly draw: RandomKind;
}

const workgroup = 256;

/** `count` numbers: f32, or i32 for integers. A thread computes one counter's four. */
export function randomKernel({ count, key, offset, draw }: RandomOptions): KernelSpec {
  const block = Math.floor(offset / 4);
  const shift = offset % 4;
  const threads = Math.ceil((count + shift) / 4);
  const type = draw.kind === "integers" ? "i32" : "f32";
  return kernel({
    name: `random ${draw.kind}`,
    inputs: [],
    outputs: [{ name: "y_", type }],
    params: {
      count: ["u32", count],
      shift: ["u32", shift],
      blockLow: ["u32", block % 2 ** 32],
      blockHigh: ["u32", Math.floor(block / 2 ** 32)],
      key0: ["u32", key[0]],
      key1: ["u32", key[1]],
      ...paramsOf(draw),
    },
    head: philox + (draw.kind === "normal" ? boxMuller : ""),
    workgroup: [workgroup],
    grid: fold(Math.ceil(threads / workgroup)),
    body: wgsl`let t = flat * ${workgroup}u + lid.x;
if (t >= (p.count + p.shift + 3u) / 4u) { return; }
let low = p.blockLow + t;
let high = p.blockHigh + select(0u, 1u, low < t);
let bits = philox(vec4u(low, high, 0u, 0u), vec2u(p.key0, p.key1));
let value = ${expressionOf[draw.kind]};
for (var j = 0u; j < 4u; j++) {
  let i = 4u * t + j - p.shift; // wraps past count in front of the first element
  if (i < p.count) { y_[i] = value[j]; }
}`,
  });
}

function paramsOf(draw: RandomKind): Record<string, readonly [ParamType, number]> {
  if (draw.kind === "integers") return { lo: ["i32", draw.lo], range: ["u32", draw.range] };
  if (draw.kind === "normal") return { mean: ["f32", draw.mean], sigma: ["f32", draw.std] };
  return {
    lo: ["f32", draw.lo],
    scale: ["f32", draw.hi - draw.lo],
    top: ["f32", draw.top],
  };
}

const expressionOf: Readonly<Record<RandomKind["kind"], string>> = {
  uniform: "min(p.lo + p.scale * (vec4f(bits >> vec4u(8u)) * 0x1p-24f), vec4f(p.top))",
  normal: "p.mean + p.sigma * vec4f(normals(bits.xy), normals(bits.zw))",
  integers: `p.lo + bitcast<vec4i>(vec4u(mulHigh(bits.x, p.range), mulHigh(bits.y, p.range),
  mulHigh(bits.z, p.range), mulHigh(bits.w, p.range)))`,
};

const philox = `
fn mulHigh(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu; let a1 = a >> 16u; let b0 = b & 0xffffu; let b1 = b >> 16u;
  let middle = a1 * b0 + ((a0 * b0) >> 16u);
  return a1 * b1 + (middle >> 16u) + (((middle & 0xffffu) + a0 * b1) >> 16u);
}
fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter; var k = key;
  for (var round = 0; round < 10; round++) {
    let high0 = mulHigh(0xd2511f53u, c.x); let high1 = mulHigh(0xcd9e8d57u, c.z);
    c = vec4u(high1 ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

/** Logarithm after FreeBSD's e_logf.c, sine and cosine with Cephes' coefficients after exact reduction to an eighth turn. */
const boxMuller = `
fn ln(x: f32) -> f32 {
  let bits = bitcast<u32>(x) + 0x004afb0du; // 1.0 minus the root of a half, as bits
  let k = f32(i32(bits >> 23u) - 127);
  let f = bitcast<f32>((bits & 0x7fffffu) + 0x3f3504f3u) - 1.0;
  let s = f / (2.0 + f); let z = s * s; let w = z * z;
  let r = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841);
  let h = 0.5 * f * f;
  return s * (h + r) + k * 9.0580006145e-06 - h + f + k * 0.69313812256;
}
fn normals(bits: vec2u) -> vec2f {
  let u = (f32(bits.x >> 8u) + 1.0) * 0x1p-24f; // (0, 1]
  let v = bits.y >> 8u; // 24 bits of a turn
  let quarter = (v + 0x200000u) >> 22u;
  let x = f32(i32(v) - i32(quarter << 22u)) * 3.7450702829239286e-07; // 2 pi / 2^24
  let z = x * x;
  let s = x + x * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let c = 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let turned = select(vec2f(c, s), vec2f(-s, c), (quarter & 1u) == 1u);
  return sqrt(-2.0 * ln(u)) * select(turned, -turned, (quarter & 2u) == 2u);
}`;
