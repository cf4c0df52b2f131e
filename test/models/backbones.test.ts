/** The backbones: names, shapes and counts of the reference, sizes they take, gradients, memory, errors. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  add,
  backward,
  type Device,
  formatLeaks,
  openDevice,
  Rng,
  sum,
  type Tensor,
} from "../../src/core/index.ts";
import {
  type Backbone,
  backboneNames,
  backbones,
  createBackbone,
  FeatureExtractor,
  findBackbone,
  hostTensor,
  type ResNet,
  writeSafetensors,
} from "../../src/models/index.ts";
import stored from "../fixtures/models/golden/state-dict-names.json" with { type: "json" };
import { goldenState } from "./golden.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ onWarning: () => {} });
});
afterAll(() => {
  expect(formatLeaks(device.leaks())).toBe("no leaked tensors");
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});

/** Zeros for weights: enough where only names, shapes or sizes are asked for. */
const empty = (name: string): Backbone => findBackbone(name).create({ device, rng: undefined }, {});
const count = (shapes: Iterable<readonly number[]>) =>
  [...shapes].reduce((n, shape) => n + shape.reduce((a, b) => a * b, 1), 0);

/** The entries a stored line stands for; see the fixture's "about". */
function expand(line: string): [string, number[]][] {
  const [name, ...sizes] = line.split(" ") as [string, ...string[]];
  const shape = sizes.map(Number);
  if (shape.length === 4) return [[`${name}.weight`, shape]];
  if (name.endsWith(".bias")) return [[name, shape]];
  const five = ["weight", "bias", "running_mean", "running_var"];
  return [
    ...five.map((entry): [string, number[]] => [`${name}.${entry}`, shape]),
    [`${name}.num_batches_tracked`, []],
  ];
}

describe("parameters and entries are the reference's", () => {
  test("for every backbone in the table that is not our own and not in state-dicts.test.ts", () => {
    const others = backboneNames.filter((name) => !/^resnet10_half$|^vgg|efficientnet/.test(name));
    expect(Object.keys(stored.counts).sort()).toEqual([...others].sort());
  });

  test("resnet10_half has the first block of each of ResNet-18's layers, half as wide", () => {
    using net = empty("resnet10_half");
    const firsts = stored.entries.resnet18.flatMap(expand).filter(([n]) => !/layer\d\.1/.test(n));
    const halved = firsts.map(([n, s]) => [n, s.map((k, i) => (k === 3 || i > 1 ? k : k / 2))]);
    expect([...net.stateShapes()]).toEqual(halved);
    expect(count(net.parameters().map((p) => p.shape))).toBe(311_200);
  });

  for (const [name, { parameters, tensors }] of Object.entries(stored.counts)) {
    test(`${name}: ${parameters} parameters`, () => {
      const net = empty(name);
      expect(count(net.parameters().map((p) => p.shape))).toBe(parameters);
      expect(net.stateShapes().size).toBe(tensors);
      net.dispose();
    });
  }

  for (const [name, lines] of Object.entries(stored.entries)) {
    test(`${name}: every name and shape, in order`, () => {
      const net = empty(name);
      expect([...net.stateShapes()]).toEqual(lines.flatMap(expand));
      net.dispose();
    });
  }

  test("the other HRNets have the same names, in order", () => {
    const names = stored.entries.hrnet_w32.flatMap(expand).map(([name]) => name);
    for (const name of ["hrnet_w18", "hrnet_w48"]) {
      const net = empty(name);
      expect([...net.stateShapes().keys()]).toEqual(names);
      net.dispose();
    }
  });

  test("without the head HRNet-W18 has the numbers that receive weights from ImageNet", () => {
    const net = empty("hrnet_w18");
    const body = net.namedParameters().filter(([name]) => !name.startsWith("last_layer"));
    expect(count(body.map(([, p]) => p.shape))).toBe(9_562_260);
    net.dispose();
  });
});

describe("sizes", () => {
  const sizes = [
    [1, 64, 64],
    [1, 33, 50],
    [2, 1, 1],
    [1, 7, 96],
  ] as const;
  for (const name of ["resnet18", "hrnet_w18"]) {
    test(`${name} rounds maps of odd images up`, () => {
      const net = new FeatureExtractor(empty(name));
      const { channels, strides } = net.backbone;
      for (const [n, h, w] of sizes) {
        const levels = device.scope(() =>
          net.forward(device.zeros([n, h, w, 3])).map((level) => level.shape),
        );
        const want = strides.map((s, i) => [n, Math.ceil(h / s), Math.ceil(w / s), channels[i]]);
        expect(levels).toEqual(want);
      }
      net.dispose();
    });
  }

  test("the table tells channels and strides without a network", () => {
    for (const entry of backbones) {
      const net = empty(entry.name);
      expect(net.channels).toEqual(entry.channels);
      expect(net.strides).toEqual(entry.strides);
      expect(`${net}`).toBe(entry.name);
      net.dispose();
    }
  });

  test("a size that can't be is refused with the sizes that can", () => {
    const net = empty("hrnet_w18");
    expect(() => net.eval().sizeCheck(0, 64)).toThrow(
      "hrnet_w18: image of 0 × 64: sizes are whole numbers from 1",
    );
    expect(() => net.sizeCheck(64.5, 64)).toThrow("sizes are whole numbers from 1");
    net.sizeCheck(32, 32);
    expect(() => net.train().sizeCheck(32, 32)).toThrow(
      "hrnet_w18: image of 32 × 32: leaves a single value per channel at stride 32, too few for batch statistics; train with more than 32 pixels on a side, or with a batch of 2 or more",
    );
    net.sizeCheck(32, 32, 2);
    net.sizeCheck(33, 32);
    const gray = device.zeros([1, 64, 64, 1]);
    expect(() => net.forward(gray)).toThrow("hrnet_w18: images are [N, H, W, 3], got Tensor");
    gray.dispose();
    net.dispose();
  });
});

