/** Tokens at the network's width, with what tells their places: a linear map plus a fixed table of sines and cosines. */
import { map, matmul, reshape, type Tensor } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type Build, biasBound, kaimingStd, Module, normal, uniform } from "../models/index.ts";

/** Rows and columns of a level. */
export type Grid = readonly [rows: number, columns: number];

/**
 * The table of a grid: with f_i = 10000^(−2i / (d/2)), channels 2i and 2i + 1 of the first half hold sin and cos of column · f_i, those
 * of the second half of row · f_i. In f32 throughout, as the reference.
 * @param width d, a multiple of 4
 * @returns `[rows · columns, d]`
 */
export function positionTable([rows, columns]: Grid, width: number): Float32Array<ArrayBuffer> {
  if (width % 4 !== 0) {
    throw new LoupeError("shape", `positionTable: width must be a multiple of 4, got ${width}`);
  }
  const half = width / 2;
  const slope = -Math.log(1e4) / half;
  const frequencies = Float32Array.from({ length: half / 2 }, (_, i) =>
    Math.exp(Math.fround(2 * i * Math.fround(slope))),
  );
  const table = new Float32Array(rows * columns * width);
  for (let token = 0; token < rows * columns; token++) {
    const [row, column] = [Math.floor(token / columns), token % columns];
    for (const [i, f] of frequencies.entries()) {
      const at = token * width + 2 * i;
      const [x, y] = [Math.fround(column * f), Math.fround(row * f)];
      table.set([Math.sin(x), Math.cos(x)], at);
      table.set([Math.sin(y), Math.cos(y)], at + half);
    }
  }
  return table;
}

/** A convolution of kernel 1 over a sequence, PyTorch's `Conv1d(C, d, 1)`; Kaiming-normal at first. */
class Project extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor({ device, rng }: Build, channels: number, width: number) {
    super();
    const [shape, last] = [
      [width, channels],
      [width, channels, 1],
    ];
    const drawn = rng && normal(shape, rng, kaimingStd(shape));
    this.weight = this.parameter("weight", drawn ? device.tensor(drawn, last) : device.zeros(last));
    const shift = rng && uniform([width], rng, biasBound(shape));
    this.bias = this.parameter(
      "bias",
      shift ? device.tensor(shift, [width]) : device.zeros([width]),
    );
  }
}

/** The name that the reference gives it on the way. */
class ProjectEmbedding extends Module {
  readonly project: Project;

  constructor(build: Build, channels: number, width: number) {
    super();
    this.project = this.child("project", new Project(build, channels, width));
  }
}

export class Embedding extends Module {
  readonly #project: Project;

  constructor(build: Build, channels: number, width: number) {
    super();
    const made = new ProjectEmbedding(build, channels, width);
    this.#project = this.child("project_embedding", made).project;
  }

  /**
   * @param tokens `[N, L, C]`
   * @param table of places, `[1, L, d]`
   * @returns `[N, L, d]`, f32
   */
  forward(tokens: Tensor, table: Tensor): Tensor {
    const { weight, bias } = this.#project;
    const [n, l, channels] = tokens.shape as [number, number, number];
    const [width, expected] = weight.shape as [number, number, number];
    if (channels !== expected) {
      throw new LoupeError("shape", `Embedding: tokens must be [N, L, ${expected}], got ${tokens}`);
    }
    const rows = reshape(tokens, [n * l, channels]);
    const y = matmul(rows, reshape(weight, [width, channels]), { transposeB: true });
    const sum = { f: "y + b + t", d: { y: "g", b: "g" } };
    return map("embedding", sum, { y: reshape(y, [n, l, width]), b: bias, t: table });
  }
}
