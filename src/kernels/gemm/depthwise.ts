/**
 * Convolution with one input channel per group, and its gradients. There is no product of matrices in it: a thread sums over taps for
 * its own channels, four neighbours at once where each input channel has one result.
 */
import { type Caps, elementType, type Float, type Plan } from "../caps.ts";
import { fold, type KernelSpec, kernel, unroll } from "../spec.ts";
import { type ConvShape, convParams } from "./conv-shape.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

/** Channel by channel. */
export interface DepthwisePlan extends Plan {
  readonly kind: "depthwise";
  /** Pieces of the pixels whose weight gradients are summed apart. */
  readonly parts: number;
}

const workgroup = 64;
/** Neighbouring pixels of a thread: they share what they read of the weight. */
const pixels = 4;

/** The plan, for convolutions it is made for. */
export function depthwisePlans(s: ConvShape, _: Caps): readonly DepthwisePlan[] {
  if (s.groups === 1 || s.c !== s.groups) return [];
  const threads = (s.kh * s.kw * s.k) / lanesOf(s);
  const wanted = Math.ceil(65_536 / threads);
  const parts = Math.max(1, Math.min(wanted, Math.ceil((s.n * s.oh * s.ow) / 64), 1024));
  return [{ name: "depthwise", kind: "depthwise", parts }];
}

/** Channels of a thread. */
function lanesOf(s: ConvShape): 1 | 4 {
  return s.c === s.k && s.c % 4 === 0 ? 4 : 1;
}

function setting(s: ConvShape, dtype: Float) {
  const lanes = lanesOf(s);
  const wide = lanes === 4;
  const type = elementType("f32", wide);
  return {
    lanes,
    type,
    element: elementType(dtype, wide),
    /** Element at a place counted in threads' channels, or 0. */
    load: (buffer: string, at: string, ok: string) =>
      `select(${type}(), ${type}(${buffer}[select(0u, ${at}, ${ok})]), ${ok})`,
  };
}

export function depthwiseKernel(s: ConvShape, types: ProductTypes, epilogue: Epilogue): KernelSpec {
  const own = setting(s, types.operands);
  const { lanes, type, element } = own;
  const across = Math.ceil(s.ow / pixels);
  const channels = s.k / lanes;
  const options = { width: "p.k", columns: lanes, wide: lanes === 4, result: types.result };
  const write = writer({ ...options, epilogue });
  return kernel({
    name: "conv2d",
    inputs: [{ name: "x_", type: element }, { name: "w_", type: element }, ...write.inputs],
    outputs: [write.output],
    params: convParams(s, { across, channels, each: s.k / s.c }),
    head: write.head,
    workgroup: [workgroup],
    grid: fold(Math.ceil((s.n * s.oh * across * channels) / workgroup)),
    body: `let index = flat * ${workgroup}u + lid.x;
let k = index % p.channels;
let c = k / p.each;
let ox = index / p.channels % p.across * ${pixels}u;
let row = index / p.channels / p.across;
if (row >= p.n * p.oh) { return; }
${unroll(pixels, (t) => `var a${t} = ${type}();`)}
for (var i = 0u; i < p.kh; i++) {
let y = i32(row % p.oh * p.strideH + i * p.dilationH) - i32(p.padTop);
if (y < 0 || y >= i32(p.h)) { continue; }
let line = (row / p.oh * p.h + u32(y)) * p.w;
${sharesRows(s) ? sharedTaps(s, own) : eachTap(own)}
}
columns_at(k * ${lanes}u);
${unroll(pixels, (t) => `if (ox + ${t}u < p.ow) { put_row(row * p.ow + ox + ${t}u, k * ${lanes}u, p.k, a${t}); }`)}`,
  });
}

type Setting = ReturnType<typeof setting>;

/** The taps of a row, each with its own pixels. */
function eachTap({ type, load }: Setting): string {
  return `for (var j = 0u; j < p.kw; j++) {
let w = ${type}(w_[(i * p.kw + j) * p.channels + k]);
let x = i32(ox * p.strideW + j * p.dilationW) - i32(p.padLeft);
${unroll(pixels, (t) => {
  const x = `x + i32(${t}u * p.strideW)`;
  const at = `(line + u32(${x})) * (p.channels / p.each) + c`;
  return `a${t} += ${load("x_", at, `(${x} >= 0 && ${x} < i32(p.w))`)} * w;`;
})}
}`;
}

/** Small kernels: the sizes are text, and neighbours read a row's pixels once for all its taps. */
function sharesRows({ kw, strideW, dilationW }: ConvShape): boolean {
  return kw > 1 && kw <= 5 && strideW <= 2 && dilationW === 1;
}

