/** What an attention is made of, and how its work is laid out on a device. */
import type { Caps, Float } from "./caps.ts";

/** Sizes and types of one attention. */
export interface AttentionShape {
  readonly batch: number;
  readonly heads: number;
  /** Rows of q, rows of k and v, channels of a head. */
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  /** k and v have one image, which all of the batch share. */
  readonly shared: boolean;
  readonly scale: number;
  /** Rows and columns of the grid on which the positions lie, where there is a prior. */
  readonly grid?: readonly [number, number] | undefined;
  readonly stored: Readonly<Record<"q" | "k" | "v", Float>>;
  readonly plan: AttentionPlan;
}

/** How the work is laid out. */
export interface AttentionPlan {
  /** Threads of a workgroup. */
  readonly lanes: number;
  /** Rows of a thread. */
  readonly rows: 1 | 2 | 4;
  /** Rows of the other side at a time. */
  readonly tile: 1 | 2 | 4;
  /** Eight neighbours load a tile together and hand it round; else all load all of it. */
  readonly handed: boolean;
  /** Own rows are read and written in loops, which compile fast but keep them in memory; else written out, in registers. */
  readonly looped: boolean;
}

/**
 * On lavapipe a load costs as much as many products (docs/decisions.md), so a thread has several rows, but few enough that a kernel
 * compiles within a second. On a GPU a register is what is dear.
 */
export function attentionPlan({ software, subgroups }: Caps, width: number): AttentionPlan {
  if (!software) return { lanes: 64, rows: 1, tile: 4, handed: false, looped: false };
  const rows = width <= 32 ? 4 : width <= 96 ? 2 : 1;
  return { lanes: 32, rows, tile: 1, handed: subgroups, looped: true };
}
