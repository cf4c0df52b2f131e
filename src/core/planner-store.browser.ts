/** The browser's twin of `planner-store.node.ts`: local storage, where the page has any (a worker has none). */
import { LoupeError } from "../error.ts";

export function planPlace(name: string): string | undefined {
  return storage() && `tensorloupe/${name}`;
}

export function readPlans(place: string, most: number): string | undefined {
  const text = storage()?.getItem(place) ?? undefined;
  if (text !== undefined && text.length > most) {
    const size = `${text.length} characters, at most ${most} are read`;
    throw new LoupeError("io", `${place}: has ${size}`);
  }
  return text;
}

export function writePlans(place: string, text: string): void {
  try {
    storage()?.setItem(place, text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("io", `${place}: cannot be kept: ${reason}`, { cause });
  }
}

/** Undefined in a worker, and where the user forbids it: asking for it throws then. */
function storage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}
