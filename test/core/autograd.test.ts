/** The graph itself: accumulation, shared tensors, diamonds, what has no gradient, and that nothing is lost or leaked. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  add,
  assertGradients,
  backward,
  cast,
  concat,
  customGrad,
  type Device,
  exp,
  grad,
  isGradEnabled,
  matmul,
  mul,
  noGrad,
  openDevice,
  relu,
  reshape,
  sub,
  sum,
  type Tensor,
  track,
  trackAll,
} from "../../src/core/index.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterEach(() => expect(device.memory.stats().liveBuffers).toBe(0));
afterAll(() => device.close());

const leaf = (values: number[], shape = [values.length]) =>
  device.tensor(values, shape).setRequiresGrad(true);
/** Gradients of leaves after `run` in a scope. */
async function gradsOf(run: (leaf: (v: number[], s?: number[]) => Tensor) => Tensor[]) {
  const grads = await device.read(() => run(leaf).map((t) => t.grad!.view()));
  return grads.map((g) => [...g]);
}

test("two backwards add up, and after clearing the gradient they start anew", async () => {
  const x = leaf([1, 2]);
  const step = () => device.scope(() => backward(sum(mul(x, x))));
  step();
  step();
  expect([...(await x.grad!.data())]).toEqual([4, 8]);
  x.grad!.dispose();
  x.grad = null;
  step();
  expect([...(await x.grad!.data())]).toEqual([2, 4]);
  x.dispose();
});

test("a backward may take what has arrived and give the sum, unless its input is there twice", async () => {
  const seen: boolean[] = [];
  const taking = (a: Tensor, b: Tensor) =>
    track(
      "taking",
      noGrad(() => add(a, b)),
      [a, b],
      (dy, arrived) => {
        expect(arrived.take(0, "f16")).toBeUndefined();
        const sofar = arrived.take(0, "f32");
        seen.push(sofar !== undefined);
        return [sofar ? add(mul(dy, 3), sofar) : mul(dy, 3), mul(dy, 5)];
      },
    );
  const grads = await gradsOf((leaf) => {
    const [x, y, z] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    const older = taking(x, y); // x has 7 from the newer op by then
    backward(sum(add(older, mul(x, 7))));
    backward(sum(taking(z, z)));
    return [x, y, z];
  });
  expect(grads).toEqual([
    [10, 10],
    [5, 5],
    [8, 8],
  ]);
  expect(seen).toEqual([true, false]);
});

/** x · 2 and x · 5, and which gradients its backward was given. */
function twoOf(x: Tensor, seen: boolean[][]): [Tensor, Tensor] {
  const outputs = noGrad(() => [mul(x, 2), mul(x, 5)] as [Tensor, Tensor]);
  trackAll("two", outputs, [x], (dys) => {
    seen.push(dys.map((dy) => dy !== undefined));
    const parts = dys.flatMap((dy, i) => (dy ? [mul(dy, i === 0 ? 2 : 5)] : []));
    return [parts.reduce(add)];
  });
  return outputs;
}

test("an op with several outputs goes back once, with the gradients that reached it", async () => {
  const seen: boolean[][] = [];
  const grads = await gradsOf((leaf) => {
    const leaves = [leaf([1, 2]), leaf([1, 2]), leaf([1, 2]), leaf([1, 2])];
    const [both, first, second, nested] = leaves as [Tensor, Tensor, Tensor, Tensor];
    const [a, b] = twoOf(both, seen);
    backward(sum(add(mul(a, b), mul(exp(mul(b, 0)), a)))); // d(10x² + 2x)
    backward(sum(twoOf(first, seen)[0]));
    backward(sum(twoOf(second, seen)[1]), undefined, { freeGraph: true });
    const [c, d] = twoOf(nested, seen);
    backward(sum(add(twoOf(d, seen)[0], c)), undefined, { freeGraph: true });
    expect([c.disposed, d.disposed]).toEqual([true, true]);
    return leaves;
  });
  expect(grads).toEqual([
    [22, 42],
    [2, 2],
    [5, 5],
    [12, 12],
  ]);
  const [all, one, other] = [
    [true, true],
    [true, false],
    [false, true],
  ];
  expect(seen).toEqual([all, one, other, one, all]);
});

