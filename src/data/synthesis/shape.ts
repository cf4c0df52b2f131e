/**
 * Outlines of anomalies that are no rectangles: an ellipse as large as the box allows, up to eight times as long as wide, at any
 * angle, whose border value noise pushes inwards. Long ones are slivers, round ones blobs.
 */
import type { Random } from "../random.ts";

const longest = 8;
/** How far the noise may push the border to the centre, as a share of the radius. */
const depth = 0.45;
/** Cells of the noise across the box, coarse and fine, and what the fine one counts. */
const cells = [3, 7] as const;
const fineShare = 1 / 3;

/** One byte per pixel `[rows, columns]`, 1 inside; at least one pixel of a box that is not empty. */
export function drawShape(random: Random, rows: number, columns: number): Uint8Array {
  const angle = Math.PI * random.uniform();
  const aspect = longest ** random.uniform();
  const noise = cells.map((count) => valueNoise(random, count, rows, columns));
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const width = Math.hypot(cos, sin / aspect);
  const height = Math.hypot(sin, cos / aspect);
  const long = Math.min(columns / 2 / width, rows / 2 / height);
  const short = Math.min(long, Math.max(1, long / aspect));
  const inside = new Uint8Array(rows * columns);
  for (let y = 0, i = 0; y < rows; y++) {
    const down = y + 0.5 - rows / 2;
    for (let x = 0; x < columns; x++, i++) {
      const across = x + 0.5 - columns / 2;
      const a = (across * cos + down * sin) / long;
      const b = (down * cos - across * sin) / short;
      const pushed = (1 - fineShare) * noise[0]![i]! + fineShare * noise[1]![i]!;
      inside[i] = Math.sqrt(a * a + b * b) < 1 - depth * pushed ? 1 : 0;
    }
  }
  if (inside.length > 0) inside[(rows >> 1) * columns + (columns >> 1)] = 1;
  return inside;
}

/** Random values 0..1 at the corners of `count` x `count` cells, smooth in between (Perlin's fade). */
function valueNoise(random: Random, count: number, rows: number, columns: number): Float32Array {
  const corners = Float32Array.from({ length: (count + 1) ** 2 }, () => random.uniform());
  const out = new Float32Array(rows * columns);
  const across = Array.from({ length: columns }, (_, x) => placeOf(x, columns, count));
  for (let y = 0, i = 0; y < rows; y++) {
    const { cell: row, fade: down } = placeOf(y, rows, count);
    for (let x = 0; x < columns; x++, i++) {
      const { cell, fade } = across[x]!;
      const top = row * (count + 1) + cell;
      const below = top + count + 1;
      const a = corners[top]! + (corners[top + 1]! - corners[top]!) * fade;
      const b = corners[below]! + (corners[below + 1]! - corners[below]!) * fade;
      out[i] = a + (b - a) * down;
    }
  }
  return out;
}

function placeOf(at: number, length: number, count: number): { cell: number; fade: number } {
  const position = ((at + 0.5) / length) * count;
  const cell = Math.floor(position);
  const t = position - cell;
  return { cell, fade: t * t * t * (t * (6 * t - 15) + 10) };
}
