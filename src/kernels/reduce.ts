/**
 * Folds the middle of `[outer, n, inner]` to `[outer, inner]`. Along rows (inner 1) eight neighbouring threads share a row or a
 * piece of one and hand their parts round; otherwise each thread walks one column of up to four numbers. Four loads are under
 * way at once. Long folds are cut into chunks that another launch folds again: always in the same order, so results are the
 * same bits each time.
 */
import { lanesOf } from "./lanes.ts";
import { type DType, fold, type KernelSpec, kernel, unroll } from "./spec.ts";
import { wgsl } from "./wgsl.ts";

export type Fold = "sum" | "max" | "min";

export interface ReduceShape {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
}

export interface ReduceOptions extends ReduceShape {
  readonly name: string;
  readonly fold: Fold;
  /** Elements that are read; f16 is folded in f32. */
  readonly dtype: DType;
  /** Elements that are written; without it those that are folded, f32 for f16. */
  readonly out?: DType;
  /** Pieces of n that are folded apart; the output is then `[outer, chunks, inner]`. */
  readonly chunks: number;
  /** Applied to each element `x` first, for example `x * x`. */
  readonly map?: string;
  /** Applied to each result `a` last, for example `a * p.scale`. */
  readonly finish?: string;
  readonly scale?: number;
  /** Hand values round in subgroups of eight or more instead of workgroup memory. */
  readonly subgroups?: boolean;
}

/** How a long fold is cut: see `reduceCut`. */
export interface ReduceCut {
  /** So many neighbours of n are treated as one of inner, where that makes the columns wider. */
  readonly repeat: number;
  /** Pieces of the rest. Together `chunks · repeat` results are left for the next launch. */
  readonly chunks: number;
}

const workgroup = 64;
/**
 * Cuts a fold so that the adapter is busy and no thread's walk is short: a processor that plays GPU wants few threads with long
 * walks, a GPU many.
 */
export function reduceCut({ outer, n, inner }: ReduceShape, software: boolean): ReduceCut {
  const [busy, least] = software ? [4096, 256] : [65_536, 32];
  const wide = software ? 32 : 128; // numbers that the threads of one subgroup read side by side
  const cut = (length: number, threads: number) =>
    Math.max(1, Math.min(Math.ceil(length / least), Math.ceil(busy / threads)));
  if (inner === 1) {
    const { units, lanes } = rowLanes(n);
    return { repeat: 1, chunks: cut(units / lanes, outer * lanes) };
  }
  let repeat = 1;
  const gains = (r: number) => inner * r <= wide || (inner * (r / 2)) % 4 !== 0;
  while (n % (repeat * 2) === 0 && n >= least * repeat * 2 && gains(repeat * 2)) repeat *= 2;
  const columns = (inner * repeat) / lanesOf(inner * repeat).width;
  return { repeat, chunks: cut(n / repeat, outer * columns) };
}

/** Loads in a row, and threads that share it. */
function rowLanes(n: number): { readonly units: number; readonly lanes: 1 | 8 } {
  const units = n / lanesOf(n).width;
  return { units, lanes: units < 32 ? 1 : 8 };
}

export function reduceKernel(options: ReduceOptions): KernelSpec {
  return options.inner === 1 ? rowKernel(options) : columnKernel(options);
}

type Computed = "f32" | "i32" | "u32";

const computed = (dtype: DType): Computed => (dtype === "f16" ? "f32" : dtype);

function combine(how: Fold, a: string, b: string): string {
  return how === "sum" ? `${a} + ${b}` : `${how}(${a}, ${b})`;
}

/** What a fold starts from. Infinity can't be written in WGSL, so it comes as a parameter. */
function identity(how: Fold, dtype: Computed): string {
  if (how === "sum") return `${dtype}(0)`;
  if (dtype === "f32") return "p.start";
  if (dtype === "i32") return how === "max" ? "i32(-2147483647 - 1)" : "2147483647";
  return how === "max" ? "0u" : "4294967295u";
}