/** One backward pass from the sum of all levels. */
function gradients(net: Backbone, images: Tensor): void {
  device.scope(() => {
    const [a, b, c] = net.forward(images).map((level) => sum(level)) as [Tensor, Tensor, Tensor];
    backward(add(add(a, b), c));
  });
}

describe("gradients reach exactly the parameters that they reach in the reference", () => {
  test("hrnet_w18: all but the head and the row of the unused output, 24 tensors", async () => {
    const net = createBackbone("hrnet_w18", { device, rng: new Rng(7) });
    const images = new Rng(1).normal(device, [2, 33, 32, 3]);
    gradients(net, images);
    const without = net.namedParameters().filter(([, p]) => !p.grad);
    const outside = (name: string) => /^(last_layer\.|stage4\.2\.fuse_layers\.3\.)/.test(name);
    expect(without.map(([name]) => name)).toEqual(
      net.namedParameters().flatMap(([name]) => (outside(name) ? [name] : [])),
    );
    expect(without).toHaveLength(24);
    const reached = net.parameters().filter((p) => p.grad);
    expect(count(reached.map((p) => p.shape))).toBe(9_380_460);
    images.dispose();
    net.dispose();
  });

  test("resnet18: all of them", () => {
    const net = createBackbone("resnet18", { device, rng: new Rng(7) });
    const images = new Rng(1).normal(device, [2, 32, 32, 3]);
    gradients(net, images);
    expect(net.namedParameters().filter(([, p]) => !p.grad)).toEqual([]);
    images.dispose();
    net.dispose();
  });

  test("a frozen teacher: none, and its forward leaves no graph and moves no statistics", async () => {
    const teacher = new FeatureExtractor(createBackbone("resnet18", { device, rng: new Rng(7) }));
    const before = writeSafetensors(await teacher.backbone.stateDict());
    const images = new Rng(1).normal(device, [1, 32, 32, 3]).setRequiresGrad(true);
    teacher.backbone.train();
    const levels = teacher.forward(images);
    expect(levels.every((level) => level.node === undefined)).toBe(true);
    const after = writeSafetensors(await teacher.backbone.stateDict());
    expect(Buffer.compare(before, after)).toBe(0);
    for (const tensor of [...levels, images]) tensor.dispose();
    teacher.dispose();
  });
});

test("a forward without gradients needs a fraction of the memory", () => {
  for (const name of ["resnet50", "hrnet_w18"]) {
    const net = empty(name).eval();
    const images = device.zeros([1, 128, 128, 3]);
    device.memory.trim();
    const start = device.memory.stats();
    device.scope(() => void net.forward(images)); // its weights could be trained: everything lives to the end
    const whole = device.memory.stats().pooledBytes - start.pooledBytes;
    device.memory.trim();
    const extractor = new FeatureExtractor(net);
    for (const level of extractor.forward(images)) level.dispose();
    const lean = device.memory.stats().pooledBytes;
    expect(lean, name).toBeLessThan(7 * 2 ** 20); // seven of its largest maps, of 1 MiB
    expect(whole / lean, name).toBeGreaterThan(4);
    images.dispose();
    extractor.dispose();
  }
});

describe("leakySum", () => {
  test("gives the sums before the last ReLUs: their ReLU is what comes without, bit by bit", async () => {
    for (const name of ["resnet10_half", "resnet50"]) {
      const run = (settings: { leakySum?: number }) => {
        using net = createBackbone(name, {
          device,
          rng: new Rng(5),
          zeroInitLast: false,
          ...settings,
        });
        using extractor = new FeatureExtractor(net);
        const images = new Rng(1).normal(device, [1, 33, 40, 3]);
        return device.read(() => extractor.forward(images)).finally(() => images.dispose());
      };
      const [plain, sums, leaky] = [
        await run({}),
        await run({ leakySum: 1 }),
        await run({ leakySum: 0.01 }),
      ];
      plain.forEach((level, i) => {
        expect(sums[i]!.map((x) => Math.max(x, 0))).toEqual(level);
        expect(sums[i]!.some((x) => x < 0)).toBe(true);
        expect(leaky[i]!).toEqual(
          sums[i]!.map((x) => (x > 0 ? x : Math.fround(x * Math.fround(0.01)))),
        );
      });
    }
  });

  test("trains: gradients reach every parameter", () => {
    using net = createBackbone("resnet10_half", { device, rng: new Rng(7), leakySum: 0.01 });
    const images = new Rng(1).normal(device, [2, 32, 32, 3]);
    gradients(net, images);
    expect(net.namedParameters().filter(([, p]) => !p.grad)).toEqual([]);
    images.dispose();
  });

  test("is refused where there is no such sum, and where it is no slope", () => {
    const make = (name: string, leakySum: number) =>
      createBackbone(name, { device, rng: new Rng(1), leakySum });
    expect(() => make("hrnet_w18", 0.01)).toThrow(
      "createBackbone: hrnet_w18 has no leakySum; leave it out, or choose a ResNet",
    );
    expect(() => make("resnet18", Number.NaN)).toThrow(
      "createBackbone: leakySum is a slope, a number, got NaN",
    );
  });
});

