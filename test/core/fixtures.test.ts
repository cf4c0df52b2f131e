/** The op fixtures must be drawn here exactly as they were in Python, and the comparison must be able to fail. */
import { expect, test } from "vitest";
import {
  type BuiltTensor,
  buildInputs,
  type Case,
  closeTo,
  type Expected,
  families,
  loadFamily,
  lossWeights,
  stepGradient,
} from "./fixtures.ts";

const exact = { rtol: 0, atol: 0 };
const tensors = (c: Case) => buildInputs(c) as BuiltTensor[];
const find = (family: string, name: string) => loadFamily(family).find((c) => c.name === name)!;
const answer = (data: number[], shape = [data.length]): Expected => {
  return { name: "out", shape, dtype: "f32", data: Float64Array.from(data) };
};

test("every family loads, with one name per case and as many gradients as inputs that want one", () => {
  const cases = families().flatMap((family) => loadFamily(family));
  expect(cases.length).toBeGreaterThan(800);
  expect(new Set(cases.map((c) => c.name)).size).toBe(cases.length);
  for (const c of cases) {
    const wanted = c.inputs.filter((spec) => spec.grad).map((spec) => spec.name);
    expect(c.grads.map((g) => g.name)).toEqual(c.loss === undefined ? [] : wanted);
  }
});

test("a built input has the size of its shape and the type that was asked for", () => {
  for (const c of families().flatMap((family) => loadFamily(family))) {
    for (const input of buildInputs(c)) {
      if (typeof input === "number") continue;
      expect(input.data).toHaveLength(input.shape.reduce((a, b) => a * b, 1));
      expect(input.data).toBeInstanceOf(input.dtype === "f32" ? Float32Array : Int32Array);
    }
  }
});

test("the loss of a case is the weighted sum of its first output", () => {
  let tested = 0;
  for (const c of families().flatMap((family) => loadFamily(family))) {
    const { data } = c.outputs[0]!;
    if (c.loss === undefined || !data?.every(Number.isFinite)) continue;
    const w = lossWeights(c);
    const size = data.reduce((a, x) => a + Math.abs(x), 0);
    const loss = data.reduce((a, x, i) => a + x * w[i]!, 0);
    closeTo([loss], [c.loss], { rtol: 0, atol: 1e-8 * (size + Math.abs(c.loss)) });
    tested++;
  }
  expect(tested).toBeGreaterThan(400);
});

test("drawn inputs give the stored answers: numbers, ties, whole numbers and masks", () => {
  const mul = find("pointwise", "mul/same shape");
  const [a, b] = tensors(mul);
  closeTo(
    a!.data.map((x, i) => x * b!.data[i]!),
    mul.outputs[0]!,
    { rtol: 1e-7, atol: 0 },
  );

  const eq = find("pointwise", "eq/same shape");
  const [left, right] = tensors(eq);
  const hits = Int32Array.from(left!.data, (x, i) => Number(x === right!.data[i]));
  closeTo(hits, eq.outputs[0]!, exact);
  expect(hits.reduce((s, x) => s + x, 0)).toBeGreaterThan(5);

  const select = find("index", "indexSelect/vector");
  const [source, index] = tensors(select);
  closeTo(
    Array.from(index!.data, (i) => source!.data[i]!),
    select.outputs[0]!,
    exact,
  );

  const where = find("pointwise", "where/same shape");
  const [mask, yes, no] = tensors(where);
  closeTo(
    yes!.data.map((x, i) => (mask!.data[i] ? x : no!.data[i]!)),
    where.outputs[0]!,
    exact,
  );
});

