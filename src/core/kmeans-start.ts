/** The rows that k-means begins with: k-means++, see kernels/kmeans.ts. */
import { startChooseKernel, startDistancesKernel } from "../kernels/index.ts";
import { launch } from "./launch.ts";
import { indexSelect } from "./ops/index.ts";
import type { Rng } from "./rng.ts";
import type { Tensor } from "./tensor.ts";

/** So many rows of x `[P, D]`, far from each other: `[clusters, D]`. */
export function startRows(x: Tensor, clusters: number, rng: Rng): Tensor {
  const { device } = x;
  const [rows, k] = x.shape as [number, number];
  const trials = 2 + Math.floor(Math.log(clusters)); // as scikit-learn
  return device.scope(() => {
    const [first] = rng.integersHost(1, 0, rows);
    const u = rng.uniform(device, [clusters, trials]);
    const candidates = device.tensor(new Int32Array(trials).fill(first as number), [trials]);
    const centres = device.empty([clusters], "i32");
    const nearest = device.full([rows], 3e38);
    const distances = device.empty([trials, rows]);
    const spec = startDistancesKernel({ rows, k, trials });
    for (let centre = 0; centre < clusters; centre++) {
      launch(spec, [x, nearest, candidates], [distances]);
      const choose = startChooseKernel({ rows, trials, centre });
      launch(choose, [distances, u], [nearest, candidates, centres]);
    }
    return indexSelect(x, 0, centres);
  });
}
