/** The three products of a convolution: which plan, and the launches it takes. */
import {
  type ConvShape,
  convKey,
  convPlans,
  directConvKernel,
  directInputGradKernel,
  directWeightGradKernel,
  type Epilogue,
  inputGradPlans,
  type ProductTypes,
  sumPartsKernel,
  weightGradChunks,
  weightGradPlans,
} from "../../kernels/index.ts";
import { capsOf, choosePlan } from "../caps.ts";
import { launch } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";

/** What is done to a sum before it is stored. */
export interface EpilogueTensors {
  readonly scale?: Tensor | undefined;
  readonly shift?: Tensor | undefined;
  readonly norm?: NormTensors | undefined;
  readonly residual?: Tensor | undefined;
  readonly relu?: boolean | undefined;
}

/** A BatchNorm that is evaluated. */
export interface NormTensors {
  readonly runningMean: Tensor;
  readonly runningVar: Tensor;
  readonly weight?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
  readonly eps: number;
}

/** The kernel's epilogue, and its tensors in the order of its inputs. */
export function epilogueOf(e: EpilogueTensors): { epilogue: Epilogue; tensors: Tensor[] } {
  const { scale, shift, norm, residual, relu = false } = e;
  const type = (t: Tensor | undefined) => t && floatOf(t);
  return {
    epilogue: {
      scale: type(scale),
      shift: type(shift),
      norm: norm && {
        mean: floatOf(norm.runningMean),
        variance: floatOf(norm.runningVar),
        weight: type(norm.weight),
        bias: type(norm.bias),
        eps: norm.eps,
      },
      residual: residual !== undefined,
      relu,
    },
    tensors: [scale, shift, ...tensorsOf(norm), residual].filter((t) => t !== undefined),
  };
}

/** The tensors of a BatchNorm in the order of the kernel's inputs. */
export function tensorsOf(norm: NormTensors | undefined): (Tensor | undefined)[] {
  return norm ? [norm.runningMean, norm.runningVar, norm.weight, norm.bias] : [];
}

/** y = act(norm(scale · conv(x, w) + shift) + residual), into `y`. */
export function convolve(
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  s: ConvShape,
  e: EpilogueTensors,
): void {
  if (y.size === 0) return;
  const { epilogue, tensors } = epilogueOf(e);
  const types = typesOf(x, y);
  const plan = choosePlan(x.device, "conv2d", keyOf(s, types), convPlans(s, capsOf(x.device)));
  launch(directConvKernel(s, plan, types, epilogue), [x, weight, ...tensors], [y]);
}

/** dx of the type of `dy`. */
export function inputGrad(weight: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const { device } = dy;
  const dx = device.empty([s.n, s.h, s.w, s.c], dy.dtype);
  const types = typesOf(dy, dx);
  const plans = inputGradPlans(s, capsOf(device));
  const plan = choosePlan(device, "conv2d input gradient", keyOf(s, types), plans);
  launch(directInputGradKernel(s, plan, types), [dy, weight], [dx]);
  return dx;
}

/** dw of the type of `x`. */
export function weightGrad(x: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const { device } = x;
  const shape = [s.kh, s.kw, s.c / s.groups, s.k];
  const dw = device.empty(shape, x.dtype);
  if (dy.size === 0 || dw.size === 0) {
    device.fill(dw, 0);
    return dw;
  }
  const types = typesOf(x, dw);
  const plans = weightGradPlans(s, capsOf(device));
  const plan = choosePlan(device, "conv2d weight gradient", keyOf(s, types), plans);
  inParts(dw, weightGradChunks(s), (parts, result) =>
    launch(
      directWeightGradKernel(s, plan, { ...types, result: floatOf(result) }, parts),
      [x, dy],
      [result],
    ),
  );
  return dw;
}

/** Lets `make` fill `parts` partial sums, f32, and adds them up in `total`; one part goes there straight away. */
export function inParts(
  total: Tensor,
  parts: number,
  make: (parts: number, result: Tensor) => void,
): void {
  if (parts === 1) {
    make(1, total);
    return;
  }
  const { device, size } = total;
  const partial = device.empty([parts, size]);
  make(parts, partial);
  launch(sumPartsKernel(parts, size, floatOf(total)), [partial], [total]);
  partial.dispose();
}

function typesOf(operand: Tensor, result: Tensor): ProductTypes {
  return { operands: floatOf(operand), result: floatOf(result) };
}

function keyOf(s: ConvShape, { operands, result }: ProductTypes): string {
  return `${convKey(s)} ${operands === result ? operands : `${operands}-${result}`}`;
}