test("of several outputs grad gives the gradient of each, and noGrad none", async () => {
  const x = leaf([1, 2]);
  const seen: boolean[][] = [];
  const [da, db, dx] = await device.read(() => {
    const [a, b] = twoOf(x, seen);
    const y = sum(add(mul(a, 3), mul(b, b)));
    expect(noGrad(() => twoOf(x, seen)).map((t) => t.node)).toEqual([undefined, undefined]);
    return grad(y, [a, b, x]) as Tensor[];
  });
  expect([da, db, dx].map((g) => [...g!])).toEqual([
    [3, 3],
    [10, 20],
    [56, 106],
  ]);
  device.scope(() => {
    const [older, input, newer] = [leaf([1]), leaf([3]), leaf([1])] as const;
    const text = "two: its output Tensor f32 [1] is older than one of its inputs";
    expect(() => trackAll("two", [newer, older], [input], () => [])).toThrow(text);
    expect([older.node, newer.node]).toEqual([undefined, undefined]);
  });
  x.dispose();
});

test("the same tensor as both arguments gets both gradients", async () => {
  const [a, m, s, p] = await gradsOf((leaf) => {
    const xs = [leaf([3, 4]), leaf([3, 4]), leaf([3, 4]), leaf([1, 2, 3, 4], [2, 2])];
    backward(sum(add(xs[0]!, xs[0]!)));
    backward(sum(mul(xs[1]!, xs[1]!)));
    backward(sum(sub(xs[2]!, xs[2]!)));
    backward(sum(matmul(xs[3]!, xs[3]!)));
    return xs;
  });
  expect([a, m, s]).toEqual([
    [2, 2],
    [6, 8],
    [0, 0],
  ]);
  expect(p).toEqual([7, 11, 9, 13]);
});

test("gradients meet where a graph joins again, however deep", async () => {
  const [diamond, deep, chained] = await gradsOf((leaf) => {
    const x = leaf([2]);
    const y = mul(x, x);
    backward(sum(mul(add(y, x), sub(y, x)))); // x⁴ − x²
    const z = leaf([1]);
    let t: Tensor = z;
    for (let i = 0; i < 30; i++) t = add(t, t); // 2³⁰ paths
    backward(t);
    const c = leaf([1, 2, 3]);
    backward(sum(concat([c, mul(c, 2), c], 0)));
    return [x, z, c];
  });
  expect(diamond).toEqual([28]);
  expect(deep).toEqual([2 ** 30]);
  expect(chained).toEqual([4, 4, 4]);
});

test("a broadcast argument gets the sum over what it was spread to", async () => {
  const [row, column, one] = await gradsOf((leaf) => {
    const xs = [leaf([1, 2, 3]), leaf([1, 2], [2, 1]), leaf([5], [])];
    const x = device.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    backward(sum(mul(mul(mul(x, xs[0]!), xs[1]!), xs[2]!)));
    return xs;
  });
  expect(row).toEqual([45, 60, 75]);
  expect(column).toEqual([70, 160]);
  expect(one).toEqual([78]);
});

test("leaves of one sum have gradients of their own: changing one in place leaves the other", async () => {
  const [a, b] = [leaf([1, 2]), leaf([3, 4])];
  const given = device.ones([2]);
  device.scope(() => backward(add(a, b), given));
  device.fill(a.grad!, 9);
  device.fill(given, 7);
  expect([...(await b.grad!.data())]).toEqual([1, 1]);
  const c = leaf([0, 0]);
  backward(c, given);
  device.fill(c.grad!, 5);
  expect([...(await given.data())]).toEqual([7, 7]);
  for (const t of [a, b, c, given]) t.dispose();
});

test("backward from more than one element needs its gradient, of the right shape and type", async () => {
  const x = leaf([1, 2, 3]);
  device.scope(() => {
    const y = mul(x, 2);
    const text = "backward: output [3] is not a scalar; pass its gradient";
    expect(() => backward(y)).toThrow(text);
    expect(() => backward(y, device.ones([2]))).toThrow(
      "backward: gradient [2] does not match the output [3]",
    );
    expect(() => backward(y, device.zeros([3], "i32"))).toThrow(
      "backward: the gradient of f32 is f32, got",
    );
    expect(() => backward(device.ones([1]))).toThrow(
      "backward: nothing to differentiate, tensor [1] has no graph",
    );
    backward(y, device.tensor([1, 10, 100], [3]));
    backward(sum(y.view([3]).setRequiresGrad(true))); // a leaf of its own
  });
  expect([...(await x.grad!.data())]).toEqual([2, 20, 200]);
  x.dispose();
});

