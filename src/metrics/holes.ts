/**
 * The holes that scikit-image's `image_filled` fills: pixels of a region's bounding box that no 8-connected path outside
 * the region joins to the outside of the box. Needed only for parity with CDO 2023's overlap.
 */
import type { Regions } from "./components.ts";
import type { Pixels } from "./pixels.ts";

/** A pixel, counted over all images, that lies in a hole of a region; nested regions can share one. */
export interface HolePixel {
  readonly pixel: number;
  readonly region: number;
}

interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

export function holesOf(pixels: Pixels, regions: Regions): HolePixel[] {
  const { width, height } = pixels;
  const found: HolePixel[] = [];
  for (const [region, box] of boxes(pixels, regions)) {
    // A hole has the region on all sides, so the box is at least 3 x 3.
    if (box.bottom - box.top < 2 || box.right - box.left < 2) continue;
    const origin = Math.floor(box.top / height) * height * width;
    const local = { ...box, top: box.top % height, bottom: box.bottom % height };
    for (const inBox of enclosed(regions.of, origin, width, local, region)) {
      found.push({ pixel: inBox, region });
    }
  }
  return found;
}

/** Bounding boxes by region, rows counted over all images. */
function boxes({ width }: Pixels, regions: Regions): Map<number, Box> {
  const all = new Map<number, Box>();
  for (let i = 0; i < regions.of.length; i++) {
    const region = regions.of[i]!;
    if (region === 0) continue;
    const x = i % width;
    const y = (i - x) / width;
    const box = all.get(region);
    if (box === undefined) {
      all.set(region, { top: y, bottom: y, left: x, right: x });
    } else {
      box.bottom = y;
      if (x < box.left) box.left = x;
      if (x > box.right) box.right = x;
    }
  }
  return all;
}

/** Pixels in the box outside `region` that a flood from the box's rim doesn't reach. */
function enclosed(
  of: Uint32Array,
  origin: number,
  width: number,
  box: Box,
  region: number,
): number[] {
  const w = box.right - box.left + 1;
  const h = box.bottom - box.top + 1;
  const pixelAt = (at: number) => {
    return origin + (box.top + Math.floor(at / w)) * width + box.left + (at % w);
  };
  const closed = Uint8Array.from({ length: w * h }, (_, at) =>
    of[pixelAt(at)] === region ? 1 : 0,
  );
  const stack: number[] = [];
  const visit = (x: number, y: number) => {
    if (x < 0 || y < 0 || x >= w || y >= h || closed[y * w + x] !== 0) return;
    closed[y * w + x] = 1;
    stack.push(y * w + x);
  };
  for (let x = 0; x < w; x++) for (const y of [0, h - 1]) visit(x, y);
  for (let y = 0; y < h; y++) for (const x of [0, w - 1]) visit(x, y);
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const x = at % w;
    const y = (at - x) / w;
    for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) visit(x + dx, y + dy);
  }
  const holes: number[] = [];
  for (let at = 0; at < closed.length; at++) if (closed[at] === 0) holes.push(pixelAt(at));
  return holes;
}
