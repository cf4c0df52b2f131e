/** Launches of a product whose sums may be split into parts: its epilogue then runs in the second pass, which adds the parts. */
import {
  type Epilogue,
  type KernelSpec,
  type ProductTypes,
  sumPartsKernel,
} from "../../kernels/index.ts";
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
  readonly silu?: boolean | undefined;
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
  const { scale, shift, norm, residual, relu = false, silu = false } = e;
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
      silu,
    },
    tensors: [scale, shift, ...tensorsOf(norm), residual].filter((t) => t !== undefined),
  };
}

/** The tensors of a BatchNorm in the order of the kernel's inputs. */
export function tensorsOf(norm: NormTensors | undefined): (Tensor | undefined)[] {
  return norm ? [norm.runningMean, norm.runningVar, norm.weight, norm.bias] : [];
}

/** One product: its operands, its result, what happens before a sum is stored, and in how many parts it is summed. */
export interface SplitSum {
  readonly operands: readonly [Tensor, Tensor];
  readonly result: Tensor;
  readonly parts: number;
  readonly epilogue?: EpilogueTensors;
  /** The kernel; with several parts it makes `[parts, …]` of f32. */
  readonly spec: (types: ProductTypes, epilogue: Epilogue) => KernelSpec;
}

/** Queues a product, in one pass or two. */
export function launchSplit({ operands, result, parts, epilogue: e = {}, spec }: SplitSum): void {
  const { epilogue, tensors } = epilogueOf(e);
  const types = typesOf(operands[0], result);
  if (parts === 1) {
    launch(spec(types, epilogue), [...operands, ...tensors], [result]);
    return;
  }
  const partial = result.device.empty([parts, ...result.shape]);
  launch(spec({ ...types, result: "f32" }, {}), operands, [partial]);
  const width = result.shape.at(-1) ?? 1;
  const shape = { parts, rows: result.size / width, width };
  launch(sumPartsKernel(shape, types.result, epilogue), [partial, ...tensors], [result]);
  partial.dispose();
}

/** The types of a product's tensors. */
export function typesOf(operand: Tensor, result: Tensor): ProductTypes {
  return { operands: floatOf(operand), result: floatOf(result) };
}
