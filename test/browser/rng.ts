/** The same stream of random numbers in a browser as in Node, on its GPU as on its host. */
import { openDevice, Rng } from "../../src/core/index.ts";

const check = (good: boolean, text: string) => {
  if (!good) throw new Error(text);
};

const node = "[0.6129598617553711,0.4685865044593811,0.07323169708251953,5437043711178204]";

export const tests: Record<string, () => Promise<void>> = {
  "a seed gives the numbers it gives in Node": async () => {
    const [a, b, c] = new Rng(42).uniformHost(3);
    const fork = new Rng(42).fork("noise").seed;
    const got = JSON.stringify([a, b, c, fork]);
    check(got === node, `got ${got}, Node gives ${node}`);
  },

  "uniform and whole numbers on the GPU are the host's bits, normal ones within 16 units":
    async () => {
      const device = await openDevice({ onWarning: () => {} });
      const n = 20_001;
      const [u, i, z] = await device.read(() => [
        new Rng(7, 3).uniform(device, [n]),
        new Rng(7, 3).integers(device, [n], -5, 1000),
        new Rng(7, 4).normal(device, [n]),
      ]);
      device.close();
      const [hu, hi, hz] = [
        new Rng(7, 3).uniformHost(n),
        new Rng(7, 3).integersHost(n, -5, 1000),
        new Rng(7, 4).normalHost(n),
      ];
      check(u!.every((v, k) => v === hu[k]) && i!.every((v, k) => v === hi[k]), "other bits");
      const far = hz.reduce((worst, v, k) => Math.max(worst, Math.abs(z![k]! / v - 1)), 0);
      check(far <= 16 * 2 ** -23, `normal numbers are ${far} off`);
    },
};
