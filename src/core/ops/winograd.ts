/** Launches of Winograd's convolution and its gradients: transform, a² products of matrices, transform back; piece by piece. */
import {
  type ConvShape,
  type MatmulShape,
  type Tiles,
  type WinogradPlan,
  winogradInputKernel,
  winogradOutputGradKernel,
  winogradOutputKernel,
  winogradWeightGradKernel,
  winogradWeightKernel,
} from "../../kernels/index.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { multiplyBy } from "./multiply.ts";
import { permuteRaw } from "./permute.ts";
import { type EpilogueTensors, epilogueOf } from "./split-sum.ts";

/** y = act(norm(scale · conv(x, w) + shift) + residual), into `y`. */
export function winograd(
  plan: WinogradPlan,
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  s: ConvShape,
  e: EpilogueTensors,
): void {
  convolveTiles(plan, x, weight, y, e, { turned: false, offset: [s.padTop, s.padLeft] });
}

/** The input gradient: the taps, turned round, over dy. With a residual, that is added. */
export function winogradInputGrad(
  plan: WinogradPlan,
  weight: Tensor,
  dy: Tensor,
  dx: Tensor,
  s: ConvShape,
  e: EpilogueTensors,
): void {
  const offset = [2 - s.padTop, 2 - s.padLeft] as const;
  convolveTiles(plan, dy, weight, dx, e, { turned: true, offset });
}

interface Taken {
  /** The taps are turned round and their channels swapped. */
  readonly turned: boolean;
  /** How far a window begins above and left of its tile. */
  readonly offset: readonly [number, number];
}

function convolveTiles(
  plan: WinogradPlan,
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  e: EpilogueTensors,
  { turned, offset }: Taken,
): void {
  const { device } = x;
  const { side, lanes } = plan;
  const [c, k] = weight.shape.slice(2) as [number, number];
  const [from, to] = turned ? [k, c] : [c, k];
  const places = (side + 2) ** 2;
  const u = device.empty([places, from, to]);
  const taps = turned ? permuteRaw(weight, [0, 1, 3, 2]) : weight.view();
  launch(winogradWeightKernel({ side, lanes, c: from, k: to }, floatOf(taps), turned), [taps], [u]);
  taps.dispose();
  const { epilogue, tensors } = epilogueOf(e);
  for (const piece of pieces(plan, y.shape, from + to)) {
    const { count } = piece;
    const v = device.empty([places, count, from]);
    const [h, w] = x.shape.slice(1) as [number, number];
    const windows: Tiles = { ...piece, h, w, channels: from };
    launch(winogradInputKernel(windows, floatOf(x), offset), [x], [v]);
    const product = device.empty([places, count, to]);
    const s: MatmulShape = {
      ...{ batch: places, m: count, n: to, k: from, transposeA: false, transposeB: false },
      ...{ strideA: count * from, strideB: from * to },
    };
    multiplyBy(plan.product, v, u, product, s);
    v.dispose();
    const spec = winogradOutputKernel(piece, floatOf(y), epilogue);
    launch(spec, [product, ...tensors], [y]);
    product.dispose();
  }
  u.dispose();
}

/** The weight gradient: what the tiles of x and dy give together. */
export function winogradWeightGrad(
  plan: WinogradPlan,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
  s: ConvShape,
): void {
  const { device } = x;
  const { side, lanes } = plan;
  const { c, k } = s;
  const places = (side + 2) ** 2;
  const all = pieces(plan, dy.shape, c + k);
  const products = device.empty([all.length, places * c * k]);
  all.forEach((piece, i) => {
    const { count } = piece;
    const v = device.empty([places, count, c]);
    const d = device.empty([places, count, k]);
    const windows: Tiles = { ...piece, h: s.h, w: s.w, channels: c };
    launch(winogradInputKernel(windows, floatOf(x), [s.padTop, s.padLeft]), [x], [v]);
    launch(winogradOutputGradKernel(piece, floatOf(dy)), [dy], [d]);
    const shape: MatmulShape = {
      ...{ batch: places, m: c, n: k, k: count, transposeA: true, transposeB: false },
      ...{ strideA: count * c, strideB: count * k },
    };
    const product = products.view([places, c, k], products.offset + 4 * i * places * c * k);
    multiplyBy(plan.product, v, d, product, shape);
    for (const t of [v, d, product]) t.dispose();
  });
  launch(
    winogradWeightGradKernel({ side, lanes, c, k }, floatOf(dw), all.length),
    [products],
    [dw],
  );
  products.dispose();
}

/** The tiles of images `shape`, in pieces whose stacks of `channels` fit the plan's workspace. */
function pieces(plan: WinogradPlan, shape: readonly number[], channels: number): readonly Tiles[] {
  const [n, h, w, own] = shape as [number, number, number, number];
  const { side, lanes } = plan;
  const [down, across] = [Math.ceil(h / side), Math.ceil(w / side)];
  const total = n * down * across;
  const room = Math.floor(plan.workspace / (4 * channels * (side + 2) ** 2));
  const most = Math.max(64, Math.floor(room / 64) * 64);
  return Array.from({ length: Math.ceil(total / most) }, (_, i) => {
    const first = i * most;
    return {
      side,
      lanes,
      h,
      w,
      channels: own,
      down,
      across,
      first,
      count: Math.min(most, total - first),
    };
  });
}
