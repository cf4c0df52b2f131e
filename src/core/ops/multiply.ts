/** The launches of a product of matrices, by its plan. */
import {
  directMatmulKernel,
  type Epilogue,
  type KernelSpec,
  type MatmulPlan,
  type MatmulShape,
  matmulPlans,
  matmulProduct,
  matrixMatmulKernel,
  type ProductTypes,
  tiledKernel,
} from "../../kernels/index.ts";
import { capsOf } from "../caps.ts";
import type { Trial } from "../planner.ts";
import type { Tensor } from "../tensor.ts";
import { matmulClass, matmulTrial } from "./product-cases.ts";
import { type EpilogueTensors, launchSplit, typesOf } from "./split-sum.ts";

/** y = a · b. */
export function multiply(a: Tensor, b: Tensor, y: Tensor, s: MatmulShape): void {
  const { device } = a;
  const types = typesOf(a, y);
  const plans = matmulPlans(s, capsOf(device), types);
  const trial = () => trialOf(s, types);
  const plan = device.planner.choose("matmul", matmulClass(s, types), plans, trial);
  multiplyBy(plan, a, b, y, s);
}

/** The same by a given plan, and what is done to the sums. */
export function multiplyBy(
  plan: MatmulPlan,
  a: Tensor,
  b: Tensor,
  y: Tensor,
  s: MatmulShape,
  epilogue: EpilogueTensors = {},
): void {
  launchSplit({
    epilogue,
    operands: [a, b],
    result: y,
    parts: plan.kind === "direct" ? 1 : plan.parts,
    spec: (types, epilogue) => kernelOf(plan, s, types, epilogue),
  });
}

function kernelOf(
  plan: MatmulPlan,
  s: MatmulShape,
  types: ProductTypes,
  epilogue: Epilogue,
): KernelSpec {
  switch (plan.kind) {
    case "matrix":
      return matrixMatmulKernel(s, plan, types, epilogue);
    case "tiled":
      return tiledKernel(matmulProduct(s, types, epilogue), plan);
    case "direct":
      return directMatmulKernel(s, plan, types, epilogue);
  }
}

function trialOf(s: MatmulShape, types: ProductTypes): Trial<MatmulPlan> {
  return matmulTrial(s, types, (a, b, plan) => {
    const y = a.device.empty([s.batch, s.m, s.n], types.result);
    multiplyBy(plan, a, b, y, s);
    return y;
  });
}
