/** Layers: names, layouts and values as PyTorch's, the state dict there and back, starting values, ownership. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  add,
  backward,
  conv2d,
  type Device,
  formatLeaks,
  noGrad,
  openDevice,
  Rng,
  relu,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import {
  BatchNorm2d,
  type Build,
  Conv2d,
  fans,
  hostTensor,
  Identity,
  type KaimingOptions,
  kaimingBound,
  kaimingNormal,
  kaimingStd,
  type Layer,
  LayerNorm,
  Linear,
  MaxPool2d,
  ModuleList,
  ReLU,
  readSafetensors,
  Sequential,
  toHWIO,
  uniform,
  writeSafetensors,
} from "../../src/models/index.ts";
import { type BuiltTensor, buildInputs, closeTo, loadFamily } from "../core/fixtures.ts";
import { rnd } from "../golden.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(formatLeaks(device.leaks())).toBe("no leaked tensors");
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

const build = (seed = 1): Build => ({ device, rng: new Rng(seed) });
const f32 = (name: string, shape: number[]) => Float32Array.from(rnd(name, shape));
const small = (seed?: number) =>
  new Sequential([
    new Conv2d(build(seed), 3, 4, { kernelSize: [3, 2], bias: false }),
    new BatchNorm2d(build(), 4),
    new ReLU(),
    new Sequential([new Conv2d(build(seed), 4, 6, { kernelSize: 1, groups: 2 }), new Identity()]),
  ]);

describe("starting values have PyTorch's ranges", () => {
  for (const c of loadFamily("init")) {
    test(c.name, () => {
      const { shape: stored, ...options } = c.options as unknown as KaimingOptions & {
        shape: number[];
      };
      // the fixtures write a linear weight as [in, out], the layer keeps PyTorch's [out, in]
      const shape = stored.length === 2 ? stored.toReversed() : stored;
      const got = {
        bound: () => kaimingBound(shape, options),
        std: () => kaimingStd(shape, options),
        biasBound: () => 1 / Math.sqrt(fans(shape).fanIn),
      };
      for (const out of c.outputs) {
        closeTo([got[out.name as keyof typeof got]()], out, { rtol: 1e-8, atol: 0 });
      }
    });
  }

  test("draws fill their range, and normal draws have their spread", async () => {
    const conv = new Conv2d(build(), 32, 64, { kernelSize: 3 });
    const bound = 1 / Math.sqrt(9 * 32);
    for (const tensor of conv.parameters()) {
      const values = await tensor.data();
      expect(Math.max(...values)).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
      expect(Math.min(...values)).toBeLessThan(-0.95 * bound);
    }
    conv.dispose();
    const shape = [3, 3, 16, 64];
    const values = kaimingNormal({ mode: "fanOut", nonlinearity: "relu" })(shape, new Rng(3));
    const square = values.reduce((a, x) => a + x * x, 0) / values.length;
    expect(
      Math.sqrt(square) / kaimingStd(shape, { mode: "fanOut", nonlinearity: "relu" }),
    ).toBeCloseTo(1, 1);
    expect(Math.abs(values.reduce((a, x) => a + x, 0) / values.length)).toBeLessThan(0.002);
  });

  test("the same seed gives the same bits, another seed others", async () => {
    const nets = [small(5), small(5), small(6)];
    const [a, b, c] = await Promise.all(nets.map((net) => net.stateDict()));
    expect(b).toEqual(a);
    expect(c!.get("0.weight")).not.toEqual(a!.get("0.weight"));
    expect(a!.get("3.0.bias")!.data.length).toBe(6);
    for (const net of nets) net.dispose();
  });

  test("weights of three axes have no fans", () => {
    expect(() => fans([3, 4, 5])).toThrow(
      "fans: weights are [O, I] or [kh, kw, I, O], got [3, 4, 5]",
    );
    expect(uniform([2, 3], new Rng(1), 0.5)).toHaveLength(6);
  });
});

test("names and shapes are PyTorch's: nested positions, BatchNorm's five entries, convolutions OIHW", () => {
  const net = small();
  expect([...net.stateShapes()]).toEqual([
    ["0.weight", [4, 3, 3, 2]],
    ["1.weight", [4]],
    ["1.bias", [4]],
    ["1.running_mean", [4]],
    ["1.running_var", [4]],
    ["1.num_batches_tracked", []],
    ["3.0.weight", [6, 2, 1, 1]],
    ["3.0.bias", [6]],
  ]);
  expect(net.namedParameters().map(([name]) => name)).toEqual([
    "0.weight",
    "1.weight",
    "1.bias",
    "3.0.weight",
    "3.0.bias",
  ]);
  net.dispose();
});

test("a state dict goes through a file into another network and comes back with the same bits", async () => {
  const [net, other] = [small(1), small(2)];
  const x = device.tensor(f32("x", [2, 6, 5, 3]), [2, 6, 5, 3]);
  device.scope(() => void net.forward(x));
  const bytes = writeSafetensors(await net.stateDict());
  const match = other.loadStateDict(readSafetensors(bytes).tensors);
  expect(match.matched).toHaveLength(8);
  const state = await other.stateDict();
  expect(writeSafetensors(state)).toEqual(bytes);
  expect(state.get("1.num_batches_tracked")).toEqual(hostTensor("i64", [], BigInt64Array.of(1n)));
  const outputs = [net, other].map((n) => device.scope(() => n.eval().forward(x)));
  expect(await outputs[1]!.data()).toEqual(await outputs[0]!.data());
  for (const tensor of [...outputs, x]) tensor.dispose();
  net.dispose();
  other.dispose();
});

test("a convolution's weight is OIHW in the state dict and HWIO in memory", async () => {
  const conv = new Conv2d(build(), 6, 4, { kernelSize: [2, 3], groups: 2, bias: false });
  const data = f32("w", [4, 3, 2, 3]);
  conv.loadStateDict(new Map([["weight", hostTensor("f32", [4, 3, 2, 3], data)]]));
  expect(conv.weight.shape).toEqual([2, 3, 3, 4]);
  expect(await conv.weight.data()).toEqual(toHWIO(data, [4, 3, 2, 3]));
  expect((await conv.stateDict()).get("weight")!.data).toEqual(data);
  conv.dispose();
});

test("a state dict that does not fit changes nothing and says what is wrong", async () => {
  const net = small();
  const before = await net.stateDict();
  const wrong = new Map(before);
  wrong.set("0.weight", hostTensor("f32", [1], Float32Array.of(1)));
  wrong.delete("1.bias");
  wrong.set("fc.weight", hostTensor("f32", [1], Float32Array.of(1)));
  const load = () => net.loadStateDict(wrong, { file: "net.pth" });
  expect(load).toThrow(/net\.pth: does not fit Sequential/);
  expect(load).toThrow(/1 missing: 1\.bias/);
  expect(load).toThrow(/1 unexpected: fc\.weight/);
  expect(load).toThrow(/0\.weight \[1\] instead of \[4, 3, 3, 2\]/);
  expect(await net.stateDict()).toEqual(before);
  const match = net.loadStateDict(wrong, { ignore: ["0.", "1.", "fc."] });
  expect(match.ignored).toContain("fc.weight");
  net.dispose();
});

test("other dtypes become f32, and a missing counter starts at 0", async () => {
  const bn = new BatchNorm2d(build(), 2);
  const net = new Sequential([bn]);
  bn.numBatchesTracked.value = 7;
  const state = new Map([
    ["0.weight", hostTensor("f64", [2], Float64Array.of(0.1, 2))],
    ["0.bias", hostTensor("f16", [2], Uint16Array.of(0x3c00, 0xc000))],
    ["0.running_mean", hostTensor("i32", [2], Int32Array.of(3, -4))],
    ["0.running_var", hostTensor("bf16", [2], Uint16Array.of(0x3f80, 0x4000))],
  ]);
  net.loadStateDict(state);
  expect(await bn.weight.data()).toEqual(Float32Array.of(0.1, 2));
  expect(await bn.bias.data()).toEqual(Float32Array.of(1, -2));
  expect(await bn.runningMean.data()).toEqual(Float32Array.of(3, -4));
  expect(await bn.runningVar.data()).toEqual(Float32Array.of(1, 2));
  expect(bn.numBatchesTracked.value).toBe(0);
  const minus = hostTensor("i64", [], BigInt64Array.of(-1n));
  const broken = new Map(state).set("0.num_batches_tracked", minus);
  expect(() => net.loadStateDict(broken)).toThrow("0.num_batches_tracked: a counter of batches");
  net.dispose();
});

test("BatchNorm counts batches and moves its statistics in train mode only", async () => {
  const bn = new BatchNorm2d(build(), 3, { momentum: 0.5, scale: 2 });
  const x = device.tensor(f32("x", [2, 2, 2, 3]), [2, 2, 2, 3]);
  device.scope(() => void bn.eval().forward(x));
  expect([bn.numBatchesTracked.value, ...(await bn.runningMean.data())]).toEqual([0, 0, 0, 0]);
  device.scope(() => void bn.train().forward(x));
  const data = await x.data();
  const mean = (c: number) =>
    [0, 1, 2, 3, 4, 5, 6, 7].reduce((a, i) => a + data[3 * i + c]!, 0) / 8;
  closeTo(
    await bn.runningMean.data(),
    [0, 1, 2].map((c) => 0.5 * mean(c)),
    { rtol: 1e-5, atol: 1e-7 },
  );
  expect(bn.numBatchesTracked.value).toBe(1);
  expect(await bn.weight.data()).toEqual(Float32Array.of(2, 2, 2));
  expect(() => bn.forward(bn.weight)).toThrow("BatchNorm2d: input must be [N, H, W, C]");
  x.dispose();
  bn.dispose();
});

test("a linear layer is x · Wᵀ + b over the last axis, whatever stands before it", async () => {
  const linear = new Linear(build(), 5, 3);
  const x = f32("x", [2, 4, 5]);
  const y = device.scope(() => linear.forward(device.tensor(x, [2, 4, 5])));
  expect(y.shape).toEqual([2, 4, 3]);
  const [w, b] = [await linear.weight.data(), await linear.bias!.data()];
  const want = Array.from({ length: 24 }, (_, at) => {
    const [row, o] = [Math.floor(at / 3), at % 3];
    return [0, 1, 2, 3, 4].reduce((a, i) => a + x[5 * row + i]! * w[5 * o + i]!, b[o]!);
  });
  closeTo(await y.data(), want, { rtol: 1e-5, atol: 1e-6 });
  expect(() => linear.forward(y)).toThrow("Linear: the last axis must have 5 features");
  y.dispose();
  linear.dispose();
});

describe("LayerNorm normalises as PyTorch's", () => {
  for (const c of loadFamily("norm", "layerNorm").filter(({ inputs }) => inputs.length === 3)) {
    test(c.name, async () => {
      const { normalizedShape, eps } = c.options as { normalizedShape: number[]; eps: number };
      const single = normalizedShape.length === 1 ? normalizedShape[0]! : normalizedShape;
      const layer = new LayerNorm(build(), single, { eps });
      const [input, weight, bias] = buildInputs(c) as BuiltTensor[];
      const entry = (t: BuiltTensor) => hostTensor("f32", t.shape, t.data);
      layer.loadStateDict(
        new Map([
          ["weight", entry(weight!)],
          ["bias", entry(bias!)],
        ]),
      );
      const x = device.tensor(input!.data as Float32Array<ArrayBuffer>, input!.shape);
      const y = device.scope(() => layer.forward(x));
      closeTo(await y.data(), c.outputs[0]!, {
        rtol: 1e-5,
        atol: 2e-6 + 4 * (c.outputs[0]!.err32 ?? 0),
      });
      for (const t of [x, y]) t.dispose();
      layer.dispose();
    });
  }

  test("without scale and shift it has no parameters", () => {
    const layer = new LayerNorm(build(), [2, 3], { elementwiseAffine: false });
    expect(layer.stateShapes().size).toBe(0);
    layer.dispose();
  });
});

test("layers without weights do what their ops do", async () => {
  const x = device.tensor([1, -2, 3, -4], [1, 2, 2, 1]);
  const relu = new ReLU().forward(x);
  const pool = new MaxPool2d({ kernelSize: 2 }).forward(x);
  expect(new Identity().forward(x)).toBe(x);
  expect([...(await relu.data()), ...(await pool.data())]).toEqual([1, 0, 3, 0, 3]);
  for (const t of [x, relu, pool]) t.dispose();
});

describe("what follows a BatchNorm", () => {
  const [shape, out] = [
    [2, 5, 4, 3],
    [2, 5, 4, 6],
  ] as const;
  const net = (...more: Layer[]) => {
    const conv = new Conv2d(build(), 3, 6, { kernelSize: 3, padding: 1, bias: false });
    const bn = new BatchNorm2d(build(), 6, { scale: 0.7 });
    return { net: new Sequential([conv, bn, ...more]), conv, bn };
  };

  for (const training of [true, false])
    for (const graph of [true, false]) {
      const how = `${training ? "trained" : "evaluated"} ${graph ? "with" : "without"} gradients`;
      test(`${how}: sum and ReLU are what they are apart`, async () => {
        const { net: whole, conv, bn } = net();
        whole.train(training);
        const results = await device.read(() => {
          const x = device.tensor(f32("x", [...shape]), shape);
          const residual = device.tensor(f32("residual", [...out]), out);
          const run = <T>(fn: () => T) => (graph ? fn() : noGrad(fn));
          return run(() => [
            whole.forward(x, { residual, relu: true }),
            relu(add(bn.forward(conv.forward(x)), residual)),
            new Sequential([whole, new ReLU()]).forward(x, { residual }),
            add(relu(bn.forward(conv.forward(x))), residual),
          ]);
        });
        for (const i of [0, 2]) closeTo(results[i]!, results[i + 1]!, { rtol: 1e-6, atol: 1e-6 });
        whole.dispose();
      });
    }

  test("evaluated without gradients, convolution, BatchNorm, sum and ReLU are one launch", () => {
    const { net: whole } = net(new ReLU());
    whole.eval();
    const launches = (fn: () => Tensor) => {
      const before = device.queue.launches;
      device.scope(() => void fn());
      return device.queue.launches - before;
    };
    const x = device.zeros(shape);
    expect(launches(() => noGrad(() => whole.forward(x)))).toBe(1);
    expect(launches(() => whole.forward(x))).toBe(3); // apart, for gradients under running statistics
    whole.freeze();
    expect(launches(() => whole.forward(x))).toBe(1);
    x.dispose();
    whole.dispose();
  });
});

test("frozen parameters get no gradient and lose the one they had", async () => {
  const net = small();
  const x = device.tensor(f32("x", [2, 6, 5, 3]), [2, 6, 5, 3]);
  const step = () => device.scope(() => backward(sum(net.forward(x))));
  step();
  expect(net.parameters().every((p) => p.grad)).toBe(true);
  const [first] = net.layers;
  first!.freeze();
  expect(net.parameters().filter((p) => p.grad)).toHaveLength(4);
  step();
  expect(net.parameters().map((p) => p.grad !== null)).toEqual([false, true, true, true, true]);
  net.freeze();
  expect(net.parameters().some((p) => p.grad || p.requiresGrad)).toBe(false);
  x.dispose();
  net.dispose();
});

test("train and eval reach every module, through lists with gaps too", () => {
  const inner = small();
  const list = new ModuleList([undefined, undefined, inner]);
  expect([...list.stateShapes().keys()][0]).toBe("2.0.weight");
  expect([...list.eval().modules()].map((m) => m.training)).toEqual(Array(8).fill(false));
  list.train();
  expect(inner.layers[1]!.training).toBe(true);
  list.dispose();
});

test("without gradients a chain holds two maps at a time, with gradients all of them", () => {
  const layers = Array.from({ length: 6 }, () => new ReLU());
  const net = new Sequential(layers);
  const x = device.zeros([1, 4, 4, 1]);
  const live: number[] = [];
  const probe = new Sequential([
    ...layers,
    new Probe(() => live.push(device.memory.stats().liveBuffers)),
  ]);
  noGrad(() => probe.forward(x)).dispose();
  x.setRequiresGrad(true);
  device.scope(() => void probe.forward(x));
  expect(live).toEqual([2, 7]);
  x.dispose();
  net.dispose();
});

class Probe extends Identity {
  readonly #look: () => void;
  constructor(look: () => void) {
    super();
    this.#look = look;
  }
  override forward(x: Tensor): Tensor {
    this.#look();
    return x;
  }
}

test("groups that do not divide the channels are refused", () => {
  expect(() => new Conv2d(build(), 6, 4, { kernelSize: 1, groups: 3 })).toThrow(
    "Conv2d: 6 and 4 channels do not divide into 3 groups",
  );
  const conv = new Conv2d({ device, rng: undefined }, 2, 2, {
    kernelSize: 1,
    padding: 1,
    stride: 2,
  });
  const x = device.ones([1, 3, 3, 2]);
  const [y, same] = [conv.forward(x), conv2d(x, conv.weight, conv.bias, { padding: 1, stride: 2 })];
  expect(y.shape).toEqual(same.shape);
  for (const t of [x, y, same]) t.dispose();
  conv.dispose();
});
