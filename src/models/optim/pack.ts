/**
 * All parameters of an optimiser side by side in a few flat buffers (one, unless the adapter binds too little at once), and as
 * much memory for their gradients: so that one launch reaches all of them. Parameters stay the tensors they were, with
 * their names and shapes; only where they live changes.
 */
import { copyElements, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { type ChunkRange, chunkEntry, chunkSize } from "../../kernels/index.ts";

/** One flat buffer and what belongs to it. */
export interface Segment {
  readonly weights: Tensor;
  readonly grads: Tensor;
  /** Whose chunk it is: see `chunkEntry`. */
  readonly table: Tensor;
  readonly chunks: number;
}

/** Where a parameter lies. */
export interface Place {
  readonly param: Tensor;
  readonly segment: Segment;
  /** Its chunks in the segment; none where it has no elements. */
  readonly range: ChunkRange;
}

/** Chunks of one segment that belong to parameters taken together. */
export interface Run extends ChunkRange {
  readonly segment: Segment;
}

const owners = new WeakMap<Tensor, Pack>();

/** The pack a parameter lives in, if any. */
export function packOf(param: Tensor): Pack | undefined {
  return owners.get(param);
}

/** Most bytes of a flat buffer, where the adapter could bind more. */
const mostBytes = 2 ** 28;
const chunkBytes = 4 * chunkSize;

export class Pack {
  readonly places: readonly Place[];
  readonly segments: readonly Segment[];
  readonly #row = new Map<Tensor, number>();

  /** Moves the parameters together. They must be f32 and on one device. */
  constructor(params: readonly Tensor[]) {
    const { device } = params[0] as Tensor;
    const bound = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    const cuts = cut(params, Math.floor(Math.min(bound, mostBytes) / chunkBytes));
    const segments: Segment[] = [];
    const places: Place[] = [];
    this.segments = segments;
    this.places = places;
    try {
      for (const members of cuts) {
        const segment = makeSegment(members, params);
        segments.push(segment);
        for (const { row, range } of members) {
          places.push({ param: params[row] as Tensor, segment, range });
        }
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
    this.places.forEach(({ param, segment, range }, row) => {
      this.#row.set(param, row);
      owners.set(param, this);
      if (range.count === 0) return;
      const home = part(segment.weights, param, range);
      copyElements(param, home);
      param.moveTo(home);
      home.dispose();
      param.gradHome?.dispose(); // an older optimiser's
      param.gradHome = part(segment.grads, param, range).keep();
    });
  }

  /** The rows of some parameters, in order. Throws when one has moved to another optimiser. */
  rowsOf(op: string, params: readonly Tensor[]): number[] {
    return params
      .map((param) => {
        const row = this.#row.get(param) as number;
        if (owners.get(param) === this) return row;
        const next = "make one optimiser of all, or dispose() of the older one";
        throw new LoupeError(
          "config",
          `${op}: parameter ${row}, ${param}, belongs to a newer optimiser; ${next}`,
        );
      })
      .sort((a, b) => a - b);
  }

  /** Chunks of rows that follow each other, taken together. */
  runs(rows: readonly number[]): Run[] {
    const runs: { segment: Segment; first: number; count: number }[] = [];
    for (const row of rows) {
      const { segment, range } = this.places[row] as Place;
      const last = runs.at(-1);
      if (range.count === 0) continue;
      if (last?.segment === segment && last.first + last.count === range.first) {
        last.count += range.count;
      } else runs.push({ segment, ...range });
    }
    return runs;
  }

  /** A flat tensor of zeros beside each segment, for moments. */
  zeros(): Tensor[] {
    return this.segments.map((s) => zeros(s.weights, s.chunks));
  }

  /** True when the parameter's gradient lies where this pack keeps it. */
  holds({ grad, gradHome }: Tensor): boolean {
    return grad?.storage === gradHome?.storage && grad?.offset === gradHome?.offset;
  }

  /** Frees the gradients' memory; the parameters keep theirs. */
  dispose(): void {
    for (const { param } of this.places) {
      if (owners.get(param) !== this) continue;
      owners.delete(param);
      param.gradHome?.dispose();
      param.gradHome = undefined;
    }
    for (const { weights, grads, table } of this.segments) {
      for (const tensor of [weights, grads, table]) tensor.dispose();
    }
  }
}

interface Member {
  readonly row: number;
  readonly range: ChunkRange;
}

/** Which parameters share a segment of at most so many chunks, and where in it. */
function cut(params: readonly Tensor[], most: number): Member[][] {
  const cuts: Member[][] = [[]];
  let used = 0;
  params.forEach((param, row) => {
    const count = Math.ceil(param.size / chunkSize);
    if (used + count > most && used > 0) {
      cuts.push([]);
      used = 0;
    }
    cuts.at(-1)?.push({ row, range: { first: used, count } });
    used += count;
  });
  return cuts;
}

function makeSegment(members: readonly Member[], params: readonly Tensor[]): Segment {
  const { device } = params[0] as Tensor;
  const chunks = members.reduce((sum, { range }) => sum + range.count, 0);
  const table = new Uint32Array(Math.max(1, chunks));
  for (const { row, range } of members) {
    const { size } = params[row] as Tensor;
    for (let k = 0; k < range.count; k++) {
      const left = Math.min(chunkSize, size - k * chunkSize);
      table[range.first + k] = chunkEntry(row, left);
    }
  }
  const made: Tensor[] = [];
  const keep = (tensor: Tensor): Tensor => {
    made.push(tensor);
    return tensor.keep();
  };
  try {
    const like = params[0] as Tensor;
    return {
      weights: keep(zeros(like, chunks)),
      grads: keep(zeros(like, chunks)),
      table: keep(device.tensor(table, [table.length])),
      chunks,
    };
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  }
}

function zeros({ device }: Tensor, chunks: number): Tensor {
  return device.zeros([Math.max(1, chunks) * chunkSize]).keep();
}

/** The part of a flat tensor that belongs to a parameter. */
export function part(flat: Tensor, param: Tensor, { first }: ChunkRange): Tensor {
  return flat.view(param.shape, first * chunkBytes);
}
