/** Whether a device has room for a product with a tile: threads, workgroup memory, registers. */
import type { Caps } from "../caps.ts";
import type { MatrixLayout } from "./body.ts";
import type { ProductNeeds } from "./needs.ts";
import { dealOf, spotsOf } from "./staging.ts";
import { misfit, patchOf, stageOf, tileName } from "./tile.ts";

/** A tile and a unit, without the parts. */
type Shape = Omit<MatrixLayout, "parts">;
/** What a device allows a workgroup. */
export type Limits = Pick<Caps, "workgroupMemory" | "workgroupThreads">;

const threadsOf = ({ tile, unit }: Shape) => tile.rows * tile.columns * unit.subgroupSize;

/** Bytes of workgroup memory. */
export function workgroupBytes({ tile, unit }: Shape, needs: ProductNeeds): number {
  const stages = [
    [needs.a, stageOf(needs.a.alongK, "m", tile)],
    [needs.b, stageOf(needs.b.alongK, "n", tile)],
  ] as const;
  const staged = stages.map(([operand, stage]) => {
    const spots = operand.spots ? spotsOf(operand.alongK, stage) : 0;
    return stage.size * 2 + spots * 16;
  });
  return staged.reduce((sum, bytes) => sum + bytes, patchOf(tile, unit.fragment).size * 4);
}

/** Loads of a thread for one block that have room in registers beside the sums. */
const mostLoads = 40;

/** Why a product can't be computed with this layout, or undefined. */
export function matrixMisfit(
  layout: Shape,
  needs: ProductNeeds,
  limits: Limits,
): string | undefined {
  const { tile, unit } = layout;
  const wrong = misfit(tile, unit.fragment);
  if (wrong) return wrong;
  const threads = threadsOf(layout);
  if (threads > limits.workgroupThreads) {
    return `${threads} threads, ${limits.workgroupThreads} are allowed`;
  }
  const bytes = workgroupBytes(layout, needs);
  if (bytes > limits.workgroupMemory) {
    return `${bytes} bytes of workgroup memory, ${limits.workgroupMemory} are allowed`;
  }
  const dealt = [
    dealOf(stageOf(needs.a.alongK, "m", tile), needs.a.width, threads),
    dealOf(stageOf(needs.b.alongK, "n", tile), needs.b.width, threads),
  ];
  const whole = dealt.every(({ lines, slots }) => [lines, slots].every(Number.isInteger));
  if (!whole) return `${threads} threads do not deal out tile ${tileName(tile)}`;
  const loads = dealt.reduce((sum, { slots }) => sum + slots, 0);
  if (loads > mostLoads) return `${loads} loads of a thread for each block, ${mostLoads} have room`;
  return needs.largest < 2 ** 31 ? undefined : "a tensor of 2³¹ elements";
}
