/**
 * Pieces of the image itself as the hardest anomalies: CutPaste (Li et al., CVPR 2021, arXiv 2104.04015) within one image. A piece
 * comes from elsewhere, turned, mirrored and recoloured, or just as it is.
 */
import type { Box } from "../image.ts";
import type { Random } from "../random.ts";
import type { Window } from "../resize-passes.ts";

/** The part of the image without anomalies, where they are painted. */
export type Cut = (box: Box) => Window;

const mostTries = 10;
/** Contrast is multiplied by, and brightness moved by, at most this. */
const contrast = 1.4;
const brightness = 40;

/** Pixels `[rows, columns, 3]` for `box` from elsewhere in an image of `side` x `side` pixels. */
export function drawPiece(
  random: Random,
  cut: Cut,
  side: number,
  box: Box,
  changed: boolean,
): Uint8Array {
  const rows = box.bottom - box.top;
  const columns = box.right - box.left;
  const turns = changed ? random.int(0, 4) : 0;
  const mirrored = changed && random.int(0, 2) === 1;
  const [high, wide] = turns % 2 === 0 ? [rows, columns] : [columns, rows];
  const from = elsewhere(random, side, high, wide, box);
  const { data } = cut(from);
  const gain = changed ? contrast ** (2 * random.uniform() - 1) : 1;
  const shift = changed ? brightness * (2 * random.uniform() - 1) : 0;
  const out = new Uint8Array(rows * columns * 3);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const i = (y * columns + x) * 3;
      const at = placeIn(y, mirrored ? columns - 1 - x : x, turns, high, wide) * 3;
      for (let c = 0; c < 3; c++) {
        const v = data[at + c]!;
        out[i + c] = changed
          ? Math.max(0, Math.min(255, Math.round((v - 127.5) * gain + 127.5 + shift)))
          : v;
      }
    }
  }
  return out;
}

/** A place of this size, away from `box` if ten tries find one. */
function elsewhere(random: Random, side: number, high: number, wide: number, box: Box): Box {
  let found: Box = box;
  for (let tries = 0; tries < mostTries; tries++) {
    const top = random.int(0, side - high + 1);
    const left = random.int(0, side - wide + 1);
    found = { top, left, bottom: top + high, right: left + wide };
    const apart =
      found.bottom <= box.top ||
      found.top >= box.bottom ||
      found.right <= box.left ||
      found.left >= box.right;
    if (apart) break;
  }
  return found;
}

/** Which pixel of a piece of `high` x `wide` stands at row y, column x after `turns` quarter turns. */
function placeIn(y: number, x: number, turns: number, high: number, wide: number): number {
  switch (turns) {
    case 0:
      return y * wide + x;
    case 1:
      return (high - 1 - x) * wide + y;
    case 2:
      return (high - 1 - y) * wide + (wide - 1 - x);
    default:
      return x * wide + (wide - 1 - y);
  }
}
