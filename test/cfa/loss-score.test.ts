/** Loss, its gradients and the score against the reference's, and by hand where the reference gives nothing. */
import { describe, expect, test } from "vitest";
import { cfaLoss, softminScore } from "../../src/cfa/index.ts";
import { cfaTerms } from "../../src/cfa/loss.ts";
import { backward, nearest, type Tensor } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import golden from "../fixtures/cfa/loss-score.json" with { type: "json" };
import { toNchw, toNhwc } from "../models/golden.ts";

const device = await testDevice();

type Four = readonly [number, number, number, number];
interface Case {
  loss: number;
  L_att: number;
  L_rep: number;
  grad_r: number;
  grad_phi: unknown[];
  sq_dist_top6: unknown[];
  score: unknown[];
}

const shape = golden.phi_shape as unknown as Four;
const [n, d, h, w] = shape;
const flat = (nested: readonly unknown[]) => (nested as number[][]).flat(9) as number[];
const options = { neighbours: golden.K, negatives: golden.J, nu: golden.nu, alpha: golden.alpha };

/** φ `[N, h, w, D]`. */
const goldenPhi = () => device.tensor(toNhwc(flat(golden.phi), shape), [n, h, w, d]);

/** C `[N, D]`. */
function goldenBank(): Tensor {
  const rows = golden.C.length;
  const columns = golden.C[0]!.length;
  const bank = Float32Array.from({ length: rows * columns }, (_, i) => {
    return golden.C[i % rows]![Math.floor(i / rows)]!;
  });
  return device.tensor(bank, [columns, rows]);
}

/** Beside them it says that the loss is 0 in evaluation. */
const cases = Object.entries(golden.cases as unknown as Record<string, Case>).filter(([name]) =>
  name.startsWith("r="),
);

describe("the golden patches and centres", () => {
  for (const [name, want] of cases) {
    const r = Number(name.slice(2));
    test(`${name}: loss, its terms, gradients and squares`, async () => {
      const phi = goldenPhi().keep().setRequiresGrad(true);
      const radius = device.full([1], r).keep().setRequiresGrad(true);
      const [squares, loss, near, far] = await device.read(() => {
        const found = nearest(phi, goldenBank(), 6, { squared: true, by: "product" }).values;
        const { attraction, repulsion } = cfaTerms(found, radius, options);
        const total = cfaLoss(found, radius, options);
        backward(total);
        return [found, total, attraction, repulsion as Tensor];
      });
      const near5 = { rtol: 1e-5, atol: 1e-6 };
      closeTo(squares!, flat(want.sq_dist_top6), near5);
      closeTo([loss![0]!, near![0]!, far![0]!], [want.loss, want.L_att, want.L_rep], near5);
      closeTo(await (radius.grad as Tensor).data(), [want.grad_r], near5);
      const grad = await (phi.grad as Tensor).data();
      closeTo(toNchw(grad, [n, h, w, d]), flat(want.grad_phi), { rtol: 1e-5, atol: 1e-5 });
      for (const t of [phi, radius, phi.grad, radius.grad]) t?.dispose();
    });
    test(`${name}: score`, async () => {
      const [score] = await device.read(() => {
        const found = nearest(goldenPhi(), goldenBank(), 3, { squared: true, by: "product" });
        return [softminScore(found.values)];
      });
      closeTo(score!, flat(want.score), { rtol: 1e-5, atol: 0 });
    });
  }
});

/** Loss and gradients of given squares. */
async function terms(squares: readonly number[], r: number, given: Partial<typeof options>) {
  const t = device
    .tensor([...squares], [1, squares.length])
    .keep()
    .setRequiresGrad(true);
  const radius = device.full([1], r).keep().setRequiresGrad(true);
  const [loss] = await device.read(() => {
    const total = cfaLoss(t, radius, { ...options, ...given });
    backward(total);
    return [total];
  });
  const grads = [await (t.grad as Tensor).data(), await (radius.grad as Tensor).data()] as const;
  for (const x of [t, radius, t.grad, radius.grad]) x?.dispose();
  return { loss: loss![0]!, t: [...grads[0]!], r: grads[1]![0]! };
}

test("K and J may differ, ν and α count: by hand", async () => {
  // K = 2: (4 − 1) and 0 of 2; J = 3: 1 − 0.5 − 0.2, 0, 0 of 3
  const given = { neighbours: 2, negatives: 3, nu: 0.5, alpha: 0.2 };
  const { loss, t, r } = await terms([4, 0.5, 0.5, 0.9, 3], 1, given);
  expect(loss).toBeCloseTo(2 * (3 / 2 + 0.3 / 3), 5);
  closeTo(t, [1, 0, -2 / 3, 0, 0], { rtol: 1e-6, atol: 0 });
  expect(r).toBeCloseTo(2 * (-2 / 2 + 2 / 3), 5);
});

test("without negatives nothing is pushed", async () => {
  const { loss, t } = await terms([4, 9], 2, { neighbours: 2, negatives: 0, nu: 1 });
  expect(loss).toBe(2.5);
  expect(t).toEqual([0, 0.5]);
});

test("NaN in a distance or in r is in the loss too: training stops there", async () => {
  const given = { neighbours: 1, negatives: 1 };
  expect((await terms([Number.NaN, Number.NaN], 1, given)).loss).toBeNaN();
  expect((await terms([0.1, Number.NaN], 1, given)).loss).toBeNaN();
  expect((await terms([1, 2], Number.NaN, given)).loss).toBeNaN();
});

/** Scores of one row of squares. */
async function score(squares: readonly number[]): Promise<number> {
  const [s] = await device.read(() => [
    softminScore(device.tensor([...squares], [1, squares.length])),
  ]);
  return s![0]!;
}

describe("the score", () => {
  test("is the nearest distance, weighted", async () => {
    expect(await score([0.5 ** 2, 0.7 ** 2, 1])).toBeCloseTo(0.2061633, 6);
    expect(await score([0.25])).toBe(0.5);
    expect(await score([1, 1])).toBe(0.5);
  });
  test("stays a number for squares below 0 and for far patches, where exp(−d) is 0", async () => {
    expect(await score([-1e-4, 1, 4])).toBe(0);
    expect(await score([200 ** 2, 200 ** 2, 201 ** 2])).toBeCloseTo(200 / (2 + Math.exp(-1)), 3);
    expect(await score([1e20, 4e20])).toBeCloseTo(1e10, -5);
  });
  test("is NaN where a distance is: no damaged network calls an image normal", async () => {
    expect(await score([Number.NaN, Number.NaN])).toBeNaN();
    expect(await score([1, Number.NaN])).toBeNaN();
  });
});