test("noGrad and detach cut the graph, and noGrad ends with its function", async () => {
  const x = leaf([2]);
  const [g] = await device.read(() => {
    const y = noGrad(() => {
      expect(isGradEnabled()).toBe(false);
      noGrad(() => {});
      expect(isGradEnabled()).toBe(false);
      return mul(x, x);
    });
    expect(y.node).toBeUndefined();
    const boom = () => {
      throw new Error("boom");
    };
    expect(() => noGrad(boom)).toThrow("boom");
    expect(isGradEnabled()).toBe(true);
    backward(sum(mul(mul(x, x).detach(), x)));
    return [x.grad!.view()];
  });
  expect([...g!]).toEqual([4]);
  x.dispose();
});

test("grad gives gradients of leaves and of what lies between, and leaves .grad alone", async () => {
  const x = leaf([1, 2]);
  const other = leaf([1]);
  const values = await device.read(() => {
    const y = mul(x, 3);
    const z = exp(y);
    const [dx, dy, dz, none] = grad(sum(z), [x, y, z, other]);
    expect(none).toBeUndefined();
    return [dx!, dy!, dz!];
  });
  expect(values[1]![0]).toBeCloseTo(Math.exp(3), 4);
  expect(values[0]![1]).toBeCloseTo(3 * Math.exp(6), 2);
  expect([...values[2]!]).toEqual([1, 1]);
  expect(x.grad).toBeNull();
  x.dispose();
  other.dispose();
});

test("gradients outside a scope leave only themselves", () => {
  const x = leaf([1, 2]);
  const ones = device.ones([2, 1]);
  const y = reshape(x, [2, 1]);
  const [dx] = grad(y, [x], ones);
  backward(y, ones);
  expect(device.memory.stats().liveBuffers).toBe(4); // x, ones and two gradients
  for (const t of [x, y, ones, dx!]) t.dispose();
});

test("a gradient of your own may return its argument, an input, one tensor twice or one it keeps", async () => {
  const held = device.tensor([5, 6], [2]);
  const [a, b, c] = await gradsOf((leaf) => {
    const xs = [leaf([1, 2]), leaf([3, 4]), leaf([1, 1])] as const;
    const y = customGrad(
      "odd",
      xs,
      () => add(add(xs[0], xs[1]), xs[2]),
      (dy) => [dy, dy, held],
    );
    const z = customGrad(
      "input",
      [y],
      () => y,
      () => [y],
    );
    backward(sum(z));
    return [...xs];
  });
  expect([a, b, c]).toEqual([
    [5, 7],
    [5, 7],
    [5, 6],
  ]);
  expect([...(await held.data())]).toEqual([5, 6]);
  held.dispose();
});

test("a backward that returns a wrong shape is named", () => {
  device.scope(() => {
    const x = leaf([1, 2]);
    const y = customGrad(
      "wrong",
      [x],
      () => mul(x, 2),
      (dy) => [sum(dy)],
    );
    const text = "wrong: its backward returned a gradient [] for an input [2]";
    expect(() => backward(sum(y))).toThrow(text);
  });
});

test("an output older than its inputs is refused, as backward could not order it", () => {
  device.scope(() => {
    const y = device.ones([2]);
    const x = leaf([1, 2]);
    const text = "late: its output Tensor f32 [2] is older than one of its inputs";
    expect(() => track("late", y, [x], (dy) => [dy])).toThrow(text);
    expect(() => track("self", x, [x], (dy) => [dy])).toThrow("self: its output");
  });
});

test("a backward that throws frees what it made", () => {
  const x = leaf([1]);
  device.scope(() => {
    const bad = customGrad(
      "bad",
      [x],
      () => mul(x, 1),
      () => {
        throw new Error("no gradient today");
      },
    );
    const before = device.memory.stats().liveBuffers;
    const y = add(bad, mul(x, 2));
    const made = device.memory.stats().liveBuffers - before;
    expect(() => backward(y)).toThrow("no gradient today");
    expect(device.memory.stats().liveBuffers).toBe(before + made);
  });
  x.dispose();
});

test("a graph whose tensors were freed says which shape", () => {
  const x = leaf([1, 2, 3]);
  const y = device.scope(() => mul(mul(x, x), mul(x, 2)));
  const late = () => device.scope(() => backward(sum(y)));
  expect(late).toThrow("tensor [3] was freed: return it from its scope or keep() it");
  y.dispose();
  x.dispose();
});

