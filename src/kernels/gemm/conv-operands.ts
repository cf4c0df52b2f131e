/**
 * Convolutions as products for the tiled kernel: what the rows, columns and sums of each are.
 *
 *   forward          rows are output pixels, columns k, the sum runs over (i, j, c)
 *   input gradient   rows are input pixels of one stride phase, columns c, the sum runs over the taps (i, j) of the phase and k
 *   weight gradient  rows are (i, j, c), columns k, the sum runs over output pixels
 *
 * A batch is a group (and phase). A place outside the image is far outside, so that one comparison finds it.
 */
import { type ConvShape, convParams, firstTap, tapSteps } from "./conv-shape.ts";
import type { Operand } from "./operand.ts";
import type { Product } from "./tiled.ts";
import { type Epilogue, type ProductTypes, writer } from "./write.ts";

const far = "-1073741824";

/** Output pixel → its image's first row in x, and the window's corner. */
const outputPixel = (m: string) => `let n = ${m} / (p.ow * p.oh);
let corner = vec2<i32>(vec2(${m} / p.ow % p.oh * p.strideH, ${m} % p.ow * p.strideW));
let y = corner.x - i32(p.padTop);
return vec4<i32>(i32(n * p.h), select(${far}, y, ${m} < p.pixels), corner.y - i32(p.padLeft), 0);`;

/** Row of the weight → its tap's offset and channel. */
const tap = (k: string) => `let t = ${k} / p.cg;
let dy = i32(t / p.kw * p.dilationH);
let c = ${k} % p.cg + batch * p.cg;
return vec4<i32>(0, select(${far}, dy, ${k} < p.taps), i32(t % p.kw * p.dilationW), i32(c));`;

/** The sum of both is a place in x. */
const placeInX = `let q = r + c;
if (q.y < 0 || q.z < 0 || q.y >= i32(p.h) || q.z >= i32(p.w)) { return -1; }
return ((q.x + q.y) * i32(p.w) + q.z) * i32(p.c) + q.w;`;

/** An operand that is a matrix in memory: row and column already are parts of the place. */
const placeInMatrix = "return select(r.x + c.x, -1, r.x < 0 || c.x < 0);";

const inside = (value: string, ok: string) =>
  `return vec4<i32>(select(${far}, i32(${value}), ${ok}), 0, 0, 0);`;

export function convProduct(s: ConvShape, types: ProductTypes, epilogue: Epilogue): Product {
  const [cg, kg] = [s.c / s.groups, s.k / s.groups];
  const pixels = s.n * s.oh * s.ow;
  const taps = s.kh * s.kw * cg;
  const dtype = types.operands;
  const x: Operand = {
    ...{ along: "k", wide: cg % 4 === 0, dtype },
    row: outputPixel("outer"),
    col: tap("k"),
    at: placeInX,
  };
  const w: Operand = {
    ...{ along: "outer", wide: kg % 4 === 0, dtype },
    row: inside("batch * p.kg + outer", "outer < p.kg"),
    col: inside("k * p.k", "k < p.taps"),
    at: placeInMatrix,
  };
  return {
    name: "conv2d",
    ...{ m: pixels, n: kg, batches: s.groups, rows: pixels },
    ...{ a: x, b: w },
    write: writer({ width: "p.k", columns: 4, wide: kg % 4 === 0, result: types.result, epilogue }),
    params: convParams(s, { pixels, taps }),
    depth: "p.taps",
    rowOf: "return i32(m);",
    firstColumn: "batch * p.kg",
  };
}

export function weightGradProduct(s: ConvShape, types: ProductTypes): Product {
  const [cg, kg] = [s.c / s.groups, s.k / s.groups];
  const pixels = s.n * s.oh * s.ow;
  const taps = s.kh * s.kw * cg;
  const dtype = types.operands;
  const x: Operand = {
    ...{ along: "outer", wide: cg % 4 === 0, dtype },
    row: tap("outer"),
    col: outputPixel("k"),
    at: placeInX,
  };
  const dy: Operand = {
    ...{ along: "outer", wide: kg % 4 === 0, dtype },
    row: inside("batch * p.kg + outer", "outer < p.kg"),
    col: inside("k * p.k", "k < p.pixels"),
    at: placeInMatrix,
  };
  return {
    name: "conv2d weight gradient",
    ...{ m: taps, n: kg, batches: s.groups, rows: taps },
    ...{ a: x, b: dy },
    write: writer({ width: "p.k", columns: 4, wide: kg % 4 === 0, result: types.result }),
    params: convParams(s, { pixels, taps }),
    depth: "p.pixels",
    rowOf: "return i32(m);",
    firstColumn: "batch * p.kg",
  };
}

