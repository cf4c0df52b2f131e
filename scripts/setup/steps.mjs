/** The steps of setup in their order, and what they say. */
import { ensureAdapter } from "./adapter.mjs";
import { ensurePackages } from "./packages.mjs";

/** Runs every step; returns the exit code. */
export async function setup() {
  if (!ensurePackages()) return 1;
  if (process.platform !== "linux") {
    console.log("setup: ready");
    return 0;
  }
  const adapter = ensureAdapter();
  if (!adapter) return 1;
  const kind = adapter.software ? "a software adapter: right, but slow" : "a hardware adapter";
  console.log(`setup: ready, WebGPU runs on ${adapter.name} (${kind})`);
  return 0;
}
