/** What `loupe weights show` prints: the names, shapes and sizes of a checkpoint, as data. */
import type { Checkpoint } from "./checkpoint.ts";
import type { HostDType } from "./tensor.ts";

/** A checkpoint at a glance. */
export interface CheckpointSummary {
  readonly name: string;
  readonly format: Checkpoint["format"];
  readonly path: string;
  readonly stripped: readonly string[];
  readonly part: Checkpoint["part"];
  readonly tensors: readonly {
    readonly name: string;
    readonly dtype: HostDType;
    readonly shape: readonly number[];
    readonly elements: number;
  }[];
  /** Elements of everything that is trained: all but BatchNorm's running statistics and counters. */
  readonly parameters: number;
  /** Elements of everything. */
  readonly elements: number;
  readonly bytes: number;
  readonly skipped: Checkpoint["skipped"];
  readonly beside: Checkpoint["beside"];
  readonly metadata: Checkpoint["metadata"];
}

const buffer = /(?:^|\.)(?:running_mean|running_var|num_batches_tracked)$/;

/** Summarises a checkpoint, tensors in the file's order. */
export function showCheckpoint(checkpoint: Checkpoint): CheckpointSummary {
  const { state, ...rest } = checkpoint;
  const tensors = [...state].map(([name, t]) => ({
    name,
    dtype: t.dtype,
    shape: t.shape,
    elements: t.data.length,
  }));
  const sum = (list: typeof tensors) => list.reduce((n, t) => n + t.elements, 0);
  return {
    ...rest,
    tensors,
    parameters: sum(tensors.filter((t) => !buffer.test(t.name))),
    elements: sum(tensors),
    bytes: [...state.values()].reduce((n, t) => n + t.data.byteLength, 0),
  };
}