test("an answer stored as sums accepts the right values and tells wrong ones", () => {
  const c = find("pointwise", "mul/large, spatial mask");
  const [a, mask] = tensors(c);
  const right = Float32Array.from(a!.data, (x, i) => x * mask!.data[Math.floor(i / 18)]!);
  const want = c.outputs[0]!;
  const tolerance = { rtol: 1e-6, atol: 1e-7 };
  closeTo(right, want, tolerance);
  const middle = right.length >> 1;
  const changed = (fn: (x: Float32Array) => void) => {
    const copy = right.slice();
    fn(copy);
    return () => closeTo(copy, want, tolerance);
  };
  expect(changed((x) => x.set(x.slice(0, 20000).reverse(), 100))).toThrow(
    /^out, (sum|dot|sqSum|absSum): got/,
  );
  expect(changed((x) => x.fill(0, middle, middle + 40))).toThrow(/absSum|sum/);
  expect(changed((x) => x.subarray(100, x.length - 100).reverse())).toThrow(/dot: got/);
  expect(changed((x) => x.fill(Number.NaN, middle, middle + 1))).toThrow(/sum: got NaN/);
  expect(changed((x) => x.fill(3, 2, 3))).toThrow(/first values\[2\]: got 3/);
  expect(changed((x) => x.fill(3, x.length - 1))).toThrow(/last values\[15\]: got 3/);
  expect(() => closeTo(right.subarray(1), want, tolerance)).toThrow(
    "got 81917 values, expected 81918",
  );
});

test("a comparison names the worst element, and not-a-number never passes for a number", () => {
  const want = answer([1, 2, 3, 4, 5, 6], [2, 3]);
  const loose = { rtol: 0, atol: 0.1 };
  closeTo([1, 2.09, 3, 4, 5, 6], want, loose);
  expect(() => closeTo([1, 2.2, 3, 4, 7, 6], want, loose)).toThrow(
    "out[4] at [1, 1]: got 7, expected 5 (2 of 6 wrong; rtol 0, atol 0.1)",
  );
  expect(() => closeTo([1, 2, 3, Number.NaN, 9, 6], want, loose)).toThrow(
    "out[3] at [1, 0]: got NaN",
  );
  expect(() => closeTo([1, 2], want, loose)).toThrow("out: got 2 values, expected 6");
  expect(() => closeTo([1, 2.5], [1, 2], loose)).toThrow("value[1]: got 2.5, expected 2");
  expect(() => closeTo([Number.POSITIVE_INFINITY], answer([1]), loose)).toThrow("got Infinity");
});

test("wanted infinities and not-a-number must be met exactly", () => {
  const want = answer([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  const tolerance = { rtol: 1, atol: 1 };
  closeTo([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], want, tolerance);
  expect(() =>
    closeTo([0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], want, tolerance),
  ).toThrow("out[0]");
  expect(() => closeTo([Number.NaN, 1e30, Number.NEGATIVE_INFINITY], want, tolerance)).toThrow(
    "out[1]",
  );
});

test("a tolerance of 0 takes the stored float32 and refuses its neighbour", () => {
  const c = find("shape", "permute/3x7 by 1 0");
  const [input] = tensors(c);
  const moved = Float32Array.from(
    { length: 21 },
    (_, i) => input!.data[(i % 3) * 7 + Math.floor(i / 3)]!,
  );
  closeTo(moved, c.outputs[0]!, exact);
  moved[5]! *= 1 + 2 ** -23;
  expect(() => closeTo(moved, c.outputs[0]!, exact)).toThrow("out[5] at [1, 2]");
});

test("an optimiser case draws its gradients by step and leaves out the missing ones", () => {
  const c = find("optimiser", "sgd/plain");
  const p = tensors(c).map((t) => Float64Array.from(t.data));
  for (let t = 1; t <= 4; t++) {
    const g = stepGradient(c, "p0", t)!;
    p[0] = p[0]!.map((x, i) => x - 0.1 * g[i]!);
    expect(stepGradient(c, "p2", t)).toBeNull();
  }
  const after = (name: string) => c.outputs.find((o) => o.name === name)!;
  closeTo(p[0]!, after("p0@4"), { rtol: 0, atol: 1e-8 });
  closeTo(p[2]!, after("p2@4"), exact);
});

test("an op that a family doesn't have is an error, not an empty test", () => {
  expect(loadFamily("conv2d", "conv2d").length).toBeGreaterThan(50);
  expect(() => loadFamily("conv2d", "conv3d")).toThrow("no case of conv3d in conv2d");
});