describe("creation", () => {
  test("ResNets start blocks as the identity, as timm does, unless told otherwise", async () => {
    for (const zeroInitLast of [undefined, false]) {
      const options = zeroInitLast === undefined ? {} : { zeroInitLast };
      const net = createBackbone("resnet18", { device, rng: new Rng(3), ...options }) as ResNet;
      const state = await net.stateDict();
      const first = (name: string) => state.get(name)!.data[0];
      expect(first("layer2.0.bn2.weight")).toBe(zeroInitLast === false ? 1 : 0);
      expect(first("layer2.0.bn1.weight")).toBe(1);
      expect(first("layer2.0.downsample.1.weight")).toBe(1);
      net.dispose();
    }
  });

  test("ResNet's convolutions are Kaiming-normal by fan-out, HRNet's PyTorch's default", async () => {
    const resnet = createBackbone("resnet18", { device, rng: new Rng(3) });
    const spread = async (net: Backbone, name: string) => {
      const { data } = (await net.stateDict()).get(name)!;
      const values = data as Float32Array;
      const square = values.reduce((a, x) => a + x * x, 0) / values.length;
      return { std: Math.sqrt(square), max: values.reduce((a, x) => Math.max(a, Math.abs(x)), 0) };
    };
    const { std } = await spread(resnet, "layer3.1.conv2.weight");
    expect(std / Math.sqrt(2 / (9 * 256))).toBeCloseTo(1, 2);
    const hrnet = createBackbone("hrnet_w18", { device, rng: new Rng(3) });
    const { max } = await spread(hrnet, "stage4.2.branches.3.3.conv2.weight");
    expect(max * Math.sqrt(9 * 144)).toBeLessThanOrEqual(1 + 1e-6);
    expect(max * Math.sqrt(9 * 144)).toBeGreaterThan(0.999);
    resnet.dispose();
    hrnet.dispose();
  });

  test("published weights load with their classifier left out and without the head", async () => {
    const net = empty("hrnet_w18");
    const state = goldenState(net.stateShapes(), "");
    for (const name of [...state.keys()]) if (name.startsWith("last_layer")) state.delete(name);
    state.set("classifier.weight", hostTensor("f32", [2], Float32Array.of(1, 2)));
    const loaded = createBackbone("hrnet_w18", { device, weights: state });
    const got = (await loaded.stateDict()).get("stage3.2.fuse_layers.2.0.0.1.running_var");
    expect(got).toEqual(state.get("stage3.2.fuse_layers.2.0.0.1.running_var"));
    net.dispose();
    loaded.dispose();
  });

  test("weights of another network are refused and nothing is left behind", () => {
    const net = empty("resnet34");
    const weights = goldenState(net.stateShapes(), "");
    net.dispose();
    const before = device.memory.stats().liveBuffers;
    const make = () => createBackbone("resnet18", { device, weights, file: "r34.pth" });
    expect(make).toThrow(/r34\.pth: does not fit resnet18\n {2}70 unexpected: layer1\.2/);
    expect(device.memory.stats().liveBuffers).toBe(before);
  });

  test("CDO's and CFA's own names mean the same networks, and a wrong name is answered with the right ones", () => {
    const names = ["hrnet32", "mshrnet48", "hrnet_w18", "timm_resnet50", "timm_wide_resnet50_2"];
    const cfa = ["res18", "wrn50_2", "effnet-b5", "vgg19"];
    expect(cfa.map((name) => findBackbone(name).name)).toEqual([
      "resnet18",
      "wide_resnet50_2",
      "efficientnet_b5",
      "vgg19_bn",
    ]);
    expect(names.map((name) => findBackbone(name).name)).toEqual([
      "hrnet_w32",
      "hrnet_w48",
      "hrnet_w18",
      "resnet50",
      "wide_resnet50_2",
    ]);
    for (const name of ["resnet32", "hrnet", "hrnet_w64", ""]) {
      expect(() => createBackbone(name, { device, rng: new Rng(1) })).toThrow(
        `createBackbone: there is no backbone "${name}"; choose one of resnet18, resnet34, resnet50, wide_resnet50_2, resnet10_half, hrnet_w18, hrnet_w32, hrnet_w48, vgg19_bn, efficientnet_b5, tf_efficientnet_b6, efficientnet_b6`,
      );
    }
  });
});
