/**
 * The random rectangles of CDO's synthetic anomalies (CDO paper, "margin optimisation"): zero to four boxes with half
 * sides of a fortieth to a tenth of the image, centres such that a box fits. Draws in the order of the reference.
 */
import { LoupeError } from "../error.ts";
import type { Box } from "./image.ts";
import type { Random } from "./random.ts";
import { cut } from "./resize.ts";
import type { Window } from "./resize-passes.ts";

/** Whether the pixel is background, where no anomaly shall be centred. */
export type IsBackground = (row: number, column: number) => boolean;

/**
 * A box of noise: pixels `[bottom - top, right - left, 3]`. Of a patch that is no rectangle only the pixels with a 1 in `covers`
 * show, and of those only the ones with a 1 in `marks` count as abnormal; without them all do.
 */
export type Patch = {
  readonly box: Box;
  readonly pixels: Uint8Array;
  readonly covers?: Uint8Array;
  readonly marks?: Uint8Array;
};

/**
 * `patches`: noise is drawn only for the pixels that show it. `reference`: first one value for every pixel of the image,
 * then the boxes, as the authors' code does. The distribution is the same (pixels are independent), the stream is not.
 */
export type DrawOrder = "patches" | "reference";

/** Noise is uniform over 0..254: the reference's upper bound 255 is exclusive, so 255 never occurs. */
export const noiseEnd = 255;
/** How many patches an image has at most. */
export const mostPatches = 4;
const mostTries = 200;

/**
 * The noise patches of one image of `size` x `size` pixels, later ones over earlier ones.
 * Throws `LoupeError("config")` below 20 pixels, where every box would be empty.
 */
export function drawPatches(
  random: Random,
  size: number,
  order: DrawOrder = "patches",
  isBackground?: IsBackground,
): Patch[] {
  if (size < 20) {
    throw new LoupeError("config", `white noise: needs images of at least 20 pixels, got ${size}`);
  }
  if (order === "reference") return drawAsReference(random, size, isBackground);
  const patches: Patch[] = [];
  const count = random.int(0, mostPatches + 1);
  for (let i = 0; i < count; i++) {
    const box = drawBox(random, size, isBackground);
    if (!box) continue;
    const pixels = new Uint8Array((box.bottom - box.top) * (box.right - box.left) * 3);
    random.fill(pixels, 0, noiseEnd);
    patches.push({ box, pixels });
  }
  return patches;
}

function drawAsReference(random: Random, size: number, isBackground?: IsBackground): Patch[] {
  const noise = new Uint8Array(size * size * 3);
  random.fill(noise, 0, noiseEnd);
  const whole = { top: 0, left: 0, rows: size, columns: size, channels: 3, data: noise };
  const count = random.int(0, mostPatches + 1);
  const boxes = Array.from({ length: count }, () => drawBox(random, size, isBackground));
  return boxes
    .filter((box) => box !== undefined)
    .map((box) => ({ box, pixels: cut(whole, box).data }));
}

/** The range `[low, high)` of half sides for images of this size. */
export function halfSides(size: number): [low: number, high: number] {
  return [Math.floor(size / 40), Math.floor(size / 10)];
}

/** One box, from four draws: half height, half width, centre row, centre column. */
export function drawBox(
  random: Random,
  size: number,
  isBackground?: IsBackground,
): Box | undefined {
  const [smallest, largest] = halfSides(size);
  for (let tries = 0; tries < mostTries; tries++) {
    const halfHeight = random.int(smallest, largest);
    const halfWidth = random.int(smallest, largest);
    const row = random.int(halfHeight, size - halfHeight);
    const column = random.int(halfWidth, size - halfWidth);
    if (isBackground?.(row, column)) continue;
    return {
      top: row - halfHeight,
      left: column - halfWidth,
      bottom: row + halfHeight,
      right: column + halfWidth,
    };
  }
  return undefined;
}

/** Writes what the patches show of an RGB window into it. */
export function paintPatches(target: Window, patches: readonly Patch[]): void {
  for (const { box, pixels, covers } of patches) {
    eachRow(target, box, (from, to, count) => {
      if (!covers) target.data.set(pixels.subarray(from * 3, (from + count) * 3), to * 3);
      for (let i = 0; covers && i < count; i++) {
        if (covers[from + i] === 0) continue;
        const pixel = (from + i) * 3;
        target.data.set(pixels.subarray(pixel, pixel + 3), (to + i) * 3);
      }
    });
  }
}

/** Writes 255 into a one-channel window where the patches show and count as abnormal, 0 where they only show. */
export function paintMask(target: Window, patches: readonly Patch[]): void {
  for (const { box, covers, marks } of patches) {
    eachRow(target, box, (from, to, count) => {
      if (!covers && !marks) target.data.fill(255, to, to + count);
      for (let i = 0; (covers || marks) && i < count; i++) {
        if (covers?.[from + i] === 0) continue;
        target.data[to + i] = marks?.[from + i] === 0 ? 0 : 255;
      }
    });
  }
}

/** The rows of a box that a window shows: first pixel in the box, first pixel in the window, how many. */
function eachRow(
  target: Window,
  box: Box,
  visit: (from: number, to: number, count: number) => void,
): void {
  const seen = overlap(target, box);
  if (!seen) return;
  for (let y = seen.top; y < seen.bottom; y++) {
    const from = (y - box.top) * (box.right - box.left) + seen.left - box.left;
    const to = (y - target.top) * target.columns + seen.left - target.left;
    visit(from, to, seen.right - seen.left);
  }
}

function overlap(window: Window, box: Box): Box | undefined {
  const top = Math.max(box.top, window.top);
  const left = Math.max(box.left, window.left);
  const bottom = Math.min(box.bottom, window.top + window.rows);
  const right = Math.min(box.right, window.left + window.columns);
  return top < bottom && left < right ? { top, left, bottom, right } : undefined;
}
