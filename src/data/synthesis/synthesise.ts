/**
 * Turns the white-noise patches of the reference into anomalies of a given difficulty, in this order: number and size, texture,
 * shape, colour, opacity, guard. Works at the size at which patches are painted and looks only at what they cover.
 */
import type { Box } from "../image.ts";
import type { IsBackground, Patch } from "../patches.ts";
import type { Random } from "../random.ts";
import { arrange } from "./arrange.ts";
import type { Cut } from "./pieces.ts";
import { drawShape } from "./shape.ts";
import { drawStrengths, type Streams, type Strengths } from "./strength.ts";
import type { Opacity, Survival, Synthesis } from "./synthesis.ts";
import { type Fill, fillOf } from "./textures.ts";

/** The image that is painted on, `side` x `side` pixels. */
export interface Ground {
  readonly side: number;
  readonly cut: Cut;
  readonly isBackground: IsBackground | undefined;
}

/** A channel that differs by more than this makes a pixel abnormal. */
const leastDifference = 3;

/** New patches for those that were drawn, and how much of them counts. Patches of which nothing counts are left out. */
export function synthesise(
  drawn: readonly Patch[],
  ground: Ground,
  synthesis: Synthesis,
  streams: Streams,
): { patches: Patch[]; survival: Survival } {
  const strengths = drawStrengths(synthesis, streams);
  const { side, cut, isBackground } = ground;
  const places = arrange(drawn, { side, synthesis, strengths, streams, isBackground });
  const patches: Patch[] = [];
  let [painted, survived] = [0, 0];
  if (places.length === 0) return { patches, survival: { painted, survived } };
  const source = { side, cut, streams };
  const fill = lazily(() => fillOf(synthesis.texture, strengths.texture, source));
  for (const [i, { box, pixels }] of places.entries()) {
    if (box.top === box.bottom || box.left === box.right) continue;
    const keeps = pixels && (synthesis.texture?.kind ?? "normal") === "normal";
    const texture = keeps ? { pixels, plain: true } : fill(box, i);
    const patch = finish(texture, box, { synthesis, strengths, shapes: streams("shape", i), cut });
    const covered = countOnes(patch.covers, texture.pixels.length / 3);
    const counted = countOnes(patch.marks, covered);
    painted += covered;
    survived += counted;
    if (counted > 0) patches.push(patch);
  }
  return { patches, survival: { painted, survived } };
}

interface Finishing {
  readonly synthesis: Synthesis;
  readonly strengths: Strengths;
  readonly shapes: Random;
  readonly cut: Cut;
}

/** One patch from its texture. */
function finish(
  { pixels, plain }: ReturnType<Fill>,
  box: Box,
  { synthesis, strengths, shapes, cut }: Finishing,
): Patch {
  const shaped = synthesis.shape && shapes.uniform() < strengths.shape;
  const covers = shaped ? drawShape(shapes, box.bottom - box.top, box.right - box.left) : undefined;
  const cover = covers ? { covers } : {};
  const alpha = opacityOf(synthesis.opacity, strengths.opacity);
  const colour = synthesis.colour ? strengths.colour : 0;
  const guarded = synthesis.guard ?? true;
  if (plain && alpha === 0 && colour === 0) return { box, pixels, ...cover };
  const { data: under } = cut(box);
  const painted = pixels.slice();
  if (colour > 0) matchColour(painted, under, covers, colour);
  if (alpha > 0) blend(painted, under, alpha);
  const marks = guarded ? differing(painted, under, covers) : undefined;
  return { box, pixels: painted, ...cover, ...(marks ? { marks } : {}) };
}

/** α: the share of the image that shines through. */
export function opacityOf(opacity: Opacity | undefined, s: number): number {
  if (!opacity) return 0;
  return (opacity.most ?? 0.6) * s ** (opacity.exponent ?? 4);
}

function blend(pixels: Uint8Array, under: Uint8Array, alpha: number): void {
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = Math.round((1 - alpha) * pixels[i]! + alpha * under[i]!);
  }
}

/** (1 − s) · v + s · (μ + σ · z) in each channel: μ, σ of what is covered, z what is painted, standardised. */
function matchColour(
  pixels: Uint8Array,
  under: Uint8Array,
  covers: Uint8Array | undefined,
  s: number,
): void {
  for (let c = 0; c < 3; c++) {
    const own = momentsOf(pixels, c, covers);
    const aim = momentsOf(under, c, covers);
    const stretch = own.deviation > 0 ? aim.deviation / own.deviation : 0;
    for (let i = c; i < pixels.length; i += 3) {
      const v = pixels[i]!;
      const matched = aim.mean + stretch * (v - own.mean);
      pixels[i] = Math.max(0, Math.min(255, Math.round((1 - s) * v + s * matched)));
    }
  }
}

function momentsOf(pixels: Uint8Array, channel: number, covers: Uint8Array | undefined) {
  let [count, sum, squares] = [0, 0, 0];
  for (let i = channel, k = 0; i < pixels.length; i += 3, k++) {
    if (covers?.[k] === 0) continue;
    const v = pixels[i]!;
    count++;
    sum += v;
    squares += v * v;
  }
  const mean = sum / count;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}

/** One byte per pixel, 1 where a covered pixel differs enough; undefined where all do. */
function differing(
  pixels: Uint8Array,
  under: Uint8Array,
  covers: Uint8Array | undefined,
): Uint8Array | undefined {
  const marks = new Uint8Array(pixels.length / 3);
  let all = true;
  for (let i = 0, k = 0; k < marks.length; i += 3, k++) {
    if (covers?.[k] === 0) continue;
    const most = Math.max(
      Math.abs(pixels[i]! - under[i]!),
      Math.abs(pixels[i + 1]! - under[i + 1]!),
      Math.abs(pixels[i + 2]! - under[i + 2]!),
    );
    if (most > leastDifference) marks[k] = 1;
    else all = false;
  }
  return all ? undefined : marks;
}

function countOnes(bytes: Uint8Array | undefined, otherwise: number): number {
  return bytes ? bytes.reduce((sum, v) => sum + v, 0) : otherwise;
}

/** Made when the first patch asks: an image without patches needs no texture. */
function lazily(make: () => Fill): Fill {
  let made: Fill | undefined;
  return (box, patch) => {
    made ??= make();
    return made(box, patch);
  };
}
