import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { cdoLoss } from "../../src/cdo/index.ts";
import { backward, type Tensor } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { testDevice } from "../device.ts";
import { boxes, goldenFeatures, levelShapes, toChannelsLast } from "./features.ts";

interface GoldenCase {
  version: "2025" | "2023";
  mask: "none_abnormal" | "mixed" | "one_image" | "all" | "offgrid";
  OOM: boolean;
  gamma: number;
  loss: number;
  grad_fa: { sum: number; abs_sum: number; sq_sum: number }[];
  grad_fa_full?: number[][];
}
const golden = JSON.parse(
  readFileSync(new URL("../fixtures/cdo/loss.json", import.meta.url), "utf8"),
) as { cases: GoldenCase[]; mini: { angles: number[] } };

const device = await testDevice();

function maskOf(kind: GoldenCase["mask"]): Tensor {
  const painted = {
    none_abnormal: [],
    mixed: [
      [0, 4, 13, 8, 21, 1],
      [1, 20, 30, 2, 9, 0.25],
      [1, 0, 1, 0, 1, 0.001],
    ],
    one_image: [[0, 4, 13, 8, 21, 1]],
    all: [
      [0, 0, 32, 0, 32, 1],
      [1, 0, 32, 0, 32, 1],
    ],
    offgrid: [[0, 5, 8, 5, 8, 1]],
  } as const;
  return boxes(device, 2, 32, painted[kind]);
}

/** Loss and gradients of the student's features. */
async function run(c: Pick<GoldenCase, "version" | "OOM" | "gamma" | "mask">) {
  const students: Tensor[] = [];
  const [loss] = await device.read(() => {
    const { teacher, student } = goldenFeatures(device);
    for (const t of student) students.push(t.keep().setRequiresGrad(true));
    const options = { gamma: c.gamma, oom: c.OOM, normaliseFirst: c.version === "2025" };
    const loss = cdoLoss(teacher, student, maskOf(c.mask), options);
    backward(loss);
    return [loss];
  });
  const grads = await Promise.all(students.map(async (t) => [...((await t.grad?.data()) ?? [])]));
  for (const t of students) t.dispose();
  return { loss: loss?.[0] as number, grads };
}

for (const c of golden.cases) {
  test(`the ${c.version} loss with mask ${c.mask}, OOM ${c.OOM}, γ ${c.gamma} is the reference's`, async () => {
    const { loss, grads } = await run(c);
    expect(Math.abs(loss - c.loss)).toBeLessThan(1e-5 * Math.abs(c.loss));
    c.grad_fa.forEach((want, l) => {
      const g = grads[l] as number[];
      const absSum = g.reduce((a, b) => a + Math.abs(b), 0);
      expect(Math.abs(absSum - want.abs_sum)).toBeLessThan(2e-5 * want.abs_sum);
      const full = c.grad_fa_full?.[l];
      if (!full) return;
      const exact = toChannelsLast(full, levelShapes[l] as readonly number[]);
      closeTo(g, exact, { rtol: 1e-4, atol: 1e-5 * Math.max(...exact.map(Math.abs)) });
    });
  });
}

/** Unit vectors at given angles from the teacher's (1, 0), one pixel each. */
async function atAngles(
  angles: readonly number[],
  mask: readonly number[],
  gamma: number,
): Promise<number> {
  const [loss] = await device.read(() => {
    const n = angles.length;
    const teacher = device.tensor(
      angles.flatMap(() => [1, 0]),
      [1, 1, n, 2],
    );
    const student = device.tensor(
      angles.flatMap((a) => [Math.cos(a), Math.sin(a)]),
      [1, 1, n, 2],
    );
    const masks = device.tensor(mask, [1, 1, n, 1]);
    return [cdoLoss([teacher], [student], masks, { gamma, oom: true, normaliseFirst: true })];
  });
  return loss?.[0] as number;
}

test("four pixels give the sums worked out by hand", async () => {
  const { angles } = golden.mini;
  const normal = await atAngles(angles, [0, 0, 0, 0], 2);
  expect(normal).toBeCloseTo(6.12894938639169 / 7.39414129828329, 5);
  const abnormal = await atAngles(angles, [1, 1, 1, 1], 2);
  expect(abnormal).toBeCloseTo(-4.75372387835922 / 91.2200691435412, 5);
});

test("pixels without any discrepancy give a finite loss, where the reference gives NaN", async () => {
  expect(await atAngles([0, 0], [0, 0], 2)).toBe(0);
  expect(Number.isFinite(await atAngles([0, 0.5], [1, 1], 2))).toBe(true);
  expect(Number.isFinite(await atAngles([0, 0], [1, 0], 2))).toBe(true);
});

test("lists of different length are refused", () => {
  device.scope(() => {
    const { teacher, student } = goldenFeatures(device);
    const mask = maskOf("mixed");
    const options = { gamma: 2, oom: true, normaliseFirst: true };
    expect(() => cdoLoss(teacher, student.slice(1), mask, options)).toThrow(
      "cdoLoss: 3 teacher levels, 2 of the student",
    );
  });
});
