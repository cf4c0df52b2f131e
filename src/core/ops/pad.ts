/** Padding: pixels around images in three modes, and constants around any axes; with gradients. */
import { LoupeError } from "../../error.ts";
import {
  copyKernel,
  type PadMode,
  type PadShape,
  padGradKernel,
  padKernel,
  sizeOf,
  stridesOf,
} from "../../kernels/index.ts";
import { track } from "../autograd.ts";
import { launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { copyBox } from "./shape.ts";

export interface PadOptions {
  /** Default `constant`. `reflect` mirrors without repeating the edge, `replicate` repeats the edge. */
  readonly mode?: PadMode;
  /** What `constant` fills with. Default 0. */
  readonly value?: number;
}

/**
 * Pixels around images.
 * @param x `[N, H, W, C]`
 * @param widths `[top, bottom, left, right]`; `reflect` needs them smaller than the image
 * @returns `[N, H + top + bottom, W + left + right, C]`
 */
export function pad(
  x: Tensor,
  widths: readonly [number, number, number, number],
  options: PadOptions = {},
): Tensor {
  const { mode = "constant", value = 0 } = options;
  const s = padShape(x, widths, mode);
  const { n, h, w, c, top, left } = s;
  const y = x.device.empty([n, h + top + s.bottom, w + left + s.right, c], s.dtype);
  if (y.size) launch(padKernel(s, mode, value), [x], [y]);
  return track("pad", y, [x], (dy) => {
    const strides = stridesOf(y.shape);
    const start = top * (strides[1] as number) + left * (strides[2] as number);
    if (mode === "constant") return [copyBox("pad gradient", dy, x.shape, { start, strides })];
    const dx = x.device.empty(x.shape, s.dtype);
    if (dx.size) launch(padGradKernel(s, mode), [dy], [dx]);
    return [dx];
  });
}

/**
 * A constant around any axes, any dtype.
 * @param widths per axis `[before, after]`
 * @example padAxes(x, [[0, 0], [1, 2]]) // [2, 3] to [2, 6]
 */
export function padAxes(
  x: Tensor,
  widths: readonly (readonly [number, number])[],
  value = 0,
): Tensor {
  if (widths.length !== x.shape.length) {
    const text = `${widths.length} pairs of widths for ${x.shape.length} axes`;
    throw new LoupeError("shape", `padAxes: ${text} (input ${show(x.shape)})`);
  }
  checkWidths("padAxes", x, widths.flat());
  const shape = x.shape.map((n, i) => n + (widths[i]?.[0] ?? 0) + (widths[i]?.[1] ?? 0));
  const y = x.device.full(shape, value, x.dtype);
  const strides = stridesOf(shape);
  const start = strides.reduce((sum, step, i) => sum + step * (widths[i]?.[0] ?? 0), 0);
  const box = { start, strides };
  const whole = { start: 0, strides: stridesOf(x.shape) };
  if (sizeOf(x.shape)) {
    const spec = { name: "padAxes", dtype: x.dtype, box: x.shape, from: whole, to: box };
    launch(copyKernel(spec), [x], [y]);
  }
  return track("padAxes", y, [x], (dy) => [copyBox("padAxes gradient", dy, x.shape, box)]);
}

function padShape(x: Tensor, widths: readonly number[], mode: PadMode): PadShape {
  const dtype = floatOf(x, "pad");
  const fail = (rule: string) => new LoupeError("shape", `pad: ${rule} (input ${show(x.shape)})`);
  if (x.shape.length !== 4) throw fail("input must be [N, H, W, C]");
  if (widths.length !== 4) throw fail(`widths must be [top, bottom, left, right]`);
  if (!["constant", "reflect", "replicate"].includes(mode)) {
    throw fail(`mode must be "constant", "reflect" or "replicate", got "${mode}"`);
  }
  checkWidths("pad", x, widths);
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const [top, bottom, left, right] = widths as [number, number, number, number];
  const most = [Math.max(top, bottom), Math.max(left, right)] as const;
  if (mode === "reflect" && (most[0] >= Math.max(h, 1) || most[1] >= Math.max(w, 1))) {
    throw fail(`reflect needs widths smaller than the image, got ${show(widths)}`);
  }
  if (mode === "replicate" && (h === 0 || w === 0)) throw fail("no edge to repeat");
  return { n, h, w, c, top, bottom, left, right, dtype };
}

function checkWidths(op: string, x: Tensor, widths: readonly number[]): void {
  if (widths.every((v) => Number.isInteger(v) && v >= 0)) return;
  const text = `widths must be whole numbers of 0 or more, got ${show(widths)}; slice cuts off`;
  throw new LoupeError("shape", `${op}: ${text} (input ${show(x.shape)})`);
}
