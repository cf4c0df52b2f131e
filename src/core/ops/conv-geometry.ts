/** From the arguments of a convolution to its shape: checks, with clear errors, and the size of the output. */
import { LoupeError } from "../../error.ts";
import type { ConvShape } from "../../kernels/index.ts";
import { show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";

/** One number for both axes, or `[vertical, horizontal]`. */
export type Pair = number | readonly [number, number];

export interface Conv2dOptions {
  readonly stride?: Pair;
  /** Zeros around the image: one number, `[vertical, horizontal]`, or `[top, bottom, left, right]`. */
  readonly padding?: Pair | readonly [number, number, number, number];
  readonly dilation?: Pair;
  readonly groups?: number;
}

/** Both numbers of a pair. */
export function pair(value: Pair): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

/** The shape of a convolution; throws where its arguments do not fit. */
export function convShape(x: Tensor, weight: Tensor, o: Conv2dOptions): ConvShape {
  const where = `(input ${show(x.shape)}, weight ${show(weight.shape)})`;
  const fail = (rule: string) => new LoupeError("shape", `conv2d: ${rule} ${where}`);
  if (x.shape.length !== 4) throw fail("input must be [N, H, W, C]");
  if (weight.shape.length !== 4) throw fail("weight must be [kh, kw, C / groups, K]");
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [kh, kw, cg, k] = weight.shape as [number, number, number, number];
  const { groups = 1 } = o;
  if (cg * groups !== c) throw fail(`input has ${c} channels but weight expects ${cg * groups}`);
  if (k % groups !== 0) throw fail(`${k} output channels do not divide into ${groups} groups`);
  const [strideH, strideW] = pair(o.stride ?? 1);
  const [dilationH, dilationW] = pair(o.dilation ?? 1);
  const padding = o.padding ?? 0;
  const [padTop, padBottom, padLeft, padRight] =
    typeof padding === "object" && padding.length === 4
      ? padding
      : [pair(padding)[0], pair(padding)[0], pair(padding)[1], pair(padding)[1]];
  const oh = Math.floor((h + padTop + padBottom - dilationH * (kh - 1) - 1) / strideH) + 1;
  const ow = Math.floor((w + padLeft + padRight - dilationW * (kw - 1) - 1) / strideW) + 1;
  if (oh < 1 || ow < 1) throw fail(`kernel does not fit: output would be ${oh} × ${ow}`);
  const strides = { strideH, strideW, padTop, padLeft, dilationH, dilationW };
  for (const [name, value] of Object.entries(strides)) {
    const least = name.startsWith("pad") ? 0 : 1;
    if (!Number.isInteger(value) || value < least) throw fail(`${name} is ${value}`);
  }
  return { n, h, w, c, k, kh, kw, oh, ow, ...strides, groups };
}

/** Throws unless a tensor of the epilogue is `[k]`. */
export function checkColumns(name: string, value: Tensor | undefined, k: number): void {
  if (value && (value.shape.length !== 1 || value.size !== k)) {
    throw new LoupeError("shape", `conv2d: ${name} must be [${k}], got ${show(value.shape)}`);
  }
}
