/** The three products of a convolution by a given plan: the launches it takes. */
import {
  type ConvPlan,
  type ConvShape,
  convProduct,
  depthwiseInputGradKernel,
  depthwiseKernel,
  depthwiseWeightGradKernel,
  directConvKernel,
  directInputGradKernel,
  directWeightGradKernel,
  type InputGradPlan,
  inputGradProduct,
  type MatmulShape,
  matrixConvKernel,
  matrixInputGradKernel,
  matrixWeightGradKernel,
  suitsTurnedWeight,
  tiledKernel,
  type WeightGradPlan,
  weightGradChunks,
  weightGradProduct,
} from "../../kernels/index.ts";
import { capsOf } from "../caps.ts";
import type { Tensor } from "../tensor.ts";
import { multiplyBy } from "./multiply.ts";
import { permuteRaw } from "./permute.ts";
import { type EpilogueTensors, launchSplit, type SplitSum } from "./split-sum.ts";
import { winograd, winogradInputGrad, winogradWeightGrad } from "./winograd.ts";

/** y = act(norm(scale · conv(x, w) + shift) + residual), into `y`. */
export function convolveBy(
  plan: ConvPlan,
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  s: ConvShape,
  epilogue: EpilogueTensors,
): void {
  const sum = { operands: [x, weight], result: y, parts: 1, epilogue } as const;
  switch (plan.kind) {
    case "winograd":
      winograd(plan, x, weight, y, s, epilogue);
      break;
    case "pointwise":
      multiplyBy(plan.product, x, weight, y, pointwise(s, "y"), epilogue);
      break;
    case "depthwise":
      launchSplit({ ...sum, spec: (types, e) => depthwiseKernel(s, types, e) });
      break;
    case "matrix": {
      const spec: SplitSum["spec"] = (types, e) => matrixConvKernel(s, plan, types, e);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "tiled": {
      const spec: SplitSum["spec"] = (types, e) => tiledKernel(convProduct(s, types, e), plan);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "direct":
      launchSplit({ ...sum, spec: (types, e) => directConvKernel(s, plan, types, e) });
      break;
  }
}

/** dx of the type of `dy`, which in the epilogue `residual` may be added to. */
export function inputGradBy(
  plan: InputGradPlan,
  weight: Tensor,
  dy: Tensor,
  s: ConvShape,
  epilogue: EpilogueTensors = {},
): Tensor {
  const dx = dy.device.empty([s.n, s.h, s.w, s.c], dy.dtype);
  fillInputGrad(plan, weight, dy, dx, s, epilogue);
  return dx;
}

function fillInputGrad(
  plan: InputGradPlan,
  weight: Tensor,
  dy: Tensor,
  dx: Tensor,
  s: ConvShape,
  epilogue: EpilogueTensors,
): void {
  const sum = { operands: [dy, weight], result: dx, parts: 1, epilogue } as const;
  switch (plan.kind) {
    case "winograd":
      winogradInputGrad(plan, weight, dy, dx, s, epilogue);
      break;
    case "pointwise":
      multiplyBy(plan.product, dy, weight, dx, pointwise(s, "dx"), epilogue);
      break;
    case "depthwise":
      launchSplit({ ...sum, spec: (types, e) => depthwiseInputGradKernel(s, types, e) });
      break;
    case "matrix": {
      const spec: SplitSum["spec"] = (types, e) => matrixInputGradKernel(s, plan, types, e);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "tiled": {
      const spec: SplitSum["spec"] = (types, e) => tiledKernel(inputGradProduct(s, types, e), plan);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "direct": {
      const turned = suitsTurnedWeight(s);
      const taps = turned ? permuteRaw(weight, [0, 1, 3, 2]) : weight.view();
      const spec: SplitSum["spec"] = (types, e) => directInputGradKernel(s, plan, types, e, turned);
      launchSplit({ ...sum, operands: [dy, taps], spec });
      taps.dispose();
      break;
    }
  }
}

/** dw into `dw`, of the type of `x` where none is given. */
export function weightGradBy(
  plan: WeightGradPlan,
  x: Tensor,
  dy: Tensor,
  s: ConvShape,
  dw: Tensor = x.device.empty([s.kh, s.kw, s.c / s.groups, s.k], x.dtype),
): Tensor {
  fillWeightGrad(plan, x, dy, dw, s);
  return dw;
}

function fillWeightGrad(
  plan: WeightGradPlan,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
  s: ConvShape,
): void {
  const sum = { operands: [x, dy], result: dw } as const;
  switch (plan.kind) {
    case "winograd":
      winogradWeightGrad(plan, x, dy, dw, s);
      break;
    case "pointwise":
      multiplyBy(plan.product, x, dy, dw, pointwise(s, "dw"));
      break;
    case "depthwise": {
      const spec: SplitSum["spec"] = (types) => depthwiseWeightGradKernel(s, plan, types);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "matrix": {
      const spec: SplitSum["spec"] = (types) => matrixWeightGradKernel(s, plan, types);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "tiled": {
      const spec: SplitSum["spec"] = (types) => tiledKernel(weightGradProduct(s, types), plan);
      launchSplit({ ...sum, parts: plan.parts, spec });
      break;
    }
    case "direct": {
      const parts = weightGradChunks(s, capsOf(x.device).software);
      const spec: SplitSum["spec"] = (types) => directWeightGradKernel(s, plan, types, parts);
      launchSplit({ ...sum, parts, spec });
      break;
    }
  }
}

/** A 1×1 convolution over all pixels as a product of matrices. */
function pointwise({ n, h, w, c, k }: ConvShape, which: "y" | "dx" | "dw"): MatmulShape {
  const pixels = n * h * w;
  const one = { batch: 1, strideA: 0, strideB: 0, transposeA: false, transposeB: false };
  if (which === "y") return { ...one, m: pixels, n: k, k: c };
  if (which === "dx") return { ...one, m: pixels, n: c, k, transposeB: true };
  return { ...one, m: c, n: k, k: pixels, transposeA: true };
}
