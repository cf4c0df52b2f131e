/**
 * Scopes own tensors: what an op makes belongs to the innermost open scope and is freed with it, unless it is returned or
 * kept. Tensors made outside every scope are the caller's; they remember where they were made, so that a leak has a name.
 */
import { LoupeError } from "../error.ts";
import { formatBytes } from "./memory.ts";
import type { Tensor } from "./tensor.ts";

/** A tensor that nobody owns: made outside every scope, neither kept nor disposed. */
export interface Leak {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly bytes: number;
  /** The line that made it. */
  readonly site: string;
  /** True when the tensor object was already collected; its memory was reclaimed then. */
  readonly collected: boolean;
}

export class Scopes {
  readonly #open: Set<Tensor>[] = [];
  readonly #loose = new Map<number, Leak>();
  readonly #lost: Leak[] = [];
  readonly #registry = new FinalizationRegistry<{ id: number; release: () => void }>((held) => {
    const leak = this.#loose.get(held.id);
    if (!leak) return;
    this.#loose.delete(held.id);
    if (this.#lost.length < 100) this.#lost.push({ ...leak, collected: true });
    held.release();
  });

  /** Gives a new tensor its owner. */
  adopt(tensor: Tensor): void {
    const owner = this.#open.at(-1);
    if (owner) owner.add(tensor);
    else this.#setLoose(tensor);
  }

  #setLoose(tensor: Tensor): void {
    const { shape, dtype, bytes, id } = tensor;
    this.#loose.set(id, { shape, dtype, bytes, site: callSite(), collected: false });
    this.#watch(tensor);
  }

  #watch(tensor: Tensor): void {
    const { memory } = tensor.device;
    const { storage, id } = tensor;
    this.#registry.register(tensor, { id, release: () => memory.release(storage) }, tensor);
  }

  /** Follows a tensor that nobody owns to its new memory. */
  moved(tensor: Tensor): void {
    if (!this.#loose.has(tensor.id)) return;
    this.#registry.unregister(tensor);
    this.#watch(tensor);
  }

  /** Takes a tensor out of every scope. */
  keep(tensor: Tensor): void {
    this.forget(tensor);
    tensor.device.recording?.keep(tensor);
  }

  forget(tensor: Tensor): void {
    for (const owner of this.#open) owner.delete(tensor);
    if (this.#loose.delete(tensor.id)) this.#registry.unregister(tensor);
  }

  /** Runs `fn`; frees every tensor it made except those in its result, which go to the surrounding scope. */
  run<T>(fn: () => T): T {
    const owned = new Set<Tensor>();
    this.#open.push(owned);
    let survivors = new Set<unknown>();
    try {
      const result = fn();
      if (result instanceof Promise) {
        result.catch(() => {}); // what went wrong is told below
        throw new LoupeError(
          "memory",
          "scope: the function must not be async; read results after the scope",
        );
      }
      survivors = tensorsIn(result);
      return result;
    } finally {
      this.#open.splice(this.#open.indexOf(owned), 1);
      for (const tensor of owned) {
        if (!survivors.has(tensor)) tensor.dispose();
        else if (!tensor.disposed) this.adopt(tensor);
      }
    }
  }

  /** Tensors that nobody owns, with the line that made each. */
  leaks(): Leak[] {
    return [...this.#lost, ...this.#loose.values()];
  }
}

/** The leak report as text, one line each, largest first. */
export function formatLeaks(leaks: readonly Leak[]): string {
  if (leaks.length === 0) return "no leaked tensors";
  const lines = [...leaks]
    .sort((a, b) => b.bytes - a.bytes)
    .map((l) => {
      const end = l.collected ? " (collected and reclaimed)" : "";
      return `  ${formatBytes(l.bytes)}  ${l.dtype} [${l.shape.join(", ")}]  made at ${l.site}${end}`;
    });
  return [`${leaks.length} leaked tensors:`, ...lines].join("\n");
}

/** Every tensor inside a value: itself, or in arrays, maps, sets and objects. */
function tensorsIn(value: unknown, seen = new Set<unknown>()): Set<unknown> {
  if (value === null || typeof value !== "object" || seen.has(value)) return seen;
  seen.add(value);
  if (("dtype" in value && "dispose" in value) || ArrayBuffer.isView(value)) return seen;
  const inner =
    value instanceof Map || value instanceof Set ? value.values() : Object.values(value);
  for (const item of inner) tensorsIn(item, seen);
  return seen;
}

/** The first line of the stack outside this room. */
export function callSite(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  const lines = (new Error().stack ?? "").split("\n").slice(1);
  Error.stackTraceLimit = limit;
  const outside = lines.find((line) => !/[\\/](src|dist)[\\/](core|models)[\\/]/.test(line));
  return (outside ?? lines.at(-1) ?? "unknown").trim().replace(/^at /, "");
}
