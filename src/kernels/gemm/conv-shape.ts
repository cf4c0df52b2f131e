/**
 * The shape of a convolution, channels last: x `[n, h, w, c]`, weight `[kh, kw, c/groups, k]`, y `[n, oh, ow, k]`.
 *
 *   y[n,oy,ox,k]  = Σ_{i,j,c} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · w[i,j,c,k]
 *   dx[n,y,x,c]   = Σ_{i,j,k} dy[n, (y + p − i·d)/s, (x + p − j·d)/s, k] · w[i,j,c,k]   where the division is whole
 *   dw[i,j,c,k]   = Σ_{n,oy,ox} x[n, oy·s − p + i·d, ox·s − p + j·d, c] · dy[n,oy,ox,k]
 */
import type { ParamType } from "../spec.ts";

export interface ConvShape {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly k: number;
  readonly kh: number;
  readonly kw: number;
  readonly oh: number;
  readonly ow: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly groups: number;
}

/** A shape and more whole numbers as parameters of a kernel; `cg` and `kg` are the channels of one group. */
export function convParams(s: ConvShape, extra: Readonly<Record<string, number>>) {
  const all = { ...s, cg: s.c / s.groups, kg: s.k / s.groups, ...extra };
  const entries = Object.entries(all).map(([name, v]) => [name, ["u32" as ParamType, v]] as const);
  return Object.fromEntries(entries) as Record<string, readonly [ParamType, number]>;
}

/** Along one axis, the first tap that meets pixels of a stride phase, or the count of taps where none does. */
export const firstTap = `fn first_tap(start: u32, stride: u32, dilation: u32, every: u32, taps: u32) -> u32 {
for (var i = 0u; i < min(every, taps); i++) {
if ((i32(start) - i32(i * dilation)) % i32(stride) == 0) { return i; }
}
return taps;
}`;

/** Parameters: from one tap that meets a stride phase to the next. */
export function tapSteps(s: ConvShape): { readonly everyH: number; readonly everyW: number } {
  return {
    everyH: s.strideH / gcd(s.strideH, s.dilationH),
    everyW: s.strideW / gcd(s.strideW, s.dilationW),
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
