/** Memory of what lies between: freed at once where no gradient needs it. */
import { isGradEnabled, type Tensor } from "../../core/index.ts";

/** Runs `fn` in a scope of its own unless gradients need what it makes. */
export function frugal<T>({ device }: Tensor, fn: () => T): T {
  return isGradEnabled() ? fn() : device.scope(fn);
}

/**
 * Runs steps one after the other. Without gradients nobody needs what lies between, so each result is freed as soon as the
 * next one is there; with gradients everything stays for `backward`.
 */
export function chain(x: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let y = x;
  for (const step of steps) {
    const next = frugal(x, () => step(y));
    if (!isGradEnabled() && y !== x && y !== next) y.dispose();
    y = next;
  }
  return y;
}
