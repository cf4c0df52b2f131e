/**
 * Where patches lie when their number or size has become an axis. Starts from the boxes of the reference, so that with s = 1 nothing
 * moves, and what an axis draws comes from streams of its own.
 */
import type { Box } from "../image.ts";
import { drawBox, halfSides, type IsBackground, mostPatches, type Patch } from "../patches.ts";
import type { Random } from "../random.ts";
import type { Streams, Strengths } from "./strength.ts";
import type { Synthesis } from "./synthesis.ts";

/** What an image of `side` x `side` pixels is about to get; white noise fills what has no pixels of its own yet. */
export interface Arranging {
  readonly side: number;
  readonly synthesis: Synthesis;
  readonly strengths: Strengths;
  readonly streams: Streams;
  readonly isBackground: IsBackground | undefined;
}

/** Boxes, with the reference's pixels where box and pixels are still the reference's. */
export interface Arranged {
  readonly box: Box;
  readonly pixels?: Uint8Array;
}

/** The patches that were drawn, as many and as large as the axes say. */
export function arrange(patches: readonly Patch[], to: Arranging): Arranged[] {
  return resized(counted(patches, to), to);
}

function counted(patches: readonly Patch[], to: Arranging): Arranged[] {
  const { count } = to.synthesis;
  if (!count) return [...patches];
  const random = to.streams("count");
  const { count: s } = to.strengths;
  const hard = count.beyond ? 1 : patches.length;
  const wanted = Math.floor((1 - s) * mostPatches + s * hard + random.uniform());
  const out: Arranged[] = patches.slice(0, wanted);
  for (let i = out.length; i < wanted; i++) {
    const box = drawBox(random, to.side, to.isBackground);
    if (box) out.push({ box });
  }
  return out;
}

/** Ends of the ranges of half sides as the side over them: at s = 0, and at s = 1 or beyond. */
const easy = [16, 6] as const;
const hard = { reference: [40, 10], beyond: [80, 20] } as const;

function resized(patches: readonly Arranged[], to: Arranging): Arranged[] {
  const { size } = to.synthesis;
  if (!size) return [...patches];
  const { side, strengths, isBackground } = to;
  const random = to.streams("size");
  const ends = size.beyond ? hard.beyond : hard.reference;
  const bound = (i: 0 | 1) => side / (easy[i] * (ends[i] / easy[i]) ** strengths.size);
  const range: readonly [number, number] = [bound(0), bound(1)];
  return patches.map((patch) => {
    const { box } = patch;
    const rows = resizedSpan(box.top, box.bottom, side, range, random);
    const columns = resizedSpan(box.left, box.right, side, range, random);
    if (rows.half * 2 === box.bottom - box.top && columns.half * 2 === box.right - box.left) {
      return patch;
    }
    const away = isBackground?.(rows.centre, columns.centre) ?? false;
    const [row, column] = away
      ? [fitting(rows.before, rows.half, side), fitting(columns.before, columns.half, side)]
      : [rows.centre, columns.centre];
    return {
      box: {
        top: row - rows.half,
        left: column - columns.half,
        bottom: row + rows.half,
        right: column + columns.half,
      },
    };
  });
}

/** A span whose half length keeps its place in the range, and whose centre keeps its place among those that fit. */
function resizedSpan(
  begin: number,
  end: number,
  side: number,
  [low, high]: readonly [number, number],
  random: Random,
) {
  const [from, to] = halfSides(side);
  const before = (begin + end) / 2;
  const halfBefore = (end - begin) / 2;
  const share = (halfBefore - from + random.uniform()) / Math.max(1, to - from);
  const [least, most] = [Math.floor(low + 1e-9), Math.floor(high + 1e-9)];
  const same = least === from && most === to;
  const drawn = same ? halfBefore : Math.floor(least + share * Math.max(1, most - least));
  const half = Math.max(halfBefore === 0 ? 0 : 1, drawn);
  const room = Math.max(1, side - 2 * halfBefore);
  const centre = half + Math.floor(((before - halfBefore) / room) * (side - 2 * half));
  return { half, centre: half === halfBefore ? before : centre, before };
}

function fitting(centre: number, half: number, side: number): number {
  return Math.max(half, Math.min(side - half, centre));
}
