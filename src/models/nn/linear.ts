/** y = x · Wᵀ + b. */
import { map, matmul, reshape, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type Build, biasBound, defaultWeight, drawn, type Initialiser, uniform } from "./init.ts";
import { Layer } from "./module.ts";

export interface LinearSettings {
  /** Default true. */
  readonly bias?: boolean;
  /** Default: PyTorch's, Kaiming-uniform with a = √5. */
  readonly init?: Initialiser;
}

/** @example const head = new Linear({ device, rng }, 256, 10); */
export class Linear extends Layer {
  /** `[O, I]`, as PyTorch's. */
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(
    build: Build,
    inFeatures: number,
    outFeatures: number,
    settings: LinearSettings = {},
  ) {
    super();
    const { bias = true, init = defaultWeight } = settings;
    const shape = [outFeatures, inFeatures];
    this.weight = this.parameter("weight", drawn(build, shape, init));
    const ofBias = (s: readonly number[], rng: NonNullable<Build["rng"]>) =>
      uniform(s, rng, biasBound(shape));
    this.bias = bias ? this.parameter("bias", drawn(build, [outFeatures], ofBias)) : undefined;
  }

  /** `[…, I]` to `[…, O]`. */
  forward(x: Tensor): Tensor {
    const [outFeatures, inFeatures] = this.weight.shape as [number, number];
    if (x.shape.at(-1) !== inFeatures) {
      const rule = `the last axis must have ${inFeatures} features`;
      throw new LoupeError("shape", `Linear: ${rule}, got ${x}`);
    }
    const rows = reshape(x, [x.size / inFeatures, inFeatures]);
    const y = matmul(rows, this.weight, { transposeB: true });
    const shape = [...x.shape.slice(0, -1), outFeatures];
    return reshape(this.bias ? addBias(y, this.bias) : y, shape);
  }
}

/** y + b of the type of y, which may be f16; b and its gradient stay f32. */
function addBias(y: Tensor, b: Tensor): Tensor {
  return map("add", { f: "y + b", d: { y: "g", b: "g" }, dtype: y.dtype }, { y, b });
}