test("frozen leaves and whole numbers get no gradient", async () => {
  const x = leaf([1, -2]);
  const frozen = leaf([3, 4]).setRequiresGrad(false);
  device.scope(() => backward(sum(mul(relu(x), frozen))));
  expect([...(await x.grad!.data())]).toEqual([3, 0]);
  expect(frozen.grad).toBeNull();
  const ints = device.tensor(Int32Array.of(1), [1]);
  expect(() => ints.setRequiresGrad(true)).toThrow("only f32 tensors have gradients, got i32");
  device.scope(() => {
    const y = mul(cast(cast(x, "i32"), "f32"), x); // the cast to whole numbers stops it
    backward(sum(y));
  });
  expect([...(await x.grad!.data())]).toEqual([4, -2]);
  for (const t of [x, frozen, ints]) t.dispose();
});

test("gradients through views and reshapes are right", async () => {
  const x = leaf([1, 2, 3, 4, 5, 6], [2, 3]);
  await assertGradients((x) => mul(reshape(x, [3, 2]), reshape(exp(x), [3, 2])), [x]);
  x.dispose();
});

test("ten thousand ops in a row are no problem for backward", async () => {
  const x = leaf([1]);
  device.scope(() => {
    let y: Tensor = x;
    for (let i = 0; i < 10_000; i++) y = add(y, 0);
    backward(y);
  });
  expect([...(await x.grad!.data())]).toEqual([1]);
  x.dispose();
});

test("a graph that is used once can be freed on the way: same gradients, less memory, the output stays", async () => {
  const n = 2 ** 18;
  const layers = 8;
  async function run(freeGraph: boolean) {
    device.memory.trim();
    const x = device.tensor(new Float32Array(n).fill(0.5), [n]).setRequiresGrad(true);
    let left = 0;
    const [y] = await device.read(() => {
      let h = x;
      for (let i = 0; i < layers; i++) h = mul(relu(h), 1.5);
      const y = sum(h);
      backward(y, undefined, { freeGraph });
      left = device.memory.stats().liveBytes;
      return [y];
    });
    const gradient = await x.grad!.data();
    x.dispose();
    return { y: y![0], gradient, left };
  }
  const [kept, freed] = [await run(false), await run(true)];
  expect(freed.y).toBe(kept.y);
  expect(freed.gradient).toEqual(kept.gradient);
  expect(freed.left).toBeLessThan(2.1 * n * 4); // x, its gradient, and one number
  expect(kept.left).toBeGreaterThan(layers * n * 4);
});

test("a graph that was freed on the way can't be used again", () => {
  device.scope(() => {
    const x = leaf([1, 2]);
    const y = sum(exp(x));
    backward(y, undefined, { freeGraph: true });
    expect(() => backward(y)).toThrow("tensor [2] was freed");
    x.dispose();
  });
});

test("freeing on the way spares leaves, the output, and what only shares the graph's memory", async () => {
  const [x, view, y] = await device.read(() => {
    const x = leaf([1, 2]);
    const middle = mul(x, 3);
    const view = middle.view();
    const y = sum(mul(middle, middle));
    backward(y, undefined, { freeGraph: true });
    expect(middle.disposed).toBe(true);
    return [x.grad!.view(), view, y];
  });
  expect([[...x!], [...view!], [...y!]]).toEqual([[18, 36], [3, 6], [45]]);
});

test("values that no gradient reads can be forgotten, others are missed by name", async () => {
  const [dx] = await device.read(() => {
    const x = leaf([1, -2, 3]);
    const shifted = add(x, 1);
    const y = relu(shifted); // its gradient reads y
    shifted.forgetValues();
    expect(shifted.disposed).toBe(true);
    expect(() => mul(shifted, 2)).toThrow("tensor [3] was freed");
    backward(sum(mul(y, y)));
    return [x.grad!.view()];
  });
  expect([...dx!]).toEqual([4, 0, 8]);
  device.scope(() => {
    const x = leaf([1, 2]);
    const twice = mul(x, 2);
    const y = sum(mul(twice, twice)); // its gradient reads twice
    twice.forgetValues();
    expect(() => backward(y)).toThrow("tensor [2] was freed");
  });
});