/** The first taps (i, j) of a phase, and how many it has down and across. */
const phaseHead = `${firstTap}
fn phase_of(batch: u32) -> vec4<i32> {
let f = batch / p.groups;
let i = first_tap(f / p.strideW + p.padTop, p.strideH, p.dilationH, p.everyH, p.kh);
let j = first_tap(f % p.strideW + p.padLeft, p.strideW, p.dilationW, p.everyW, p.kw);
let counts = vec2((p.kh - i + p.everyH - 1u) / p.everyH, (p.kw - j + p.everyW - 1u) / p.everyW);
return vec4<i32>(vec4(i, j, counts));
}`;

/** Index of the sum → tap of the phase (i, j), and channel k of the group. */
const phaseTap = `let t = k / p.kg;
let across = u32(max(phase.w, 1));
let i = u32(phase.x) + t / across * p.everyH;
let j = u32(phase.y) + t % across * p.everyW;
let channel = batch % p.groups * p.kg + k % p.kg;
let ok = k < u32(phase.z * phase.w) * p.kg;`;

export function inputGradProduct(s: ConvShape, types: ProductTypes, epilogue: Epilogue): Product {
  const [cg, kg] = [s.c / s.groups, s.k / s.groups];
  const [hp, wp] = [Math.ceil(s.h / s.strideH), Math.ceil(s.w / s.strideW)];
  const dtype = types.operands;
  const wide = kg % 4 === 0;
  const dy: Operand = {
    ...{ along: "k", wide, dtype },
    row: `let y = outer / p.wp % p.hp;
return vec4<i32>(i32(outer / p.wp / p.hp * p.oh), select(${far}, i32(y), outer < p.phasePixels), i32(outer % p.wp), 0);`,
    col: `${phaseTap}
let f = batch / p.groups;
let y = (i32(f / p.strideW + p.padTop) - i32(i * p.dilationH)) / i32(p.strideH);
let x = (i32(f % p.strideW + p.padLeft) - i32(j * p.dilationW)) / i32(p.strideW);
return vec4<i32>(0, select(${far}, y, ok), x, i32(channel));`,
    at: `let q = r + c;
if (q.y < 0 || q.z < 0 || q.y >= i32(p.oh) || q.z >= i32(p.ow)) { return -1; }
return ((q.x + q.y) * i32(p.ow) + q.z) * i32(p.k) + q.w;`,
  };
  const w: Operand = {
    ...{ along: "k", wide, dtype },
    row: inside("outer * p.k", "outer < p.cg"),
    col: `${phaseTap}
${inside("(i * p.kw + j) * p.cg * p.k + channel", "ok")}`,
    at: placeInMatrix,
  };
  return {
    name: "conv2d input gradient",
    ...{ m: s.n * hp * wp, n: cg, batches: s.groups * s.strideH * s.strideW },
    rows: s.n * s.h * s.w,
    ...{ a: dy, b: w },
    write: writer({ width: "p.c", columns: 4, wide: cg % 4 === 0, result: types.result, epilogue }),
    params: convParams(s, {
      ...{ hp, wp, phasePixels: s.n * hp * wp },
      ...tapSteps(s),
    }),
    head: phaseHead,
    phase: "phase_of(batch)",
    depth: "u32(phase.z * phase.w) * p.kg",
    rowOf: `let f = batch / p.groups;
let y = m / p.wp % p.hp * p.strideH + f / p.strideW;
let x = m % p.wp * p.strideW + f % p.strideW;
return select(-1, i32((m / p.wp / p.hp * p.h + y) * p.w + x), y < p.h && x < p.w);`,
    firstColumn: "batch % p.groups * p.cg",
  };
}
