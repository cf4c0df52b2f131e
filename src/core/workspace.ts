/**
 * The memory of recorded programs. What lies between a program's inputs and outputs lives from the first launch that touches it
 * to the last, so buffers are given out by lifetimes: largest first, into the smallest buffer that is free all that time. Runs
 * of programs never overlap, so all programs of a device share these buffers.
 */
import type { Memory, Storage } from "./memory.ts";

/** Something that needs memory from launch `first` to launch `last`, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where everything goes: sizes of the buffers, and which buffer each lifetime has. */
export interface Placement {
  readonly sizes: readonly number[];
  readonly slotOf: readonly number[];
}

/** Places lifetimes into buffers; those of `existing` sizes are used first. */
export function place(items: readonly Lifetime[], existing: readonly number[] = []): Placement {
  const sizes = [...existing];
  const busy: Lifetime[][] = sizes.map(() => []);
  const slotOf = new Array<number>(items.length).fill(-1);
  const order = items.map((_, i) => i).sort((a, b) => bySize(items[a]!, items[b]!));
  for (const i of order) {
    const item = items[i]!;
    let best = -1;
    for (let s = 0; s < sizes.length; s++) {
      const size = sizes[s]!;
      if (size < item.bytes || (best >= 0 && size >= sizes[best]!)) continue;
      if (!busy[s]!.some((other) => item.first <= other.last && other.first <= item.last)) best = s;
    }
    if (best < 0) {
      best = sizes.push(item.bytes) - 1;
      busy.push([]);
    }
    busy[best]!.push(item);
    slotOf[i] = best;
  }
  return { sizes, slotOf };
}

function bySize(a: Lifetime, b: Lifetime): number {
  return b.bytes - a.bytes || a.first - b.first;
}

/** Most bytes that are needed at one launch: no placement can do with less. */
export function peakOf(items: readonly Lifetime[]): {
  readonly bytes: number;
  readonly at: number;
} {
  const changes = new Map<number, number>();
  const add = (at: number, bytes: number) => changes.set(at, (changes.get(at) ?? 0) + bytes);
  for (const { bytes, first, last } of items) {
    add(first, bytes);
    add(last + 1, -bytes);
  }
  let live = 0;
  let peak = { bytes: 0, at: 0 };
  for (const at of [...changes.keys()].sort((a, b) => a - b)) {
    live += changes.get(at) as number;
    if (live > peak.bytes) peak = { bytes: live, at };
  }
  return peak;
}

/** Bytes needed at one launch. */
export function liveAt(items: readonly Lifetime[], at: number): number {
  return items.reduce((sum, i) => sum + (i.first <= at && at <= i.last ? i.bytes : 0), 0);
}

/** The buffers that all programs of a device share. */
export class Workspace {
  readonly #memory: Memory;
  #slots: Storage[] = [];
  #users = 0;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  get bytes(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.bytes, 0);
  }

  /** A buffer for each lifetime. Missing ones are made. Counts one user, who calls `leave`. */
  enter(items: readonly Lifetime[]): Storage[] {
    const known = this.#slots.length;
    const { sizes, slotOf } = place(
      items,
      this.#slots.map((slot) => slot.bytes),
    );
    try {
      for (const bytes of sizes.slice(known)) {
        this.#slots.push(this.#memory.reserve(bytes, "the workspace of a program"));
      }
    } catch (error) {
      for (const slot of this.#slots.splice(known)) this.#memory.unreserve(slot);
      throw error;
    }
    this.#users++;
    return slotOf.map((slot) => this.#slots[slot] as Storage);
  }

  /** The last user frees everything. */
  leave(): void {
    if (--this.#users > 0) return;
    for (const slot of this.#slots.splice(0)) this.#memory.unreserve(slot);
  }
}
