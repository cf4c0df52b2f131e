/** The three products of a convolution: which plan, and the launches it takes. */
import {
  type ConvPlan,
  type ConvShape,
  convPlans,
  directConvKernel,
  directInputGradKernel,
  directWeightGradKernel,
  type Epilogue,
  type InputGradPlan,
  inputGradPlans,
  type ProductTypes,
  sizeOf,
  sumPartsKernel,
  type WeightGradPlan,
  weightGradChunks,
  weightGradPlans,
} from "../../kernels/index.ts";
import { capsOf } from "../caps.ts";
import { launch } from "../launch.ts";
import type { Trial } from "../planner.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { convClass, convTrial } from "./product-cases.ts";

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
  const { device } = x;
  const types = typesOf(x, y);
  const plans = convPlans(s, capsOf(device));
  const trial = () => forwardTrial(s, types);
  const plan = device.planner.choose("conv2d", convClass(s, types), plans, trial);
  convolveBy(plan, x, weight, y, s, e);
}

function convolveBy(
  plan: ConvPlan,
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  s: ConvShape,
  e: EpilogueTensors,
): void {
  const { epilogue, tensors } = epilogueOf(e);
  launch(directConvKernel(s, plan, typesOf(x, y), epilogue), [x, weight, ...tensors], [y]);
}

function forwardTrial(s: ConvShape, types: ProductTypes): Trial<ConvPlan> {
  return convTrial("y", s, types, (x, weight, plan) => {
    const y = x.device.empty([s.n, s.oh, s.ow, s.k], types.result);
    convolveBy(plan, x, weight, y, s, {});
    return y;
  });
}

/** dx of the type of `dy`. */
export function inputGrad(weight: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const { device } = dy;
  const types = typesOf(dy, dy);
  const plans = inputGradPlans(s, capsOf(device));
  const trial = () => inputGradTrial(s, types);
  const plan = device.planner.choose("conv2d input gradient", convClass(s, types), plans, trial);
  return inputGradBy(plan, weight, dy, s);
}

function inputGradBy(plan: InputGradPlan, weight: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const dx = dy.device.empty([s.n, s.h, s.w, s.c], dy.dtype);
  launch(directInputGradKernel(s, plan, typesOf(dy, dx)), [dy, weight], [dx]);
  return dx;
}

function inputGradTrial(s: ConvShape, types: ProductTypes): Trial<InputGradPlan> {
  return convTrial("dx", s, types, (dy, weight, plan) => inputGradBy(plan, weight, dy, s));
}

/** dw of the type of `x`. */
export function weightGrad(x: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const { device } = x;
  const shape = [s.kh, s.kw, s.c / s.groups, s.k];
  if (dy.size === 0 || sizeOf(shape) === 0) return device.zeros(shape, x.dtype);
  const types = typesOf(x, x);
  const plans = weightGradPlans(s, capsOf(device));
  const trial = () => weightGradTrial(s, types);
  const plan = device.planner.choose("conv2d weight gradient", convClass(s, types), plans, trial);
  return weightGradBy(plan, x, dy, s);
}

function weightGradBy(plan: WeightGradPlan, x: Tensor, dy: Tensor, s: ConvShape): Tensor {
  const dw = x.device.empty([s.kh, s.kw, s.c / s.groups, s.k], x.dtype);
  const types = typesOf(x, dw);
  inParts(dw, weightGradChunks(s), (parts, result) =>
    launch(
      directWeightGradKernel(s, plan, { ...types, result: floatOf(result) }, parts),
      [x, dy],
      [result],
    ),
  );
  return dw;
}

function weightGradTrial(s: ConvShape, types: ProductTypes): Trial<WeightGradPlan> {
  return convTrial("dw", s, types, (x, dy, plan) => weightGradBy(plan, x, dy, s));
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
