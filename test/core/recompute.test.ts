/** Parts that are computed again by the backward pass: the same bits, less memory, once what may happen once. */
import { expect, test } from "vitest";
import {
  add,
  backward,
  exp,
  grad,
  map,
  matmul,
  mul,
  noGrad,
  once,
  program,
  recompute,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import { testDevice } from "../device.ts";
import { rnd } from "../golden.ts";

const device = await testDevice();

const leaf = (name: string, shape: number[]) =>
  device.tensor(Float32Array.from(rnd(name, shape)), shape).setRequiresGrad(true);

type Part = (inputs: readonly Tensor[], fn: () => Tensor[]) => readonly Tensor[];
const kept: Part = (_, fn) => fn();

/** Every gradient of a small network whose middle is a part, and the number of times that it ran. */
async function gradients(part: Part, freeGraph: boolean) {
  const [x, w, v] = [leaf("x", [5, 4]), leaf("w", [4, 4]), leaf("v", [4, 4])];
  let runs = 0;
  const [loss] = await device.read(() => {
    const before = exp(matmul(x, w));
    const [a, b, , c] = part([before, x], () => {
      runs++;
      const inner = relu(matmul(before, v));
      return [mul(inner, x), add(matmul(inner, w), before), exp(inner), before];
    }) as [Tensor, Tensor, Tensor, Tensor];
    const out = sum(add(mul(add(a, before), b), mul(c, a)));
    backward(out, undefined, { freeGraph });
    return [out];
  });
  const grads = await Promise.all([x, w, v].map((t) => t.grad!.data()));
  for (const t of [x, w, v]) t.dispose();
  return { loss, grads, runs };
}

for (const freeGraph of [true, false])
  test(`gradients have the same bits, freeGraph ${freeGraph}`, async () => {
    const [plain, again] = [
      await gradients(kept, freeGraph),
      await gradients(recompute, freeGraph),
    ];
    expect(again).toEqual({ ...plain, runs: 2 });
    expect(plain.grads.every((g) => g.some((v) => v !== 0))).toBe(true);
  });

test("in a recorded program too, at every run", async () => {
  const x = leaf("x", [3, 3]);
  const step = program(device, (t: Tensor) => {
    const [y] = recompute([x, t], () => [exp(mul(x, t))]) as [Tensor];
    backward(sum(mul(y, y)), undefined, { freeGraph: true });
    const g = x.grad!.view();
    x.grad!.dispose();
    x.grad = null;
    return g;
  });
  for (let k = 1; k < 4; k++) {
    const t = device.full([3, 3], k);
    const [got] = await device.read(() => [step(t)]);
    const [want] = await device.read(() => {
      const y = exp(mul(x, t));
      return [grad(sum(mul(y, y)), [x])[0]!];
    });
    expect(got).toEqual(want);
    t.dispose();
  }
  step.dispose();
  x.dispose();
});

test("a chain of parts holds one of them at a time", () => {
  const peak = (part: Part) => {
    const x = device.zeros([256, 256]).setRequiresGrad(true);
    const live: number[] = [];
    const look = (y: Tensor) => {
      live.push(device.memory.stats().liveBytes);
      return y;
    };
    device.scope(() => {
      let y: Tensor = x;
      for (let k = 0; k < 6; k++) {
        const from = y;
        const layers = () =>
          Array(6)
            .fill(0)
            .reduce((t) => look(exp(t)), from) as Tensor;
        [y] = part([from], () => [layers()]) as [Tensor];
      }
      backward(sum(y), undefined, { freeGraph: true });
    });
    x.dispose();
    return Math.max(...live) / 2 ** 18;
  };
  expect(Math.floor(peak(kept))).toBe(37);
  // x, six results of parts, six inside one, a gradient
  expect(Math.floor(peak(recompute))).toBe(14);
});

test("what happens once happens once, and gives the same tensors", async () => {
  let count = 0;
  const x = leaf("x", [4]);
  const seen: number[][] = [];
  const read = await device.read(() => {
    const [y] = recompute([x], () => {
      const [factor] = once(() => [device.full([4], ++count + 1)]) as [Tensor];
      seen.push([count]);
      return [mul(exp(x), factor)];
    }) as [Tensor];
    backward(sum(y));
    return [y, x.grad!];
  });
  expect(seen).toEqual([[1], [1]]);
  expect(read[1]).toEqual(read[0]); // d(2 exp x) = 2 exp x
  x.dispose();
});

test("a part inside a part is not computed a third time", () => {
  let runs = 0;
  const x = leaf("x", [4]);
  device.scope(() => {
    const inner = (t: Tensor) => {
      runs++;
      return [exp(t)];
    };
    const [y] = recompute([x], () => {
      const [a] = recompute([x], () => inner(x)) as [Tensor];
      return [mul(a, a)];
    }) as [Tensor];
    backward(sum(y));
  });
  expect(runs).toBe(2);
  x.dispose();
});

test("without gradients, or where none can flow, it leaves no graph and runs once", () => {
  let runs = 0;
  const [x, frozen] = [leaf("x", [4]), device.ones([4])];
  const twice = (t: Tensor) =>
    recompute([t], () => {
      runs++;
      return [mul(t, frozen), t];
    });
  device.scope(() => {
    for (const y of noGrad(() => twice(x))) expect(y.node === undefined || y === x).toBe(true);
    for (const y of twice(frozen)) expect(y.node).toBeUndefined();
    expect(runs).toBe(2);
    const [y, same] = twice(x) as [Tensor, Tensor];
    expect(grad(sum(add(y, same)), [x])[0]!.shape).toEqual([4]);
    expect(runs).toBe(4);
  });
  for (const t of [x, frozen]) t.dispose();
});

test("a graph may be walked twice, and leaves that no input leads to get their gradient", async () => {
  const [w, image] = [leaf("w", [2, 2]), device.ones([2, 2])];
  const read = await device.read(() => {
    const [y] = recompute([image], () => [exp(matmul(image, w))]) as [Tensor];
    const total = sum(y);
    return [grad(total, [w])[0]!, grad(total, [w])[0]!, grad(sum(exp(matmul(image, w))), [w])[0]!];
  });
  expect(read[1]).toEqual(read[0]);
  expect(read[2]).toEqual(read[0]);
  for (const t of [w, image]) t.dispose();
});

test("a part that does something else the second time is refused, and one that fails leaves nothing", () => {
  const x = leaf("x", [4]);
  for (const [first, second, text] of [
    [1, 0, "noted 1 results at first and 0 now"],
    [0, 1, "it notes more the second time"],
  ] as const) {
    let run = 0;
    device.scope(() => {
      const [y] = recompute([x], () => {
        const notes = run++ === 0 ? first : second;
        for (let k = 0; k < notes; k++) once(() => [device.ones([4])]);
        return [exp(x)];
      }) as [Tensor];
      expect(() => backward(sum(y))).toThrow(text);
    });
  }
  const before = device.memory.stats().liveBuffers;
  const failing = () =>
    recompute([x], () => {
      once(() => [device.ones([4])]);
      return [map("none", { f: "x" }, {})];
    });
  expect(failing).toThrow("none: needs at least one tensor");
  expect(device.memory.stats().liveBuffers).toBe(before);
  x.dispose();
});
