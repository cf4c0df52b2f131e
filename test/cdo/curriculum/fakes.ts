/** A method for hooks to look at: images of one row of pixels, and a network whose skill a test decides. */
import type { EpochPosition, Surroundings } from "../../../src/cdo/curriculum/hook.ts";
import type { Device, Tensor } from "../../../src/core/index.ts";
import type { Batch, Sample, Synthesis } from "../../../src/data/index.ts";

/** Pixels of an image; the first 20 are abnormal where anything is painted. */
const pixels = 40;
const abnormal = 20;

export interface Look {
  readonly places: readonly number[];
  readonly synthesis: Synthesis | undefined;
  readonly key: number;
}

export interface FakeOptions {
  /** Pixel AUROC at some anomalies, a multiple of 1/20. */
  readonly skill: (synthesis: Synthesis | undefined) => number;
  readonly labels?: readonly number[];
  readonly seed?: number;
  /** Whether anything is painted, and how much of it counts as abnormal. */
  readonly painted?: (look: Look) => boolean;
  readonly survives?: boolean;
}

/** Remembers what was looked at. */
export function fakeSurroundings(options: FakeOptions) {
  const { skill, labels = [0, 0, 0, 0], seed = 1, painted = () => true, survives = true } = options;
  const looks: Look[] = [];
  let now = 0;
  const samples = labels.map((label, i) => ({ path: `${i}.png`, label })) as unknown as Sample[];
  async function* probe(places: readonly number[], synthesis: Synthesis | undefined, key: number) {
    const look = { places, synthesis, key };
    looks.push(look);
    now = skill(synthesis);
    for (const place of places) yield batchOf(place, painted(look), survives);
  }
  const around = {
    device: {
      tensor: (data: Float32Array) => data,
      read: async (fn: () => readonly Float32Array[]) => fn(),
    } as unknown as Device,
    set: { samples, seed, clean: () => probe([], undefined, 0), probe },
    features: () => [],
    discrepancy: () => mapOf(now) as unknown as Tensor,
  } satisfies Surroundings;
  return { around, looks };
}

/** A share of the abnormal pixels above all normal ones, the rest below: that share is the AUROC. */
function mapOf(auroc: number): Float32Array {
  const found = Math.round(auroc * abnormal);
  return Float32Array.from({ length: pixels }, (_, i) => (i < found ? 2 : i < abnormal ? 0 : 1));
}

function batchOf(place: number, painted: boolean, survives: boolean): Batch {
  const count = painted ? abnormal : 0;
  return {
    size: 1,
    side: 1,
    images: new Float32Array(3 * pixels),
    masks: Float32Array.from({ length: pixels }, (_, i) => (i < count && survives ? 0.5 : 0)),
    labels: Uint8Array.of(0),
    paths: [`${place}.png`],
    indices: Uint32Array.of(place),
    synthetic: { painted: count, survived: survives ? count : 0 },
  };
}

export function positions(epochs: number, progress: "full" | "fork" = "full"): EpochPosition[] {
  const last = progress === "fork" ? epochs : Math.max(1, epochs - 1);
  return Array.from({ length: epochs }, (_, epoch) => ({ epoch, epochs, t: epoch / last }));
}
