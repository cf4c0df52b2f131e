/** How long work takes on the GPU. It is recorded and replayed, so that small kernels are not hidden behind the host that sends them. */
import type { Device } from "./device.ts";
import { program } from "./program.ts";

/** Measures one piece of work, as often as asked. */
export interface Stopwatch extends Disposable {
  /** Milliseconds of the work, once more. */
  lap(): Promise<number>;
}

/** Makes a stopwatch for work that has run before, so that its kernels are compiled. */
export type Timer = (device: Device, work: () => void) => Promise<Stopwatch>;

/** A wait for the GPU costs about a tenth of a millisecond, so short work is repeated until it takes this many. */
const leastLap = 5;
const mostRepeats = 200;

/** Times by the clock of the host, from sending to done. */
export const gpuTimer: Timer = async (device, work) => {
  const once = stopwatch(device, work, 1);
  await once.lap();
  const guess = await once.lap();
  const repeats = Math.min(mostRepeats, Math.ceil(leastLap / Math.max(guess, 1e-3)));
  if (repeats === 1) return once;
  once[Symbol.dispose]();
  const often = stopwatch(device, work, repeats);
  await often.lap();
  await often.lap(); // the second run of a program compares its recordings
  return often;
};

function stopwatch(device: Device, work: () => void, repeats: number): Stopwatch {
  const run = program(device, () => {
    for (let i = 0; i < repeats; i++) device.scope(work);
    return [];
  });
  return {
    async lap() {
      const start = performance.now();
      run();
      await device.settle();
      return (performance.now() - start) / repeats;
    },
    [Symbol.dispose]: () => run.dispose(),
  };
}

interface Race {
  readonly rounds: number;
  /** Milliseconds after which no round begins; two are always made. */
  readonly budget: number;
  readonly isOver: () => boolean;
  readonly onLap: (name: string) => void;
}

/** Least milliseconds of each, timed in turns, so that what else the machine does hits all alike. Those far behind drop out. */
export async function race(
  watches: ReadonlyMap<string, Stopwatch>,
  { rounds, budget, isOver, onLap }: Race,
): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  const start = performance.now();
  for (let round = 0; round < rounds && !isOver(); round++) {
    if (round > 1 && performance.now() - start > budget) break;
    for (const [name, watch] of watches) {
      const best = times[name];
      if (best && best > 2 * Math.min(...Object.values(times))) continue;
      onLap(name);
      times[name] = Math.min(best ?? Number.POSITIVE_INFINITY, await watch.lap());
    }
  }
  return times;
}