function sharedTaps({ kw, strideW }: ConvShape, { type, load }: Setting): string {
  const across = (pixels - 1) * strideW + kw;
  return `let x = i32(ox * ${strideW}u) - i32(p.padLeft);
${unroll(across, (t) => {
  const at = `(line + u32(x + ${t})) * (p.channels / p.each) + c`;
  return `let x${t} = ${load("x_", at, `(x + ${t} >= 0 && x + ${t} < i32(p.w))`)};`;
})}
${unroll(
  kw,
  (j) => `let w${j} = ${type}(w_[(i * p.kw + ${j}u) * p.channels + k]);
${unroll(pixels, (t) => `a${t} += x${t * strideW + j} * w${j};`)}`,
)}`;
}

export function depthwiseInputGradKernel(
  s: ConvShape,
  types: ProductTypes,
  epilogue: Epilogue,
): KernelSpec {
  const { lanes, type, element, load } = setting(s, types.operands);
  const channels = s.c / lanes;
  const options = { width: "p.c", columns: lanes, wide: lanes === 4, result: types.result };
  const write = writer({ ...options, epilogue });
  return kernel({
    name: "conv2d input gradient",
    inputs: [{ name: "d_", type: element }, { name: "w_", type: element }, ...write.inputs],
    outputs: [write.output],
    params: convParams(s, { channels, each: s.k / s.c }),
    head: write.head,
    workgroup: [workgroup],
    grid: fold(Math.ceil((s.n * s.h * s.w * channels) / workgroup)),
    body: `let index = flat * ${workgroup}u + lid.x;
let c = index % p.channels;
let pixel = index / p.channels;
if (pixel >= p.n * p.h * p.w) { return; }
let n = pixel / p.w / p.h;
var a = ${type}();
for (var i = 0u; i < p.kh; i++) {
let y = i32(pixel / p.w % p.h + p.padTop) - i32(i * p.dilationH);
let v = y / i32(p.strideH);
if (y < 0 || v * i32(p.strideH) != y || v >= i32(p.oh)) { continue; }
for (var j = 0u; j < p.kw; j++) {
let x = i32(pixel % p.w + p.padLeft) - i32(j * p.dilationW);
let u = x / i32(p.strideW);
let ok = x >= 0 && u * i32(p.strideW) == x && u < i32(p.ow);
for (var m = 0u; m < p.each; m++) {
let at = ((n * p.oh + u32(v)) * p.ow + u32(u)) * p.channels * p.each + c * p.each + m;
a += ${load("d_", "at", "ok")} * ${type}(w_[((i * p.kw + j) * p.channels + c) * p.each + m]);
}
}
}
put(pixel, c * ${lanes}u, p.c, a);`,
  });
}

/** In `parts` pieces of the pixels: `[parts, kh, kw, 1, k]`. */
export function depthwiseWeightGradKernel(
  s: ConvShape,
  { parts }: DepthwisePlan,
  types: ProductTypes,
): KernelSpec {
  const { lanes, type, element, load } = setting(s, types.operands);
  const channels = s.k / lanes;
  const options = { width: "p.k", columns: lanes, wide: lanes === 4, result: types.result };
  const write = writer(options);
  const step = Math.ceil((s.n * s.oh * s.ow) / parts);
  return kernel({
    name: "conv2d weight gradient",
    inputs: [
      { name: "x_", type: element },
      { name: "d_", type: element },
    ],
    outputs: [write.output],
    params: convParams(s, { channels, each: s.k / s.c, parts, step }),
    head: write.head,
    workgroup: [workgroup],
    grid: fold(Math.ceil((parts * s.kh * s.kw * channels) / workgroup)),
    body: `let index = flat * ${workgroup}u + lid.x;
let k = index % p.channels;
let tap = index / p.channels % (p.kh * p.kw);
let part = index / p.channels / (p.kh * p.kw);
if (part >= p.parts) { return; }
let c = k / p.each;
let i = i32(tap / p.kw * p.dilationH) - i32(p.padTop);
let j = i32(tap % p.kw * p.dilationW) - i32(p.padLeft);
let end = min((part + 1u) * p.step, p.n * p.oh * p.ow);
var ox = part * p.step % p.ow;
var oy = part * p.step / p.ow % p.oh;
var n = part * p.step / p.ow / p.oh;
var a = ${type}();
for (var q = part * p.step; q < end; q++) {
let y = i32(oy * p.strideH) + i;
let x = i32(ox * p.strideW) + j;
let ok = y >= 0 && x >= 0 && y < i32(p.h) && x < i32(p.w);
let at = ((n * p.h + u32(y)) * p.w + u32(x)) * (p.channels / p.each) + c;
a += ${load("x_", "at", "ok")} * ${type}(d_[q * p.channels + k]);
ox++;
if (ox == p.ow) { ox = 0u; oy++; if (oy == p.oh) { oy = 0u; n++; } }
}
put(part * p.kh * p.kw + tap, k * ${lanes}u, p.k, a);`,
  });
}
