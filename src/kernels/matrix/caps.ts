/**
 * What an adapter says of its matrix units (tensor cores), and which of their shapes a kernel takes: products of 16-bit floats,
 * summed in f32. Everything else on an adapter's list is left alone.
 */

/** One shape that the units multiply: `[M, K]` times `[K, N]` plus `[M, N]`. */
export interface MatrixConfig {
  /** Element type of both operands. */
  readonly componentType: string;
  /** Element type of the sums. */
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * How the shader language of this Dawn writes loads and stores: the order of rows and columns as a template argument, or, until
 * August 2026, as a boolean argument. Emulated: by loops, on any adapter, for tests.
 */
export type MatrixDialect = "template" | "argument" | "emulated";

/** Matrix units as kernels see them. */
export interface MatrixCaps {
  readonly configs: readonly MatrixConfig[];
  readonly dialect: MatrixDialect;
  /** Threads of a subgroup while matrices are used. */
  readonly subgroupSize: number;
  /** The adapter has subgroups of several sizes, so a kernel must ask for this one. */
  readonly pinned: boolean;
}

/** Shape of one fragment: what a subgroup multiplies at once. */
export interface Fragment {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Shapes whose speed is known, best first (a GH200 lists these three). Others follow, largest first. */
const preferred = ["16x16x16", "16x8x16", "16x8x8"];

/** The shapes for f16 operands and f32 sums, best first. */
export function halfFragments(configs: readonly MatrixConfig[]): readonly Fragment[] {
  const rank = ({ m, n, k }: Fragment) => {
    const known = preferred.indexOf(`${m}x${n}x${k}`);
    return known < 0 ? preferred.length : known;
  };
  return configs
    .filter((c) => c.componentType === "f16" && c.resultComponentType === "f32")
    .map(({ M, N, K }) => ({ m: M, n: N, k: K }))
    .filter(({ m, n, k }) => [m, n, k].every((size) => size === 8 || size === 16 || size === 32))
    .sort((a, b) => rank(a) - rank(b) || b.m * b.n * b.k - a.m * a.n * a.k);
}
