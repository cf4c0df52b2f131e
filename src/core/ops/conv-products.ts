/** The three products of a convolution, each by the plan that the planner chooses. */
import {
  type ConvPlan,
  type ConvShape,
  convPlans,
  type InputGradPlan,
  inputGradPlans,
  type ProductTypes,
  sizeOf,
  type WeightGradPlan,
  weightGradPlans,
} from "../../kernels/index.ts";
import { emptyGrad } from "../autograd.ts";
import { capsOf } from "../caps.ts";
import type { Trial } from "../planner.ts";
import type { Tensor } from "../tensor.ts";
import { convolveBy, inputGradBy, weightGradBy } from "./conv-by-plan.ts";
import { convClass, convTrial } from "./product-cases.ts";
import { type EpilogueTensors, typesOf } from "./split-sum.ts";

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
  const plans = convPlans(s, capsOf(device), types);
  const trial = () => forwardTrial(s, types);
  const plan = device.planner.choose("conv2d", convClass(s, types), plans, trial);
  convolveBy(plan, x, weight, y, s, e);
}

function forwardTrial(s: ConvShape, types: ProductTypes): Trial<ConvPlan> {
  return convTrial("y", s, types, (x, weight, plan) => {
    const y = x.device.empty([s.n, s.oh, s.ow, s.k], types.result);
    convolveBy(plan, x, weight, y, s, {});
    return y;
  });
}

/** dx of the type of `dy`, added to what is given, of that type. */
export function inputGrad(weight: Tensor, dy: Tensor, s: ConvShape, residual?: Tensor): Tensor {
  const { device } = dy;
  const types = typesOf(dy, dy);
  const plans = inputGradPlans(s, capsOf(device), types);
  const trial = () => inputGradTrial(s, types);
  const plan = device.planner.choose("conv2d input gradient", convClass(s, types), plans, trial);
  return inputGradBy(plan, weight, dy, s, { residual });
}

function inputGradTrial(s: ConvShape, types: ProductTypes): Trial<InputGradPlan> {
  return convTrial("dx", s, types, (dy, weight, plan) => inputGradBy(plan, weight, dy, s));
}

/** dw of the type of `x`, the gradient of `weight`. */
export function weightGrad(x: Tensor, dy: Tensor, s: ConvShape, weight: Tensor): Tensor {
  const { device } = x;
  const shape = [s.kh, s.kw, s.c / s.groups, s.k];
  if (dy.size === 0 || sizeOf(shape) === 0) return device.zeros(shape, x.dtype);
  const types = typesOf(x, x);
  const plans = weightGradPlans(s, capsOf(device), types);
  const trial = () => weightGradTrial(s, types);
  const plan = device.planner.choose("conv2d weight gradient", convClass(s, types), plans, trial);
  return weightGradBy(plan, x, dy, s, emptyGrad(weight));
}

function weightGradTrial(s: ConvShape, types: ProductTypes): Trial<WeightGradPlan> {
  return convTrial("dw", s, types, (x, dy, plan) => weightGradBy(plan, x, dy, s));
}
