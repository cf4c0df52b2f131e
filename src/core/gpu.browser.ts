/** WebGPU in a browser: `navigator.gpu`. */
import { LoupeError } from "../error.ts";

/** The platform's GPU entry point. A browser lets nobody choose an adapter by name. */
export function platformGpu(_adapter?: string): GPU {
  const gpu = globalThis.navigator?.gpu as GPU | undefined;
  if (!gpu)
    throw new LoupeError("device", `openDevice: this browser has no WebGPU; ${noAdapterHelp}`);
  return gpu;
}

/** What to do when there is no adapter. */
export const noAdapterHelp =
  "use a current Chrome, Edge, Firefox or Safari over https and turn on hardware acceleration";

/** A browser waits for the GPU without being asked. */
export function patiently<T>(work: Promise<T>): Promise<T> {
  return work;
}