/** What both forms have in common; `units` and `columns` are counted in loads of `width` numbers. */
function parts(options: ReduceOptions, width: 1 | 2 | 4, length: number, writes: 1 | 2 | 4) {
  const { name, dtype, outer, chunks, scale = 1, map = "x", finish = "a" } = options;
  const type = computed(dtype);
  const out = options.out ?? type;
  const of = (element: string, w: number) => (w === 1 ? element : `vec${w}<${element}>`);
  const start = identity(options.fold, type);
  return {
    spec: {
      name,
      inputs: [{ name: "x_", type: of(dtype, width) }],
      outputs: [{ name: "y_", type: of(out, writes) }],
      params: {
        outer: ["u32", outer],
        chunks: ["u32", chunks],
        length: ["u32", length],
        step: ["u32", Math.ceil(length / chunks)],
        columns: ["u32", options.inner / writes],
        scale: ["f32", scale],
        start: [
          "f32",
          options.fold === "max" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
        ],
      },
      head: wgsl`alias T = ${of(type, width)};`,
      workgroup: [workgroup],
    } as const,
    declare: unroll(4, (k) => `var a${k} = T(${start});`),
    /** Folds the element at an index into the sum of number k. */
    take: (k: number, index: string) =>
      `{ let x = T(x_[${index}]); a${k} = ${combine(options.fold, `a${k}`, `(${map})`)}; }`,
    joined: combine(
      options.fold,
      combine(options.fold, "a0", "a1"),
      `(${combine(options.fold, "a2", "a3")})`,
    ),
    finished: out === type ? finish : `${of(out, writes)}(${finish})`,
    type,
  };
}

/** Walks from `i` to `end`, four loads at a time. */
function walk(step: string, take: (k: number, index: string) => string): string {
  return `for (; i + 3u * ${step} < end; i += 4u * ${step}) {
${unroll(4, (k) => take(k, `i + ${k}u * ${step}`))}
}
for (; i < end; i += ${step}) ${take(0, "i")}`;
}

/** One thread, or eight, for each row and chunk. */
function rowKernel(options: ReduceOptions): KernelSpec {
  const { outer, n, chunks, subgroups = false } = options;
  const { width } = lanesOf(n);
  const { units, lanes } = rowLanes(n);
  const { spec, declare, take, joined, finished, type } = parts(options, width, units, 1);
  const shared = lanes > 1 && !subgroups;
  const narrow = ["x", "y", "z", "w"].slice(0, width).map((lane) => `all.${lane}`);
  const one = width === 1 ? "all" : narrow.reduce((a, b) => combine(options.fold, a, b));
  const handed = shared
    ? `part[lid.x] = a;
workgroupBarrier();
${unroll(3, (k) => {
  const other = combine(options.fold, "part[lid.x]", `part[lid.x + ${4 >> k}u]`);
  return `if (lane < ${4 >> k}u) { part[lid.x] = ${other}; }\nworkgroupBarrier();`;
})}
a = part[lid.x];`
    : unroll(3, (k) => `a = ${combine(options.fold, "a", `subgroupShuffleXor(a, ${4 >> k}u)`)};`);
  return kernel({
    ...spec,
    head: `${spec.head}\n${shared ? `var<workgroup> part: array<${type}, ${workgroup}>;` : ""}`,
    subgroups: lanes > 1 && subgroups,
    grid: fold(Math.ceil((outer * chunks * lanes) / workgroup)),
    body: wgsl`let lane = ${lanes === 1 ? "0u" : shared ? "lid.x % 8u" : "sg % 8u"};
let piece = flat * ${workgroup / lanes}u + lid.x / ${lanes}u;
let row = piece / p.chunks;
let first = (piece % p.chunks) * p.step;
let end = select(0u, row * p.length + min(first + p.step, p.length), row < p.outer);
var i = row * p.length + first + lane;
${declare}
${walk(`${lanes}u`, take)}
let all = ${joined};
var a = ${one};
${lanes === 1 ? "" : handed}
if (lane == 0u && row < p.outer) { y_[piece] = ${finished}; }`,
  });
}

/** One thread for each column and chunk, columns side by side. */
function columnKernel(options: ReduceOptions): KernelSpec {
  const { outer, n, inner, chunks } = options;
  const { width } = lanesOf(inner);
  const { spec, declare, take, joined, finished } = parts(options, width, n, width);
  return kernel({
    ...spec,
    grid: fold(Math.ceil((outer * chunks * (inner / width)) / workgroup)),
    body: wgsl`let id = flat * ${workgroup}u + lid.x;
let piece = id / p.columns;
if (piece >= p.outer * p.chunks) { return; }
let row = piece / p.chunks * p.length;
let first = (piece % p.chunks) * p.step;
let end = (row + min(first + p.step, p.length)) * p.columns;
var i = (row + first) * p.columns + id % p.columns;
${declare}
${walk("p.columns", take)}
let a = ${joined};
y_[id] = ${finished};`,
  });
}
