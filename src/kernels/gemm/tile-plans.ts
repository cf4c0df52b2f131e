/**
 * Which tile fits a product: the one that wastes least, reuses most and fills the device. Sums are split into parts where there
 * would be too few workgroups; a second pass adds the parts in a fixed order.
 */
import type { Caps, Plan } from "../caps.ts";

/** By tiles in workgroup memory (see tiled.ts). */
export interface TiledPlan extends Plan {
  readonly kind: "tiled";
  /** Rows and columns of C that a workgroup computes, and of these a thread. */
  readonly tileM: number;
  readonly tileN: number;
  readonly threadM: number;
  readonly threadN: number;
  /** Parts into which the sums are split. */
  readonly parts: number;
}

/** The size of a product: `batches` matrices of `m` × `n`, sums of `depth`. */
export interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly batches: number;
  readonly depth: number;
}

/** Elements of the summed axis that lie in workgroup memory at once. */
export const tileDepth = 16;

interface Tile {
  readonly tileM: number;
  readonly tileN: number;
  readonly threadM: number;
  readonly threadN: number;
  /** Speed of a full device, relative to the largest: what a thread reuses of each element it reads. */
  readonly speed: number;
}

const tiles: readonly Tile[] = [
  { tileM: 128, tileN: 128, threadM: 8, threadN: 8, speed: 1 },
  { tileM: 128, tileN: 64, threadM: 8, threadN: 4, speed: 0.9 },
  { tileM: 64, tileN: 64, threadM: 4, threadN: 4, speed: 0.7 },
  { tileM: 128, tileN: 32, threadM: 8, threadN: 4, speed: 0.75 },
  { tileM: 32, tileN: 32, threadM: 4, threadN: 4, speed: 0.45 },
];

/** Threads that keep a large GPU busy: about five hundred on each of its hundred processors, for each has many sums under way. */
const busyThreads = 65_536;
/** A part sums at least this many products. */
const leastPart = 256;
/** Bytes that partial sums may take. */
const partialRoom = 64 * 2 ** 20;

/** Bytes of workgroup memory that a tile takes: both blocks, rows padded by a vector. */
export function tileBytes({ tileM, tileN }: Pick<Tile, "tileM" | "tileN">): number {
  return tileDepth * (tileM + tileN + 8) * 4;
}

/** Threads of a tile's workgroup. */
export function tileThreads(t: Pick<Tile, "tileM" | "tileN" | "threadM" | "threadN">): number {
  return (t.tileM / t.threadM) * (t.tileN / t.threadN);
}

/** Tiled plans for a product, best guess first. */
export function tiledPlans(size: ProductSize, caps: Caps): readonly TiledPlan[] {
  const fits = (t: Tile) =>
    tileBytes(t) <= caps.workgroupMemory && tileThreads(t) <= caps.workgroupThreads;
  return tiles
    .filter(fits)
    .map((tile) => ({ tile, ...judged(tile, size) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ tile: { speed: _, ...tile }, parts }) => {
      return { name: `tile${tile.tileM}x${tile.tileN}`, kind: "tiled", ...tile, parts };
    });
}

function judged(
  tile: Tile,
  { m, n, batches, depth }: ProductSize,
): { cost: number; parts: number } {
  const workgroups = Math.ceil(m / tile.tileM) * Math.ceil(n / tile.tileN) * batches;
  const threads = workgroups * tileThreads(tile);
  const wanted = Math.ceil(busyThreads / threads);
  const room = Math.floor(partialRoom / (4 * m * n * batches));
  const parts = Math.max(1, Math.min(wanted, room, Math.floor(depth / leastPart)));
  const useful = (m * n * batches * parts) / (tile.threadM * tile.threadN);
  const filled = Math.min(1, useful / busyThreads);
  const work = workgroups * tile.tileM * tile.tileN;
  return { cost: (work / (tile.speed * filled)) * (parts > 1 ? 1.05 : 1), parts };
}
