/**
 * The gradient of a convolution's input on matrix units. Pixels are grouped by their position inside a stride (a layer each): all
 * of a group meet the same taps, every ⟨stride / gcd(stride, dilation)⟩-th, so a stride of two wastes no products.
 *
 *   dx[n, y, x, c] = Σ_{taps of the group, k} dy[n, (y + p − i·d)/s, (x + p − j·d)/s, k] · w[i, j, c, k]
 */
import { type ConvShape, convParams } from "../gemm/conv-shape.ts";
import { type Epilogue, type ProductTypes, writer } from "../gemm/write.ts";
import type { KernelSpec } from "../spec.ts";
import { type MatrixLayout, matrixKernel } from "./body.ts";
import { isPointwise, nowhere, pointwiseProduct } from "./conv.ts";
import { matrixMatmulKernel } from "./matmul.ts";
import { type Operand, type Spots, widthOf, windowed } from "./operand.ts";

/**
 * Entry of the group's pixel `q`: the pixel of dy under the first tap, and the row of dx (-1: outside the image).
 * The division is whole by the choice of the first tap.
 */
const spots: Spots = {
  code: `let gx = q % p.wp; let gy = q / p.wp % p.hp; let image = q / p.wp / p.hp;
let x = gx * p.strideW + px; let y = gy * p.strideH + py;
let inside = image < p.n && y < p.h && x < p.w;
let vy = i32(gy) + firstY; let vx = i32(gx) + firstX;
let offset = ((i32(image * p.oh) + vy) * i32(p.ow) + vx) * i32(p.k);
let at = select(-1, i32((image * p.h + y) * p.w + x), inside);`,
  value: `vec4<i32>(select(${nowhere}, vy, inside), vx, offset, at)`,
};

/** The first tap that meets a position inside the stride, or `taps`; and how many meet it. */
const tapsOfGroup = `fn first_tap(position: u32, dilation: u32, stride: u32, taps: u32) -> u32 {
for (var i = 0u; i < min(taps, stride); i++) {
if ((i32(position) - i32(i * dilation)) % i32(stride) == 0) { return i; }
}
return taps;
}
fn taps_from(first: u32, taps: u32, step: u32) -> u32 { return (taps - first + step - 1u) / step; }`;

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The weights of the group's taps, read along k with the cursor of dy's operand: both stand at the same tap and channel. */
function groupWeights(width: Operand["width"]): Operand {
  return {
    buffer: "w_",
    alongK: true,
    width,
    ready: "let b_tap = ((i0 + a_i * p.tapStepH) * p.kw + j0 + a_j * p.tapStepW) * p.c;",
    ok: "(outer < p.c) & (inner < kTo)",
    at: "(b_tap + outer) * p.k + a_c",
  };
}

/** dx of dy `[n, oh, ow, k]` and weight `[kh, kw, c, k]`, and the epilogue's inputs. */
export function matrixInputGradKernel(
  s: ConvShape,
  layout: MatrixLayout,
  types: ProductTypes,
  epilogue: Epilogue = {},
): KernelSpec {
  const name = "conv2d input gradient";
  if (isPointwise(s)) {
    return matrixMatmulKernel(pointwiseProduct(s, true), layout, types, epilogue, name);
  }
  const hp = Math.ceil(s.h / s.strideH);
  const wp = Math.ceil(s.w / s.strideW);
  const [gh, gw] = [gcd(s.strideH, s.dilationH), gcd(s.strideW, s.dilationW)];
  const width = widthOf(s.k);
  const write = writer({
    width: "p.c",
    columns: 4,
    wide: s.c % 4 === 0,
    result: types.result,
    epilogue,
  });
  return matrixKernel({
    name,
    layout,
    a: windowed({
      buffer: "d_",
      prefix: "a",
      alongK: true,
      width,
      height: "p.oh",
      rowLength: "p.ow",
      channels: "p.k",
      taps: "nj",
      stepY: "-i32(p.backH)",
      stepX: "-i32(p.backW)",
      spots,
      innerEnd: "kTo",
    }),
    b: groupWeights(width),
    rows: s.n * hp * wp,
    columns: s.c,
    layers: s.strideH * s.strideW,
    height: s.n * s.h * s.w,
    params: convParams(s, {
      hp,
      wp,
      tapStepH: s.strideH / gh,
      tapStepW: s.strideW / gw,
      backH: s.dilationH / gh,
      backW: s.dilationW / gw,
    }),
    origin: `let py = layer / p.strideW; let px = layer % p.strideW;
let i0 = first_tap(py + p.padTop, p.dilationH, p.strideH, p.kh);
let j0 = first_tap(px + p.padLeft, p.dilationW, p.strideW, p.kw);
let ni = taps_from(i0, p.kh, p.tapStepH); let nj = taps_from(j0, p.kw, p.tapStepW);
let firstY = (i32(py + p.padTop) - i32(i0 * p.dilationH)) / i32(p.strideH);
let firstX = (i32(px + p.padLeft) - i32(j0 * p.dilationW)) / i32(p.strideW);
let kEnd = ni * nj * p.k; let mEnd = p.n * p.hp * p.wp; let nEnd = p.c;`,
    inputs: write.inputs,
    output: write.output,
    head: `${tapsOfGroup}\n${write.head}`,
    write: "let to = a_spots[row - m0].w; if (to >= 0) { put(part0 + u32(to), column, nEnd, v); }",
  });
}
