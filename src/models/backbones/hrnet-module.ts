/**
 * One exchange unit of HRNet: each branch runs four basic blocks at its own resolution, then every output is
 * relu(Σ_j f_ij(x_j)): finer inputs come down by strided convolutions, coarser ones come up by interpolation.
 * Sun et al. (CVPR 2019), Wang et al. (TPAMI 2020).
 */
import { interpolateSum, noGrad, once, type Tensor } from "../../core/index.ts";
import {
  type Build,
  convNorm,
  frugal,
  type Layer,
  Module,
  ModuleList,
  ReLU,
  Sequential,
} from "../nn/index.ts";
import { BasicBlock, blocks } from "./residual.ts";

/** Channels of the branches, finest first: C, 2C, 4C, 8C. */
export type Widths = readonly number[];

const blocksPerBranch = 4;

export class HRModule extends Module {
  readonly branches: ModuleList<Sequential>;
  readonly fuseLayers: ModuleList<ModuleList<Sequential>>;

  constructor(build: Build, widths: Widths) {
    super();
    const branch = (c: number) =>
      blocks(BasicBlock, build, { inChannels: c, planes: c, count: blocksPerBranch });
    this.branches = this.child("branches", new ModuleList(widths.map(branch)));
    const row = (i: number) => new ModuleList(widths.map((_, j) => path(build, widths, i, j)));
    const rows = widths.map((_, i) => row(i));
    this.fuseLayers = this.child("fuse_layers", new ModuleList(rows));
  }

  /**
   * @param xs one map per branch, each half the size of the one before, rounded up
   * @param outputs how many of the finest outputs are wanted; in train mode the convolutions of the others still run, since their
   *   BatchNorms see the batch in the reference too
   */
  forward(xs: readonly Tensor[], outputs = xs.length): Tensor[] {
    return this.part(xs, () => {
      const ys = xs.map((x, b) => (this.branches.items[b] as Layer).forward(x));
      if (this.training) once(() => this.#observe(ys, outputs));
      return ys.slice(0, outputs).map((_, i) => this.#fuse(ys, i));
    });
  }

  #path(i: number, j: number): Sequential {
    return this.fuseLayers.items[i]?.items[j] as Sequential;
  }

  /**
   * relu(Σ_j f_ij(x_j)): what comes down is added as it is normalised, what comes up is brought to its size as it is added. No
   * gradient reads a sum or what comes up, so their memory is given back.
   */
  #fuse(ys: readonly Tensor[], i: number): Tensor {
    const own = ys[i] as Tensor;
    return frugal(own, () => {
      let sum = own;
      for (let j = 0; j < i; j++) {
        const relu = j === ys.length - 2; // nothing comes up to the coarsest output
        const next = this.#path(i, j).forward(ys[j] as Tensor, { residual: sum, relu });
        if (sum !== own) sum.forgetValues();
        sum = next;
      }
      if (i === ys.length - 1) return sum;
      const up = (y: Tensor, k: number) => this.#path(i, i + 1 + k).forward(y);
      const lows = ys.slice(i + 1).map(up);
      // reference: CDO interpolates bilinearly with aligned corners; the published weights were trained with nearest.
      const out = interpolateSum(sum, lows, { alignCorners: true, relu: true });
      for (const part of [...lows, sum]) if (part !== own) part.forgetValues();
      return out;
    });
  }

  /** Lets the BatchNorms of the outputs that nobody reads see the batch. */
  #observe(ys: readonly Tensor[], outputs: number): [] {
    const { device } = ys[0] as Tensor;
    noGrad(() => {
      for (let i = outputs; i < ys.length; i++) {
        ys.forEach((y, j) => {
          if (j !== i) device.scope(() => void this.#path(i, j).forward(y));
        });
      }
    });
    return [];
  }
}

/** f_ij without the interpolation: nothing, one 1 × 1 convolution up, or i − j strided 3 × 3 convolutions down. */
function path(build: Build, widths: Widths, i: number, j: number): Sequential | undefined {
  const [from, to] = [widths[j], widths[i]] as [number, number];
  if (i === j) return undefined;
  if (j > i) return new Sequential(convNorm(build, from, to, { kernelSize: 1 }));
  const strided = { kernelSize: 3, stride: 2, padding: 1 };
  const steps = Array.from({ length: i - j }, (_, k) => {
    const last = k === i - j - 1;
    const layers = convNorm(build, from, last ? to : from, strided);
    return new Sequential(last ? layers : [...layers, new ReLU()]);
  });
  return new Sequential(steps);
}
