/** A checker of gradients must pass right ones and, above all, fail wrong ones. */
import { expect, test } from "vitest";
import {
  add,
  assertGradients,
  backward,
  cast,
  conv2d,
  customGrad,
  exp,
  gradcheck,
  log,
  matmul,
  mul,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";

const device = await testDevice();

const drawn = (name: string, shape: number[], lo = -1, hi = 1) =>
  device.tensor(Float32Array.from(rnd(name, shape, lo, hi)), shape);
/** Makes tensors, runs the check and frees them. */
async function using<T>(tensors: Tensor[], run: (...t: Tensor[]) => Promise<T>): Promise<T> {
  try {
    return await run(...tensors);
  } finally {
    for (const t of tensors) t.dispose();
  }
}
/** y = 2x whose gradient is multiplied by `factor`. */
const twice = (factor: number) => (x: Tensor) =>
  customGrad(
    "twice",
    [x],
    () => mul(x, 2),
    (dy) => [mul(dy, 2 * factor)],
  );

test("right gradients pass with room to spare: products, exp, log and a convolution", async () => {
  const shapes = [drawn("a", [3, 5]), drawn("b", [5, 2])];
  await using(shapes, async (a, b) => {
    const { ok, worst } = await gradcheck((x, y) => exp(matmul(x, y)), [a as Tensor, b as Tensor]);
    expect(ok).toBe(true);
    expect(worst).toBeLessThan(0.3);
  });
  await using([drawn("x", [2, 5, 4, 3]), drawn("w", [3, 3, 3, 2])], async (x, w) => {
    const { worst } = await gradcheck((x, w) => conv2d(x, w), [x as Tensor, w as Tensor]);
    expect(worst).toBeLessThan(0.3);
  });
  await using([drawn("p", [301], 0.5, 2)], async (p) => {
    const { worst } = await gradcheck((p) => log(p), [p as Tensor]);
    expect(worst).toBeLessThan(0.3);
  });
});

test("a gradient off by one percent fails, element by element and in directions", async () => {
  for (const size of [7, 4099]) {
    await using([drawn("x", [size])], async (x) => {
      const { ok, worst, report } = await gradcheck(twice(1.01), [x as Tensor]);
      expect(ok).toBe(false);
      expect(worst).toBeGreaterThan(5);
      expect(report).toMatch(/input 0 \[\d+\]: \d+ of \d+ probes wrong/);
      expect(report).toMatch(/ {2}\[\d+\]: gradient -?[\d.]+, differences -?[\d.]+/);
    });
  }
});

test("one wrong element among thousands fails", async () => {
  await using([drawn("x", [2000])], async (x) => {
    const mask = device.full([2000], 1);
    device.write(
      mask,
      Float32Array.from({ length: 2000 }, (_, i) => (i === 1237 ? 0 : 1)),
    );
    const wrong = (t: Tensor) =>
      customGrad(
        "masked",
        [t],
        () => mul(t, 3),
        (dy) => [mul(mul(dy, 3), mask)],
      );
    const { ok } = await gradcheck(wrong, [x as Tensor]);
    expect(ok).toBe(false);
    mask.dispose();
  });
});

test("a gradient that is missing, not a number or of the wrong sign fails", async () => {
  await using([drawn("x", [4])], async (x) => {
    const cut = (t: Tensor) => add(mul(t, 1e-9), mul(t.detach(), 2));
    expect((await gradcheck(cut, [x as Tensor])).ok).toBe(false);
    expect((await gradcheck((t) => mul(t.detach(), 2), [x as Tensor])).ok).toBe(false);
    expect((await gradcheck(twice(Number.NaN), [x as Tensor])).worst).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect((await gradcheck(twice(-1), [x as Tensor])).ok).toBe(false);
  });
});

test("only inputs that require a gradient are checked, and nothing of theirs changes", async () => {
  await using([drawn("x", [3]).setRequiresGrad(true), drawn("y", [3])], async (x, y) => {
    device.scope(() => backward(sum(x as Tensor)));
    const before = await x?.grad?.data();
    const { report } = await gradcheck((a, b) => mul(a, b), [x as Tensor, y as Tensor]);
    expect(report).toMatch(/^input 0 \[3\]: good/);
    expect(report).not.toContain("input 1");
    expect(await x?.grad?.data()).toEqual(before);
  });
});

test("inputs of another type are passed on, and a constant function has gradient zero", async () => {
  await using([drawn("x", [3]), device.tensor(Int32Array.of(1, 0, 2), [3])], async (x, i) => {
    await assertGradients((x, i) => mul(x, cast(i, "f32")), [x as Tensor, i as Tensor]);
    await assertGradients((x) => mul(x, 0), [x as Tensor]);
  });
});

test("the throwing form shows the report; fn must repeat itself and return f32", async () => {
  await using([drawn("x", [3])], async (tensor) => {
    const x = tensor as Tensor;
    await expect(assertGradients(twice(2), [x])).rejects.toThrow(
      /gradcheck: gradients are wrong\ninput 0 \[3\]: 3 of 3 probes wrong/,
    );
    let calls = 0;
    const moody = (t: Tensor) => mul(t, ++calls);
    await expect(gradcheck(moody, [x])).rejects.toThrow("fn gave two results for the same inputs");
    await expect(gradcheck((t) => cast(t, "i32"), [x])).rejects.toThrow("fn must return f32");
  });
  await using([device.tensor(Int32Array.of(1), [1])], async (i) => {
    const promise = gradcheck((t) => t, [i as Tensor]);
    await expect(promise).rejects.toThrow("gradcheck: no f32 input among Tensor i32 [1]");
  });
});

test("the same call gives the same report", async () => {
  await using([drawn("x", [50])], async (x) => {
    const a = await gradcheck((t) => exp(t), [x as Tensor], { seed: 3 });
    expect(await gradcheck((t) => exp(t), [x as Tensor], { seed: 3 })).toEqual(a);
  });
});
