/** The forward tasks as ONNX models, written with the format's own protobuf definition; weights are inside. */
import { drawn } from "../inputs.ts";
import { resnet18Layers, resnet18Numbers } from "../networks.ts";
import { loadOnnxProto } from "./home.mjs";

const float = 1;

/** Bytes of the model for a task. */
export async function onnxModel(task) {
  const { onnx } = await loadOnnxProto();
  const build = models[task]();
  const shaped = (name, shape) => ({
    name,
    type: {
      tensorType: { elemType: float, shape: { dim: shape.map((n) => ({ dimValue: n })) } },
    },
  });
  const model = onnx.ModelProto.create({
    irVersion: 7,
    opsetImport: [{ domain: "", version: 13 }],
    graph: {
      name: task,
      node: build.nodes,
      initializer: Object.entries(build.weights).map(([name, { shape, data, int64 }]) => ({
        name,
        dims: shape,
        ...(int64
          ? { dataType: 7, int64Data: int64 }
          : { dataType: float, rawData: bytesOf(data) }),
      })),
      input: Object.entries(build.inputs).map(([name, shape]) => shaped(name, shape)),
      output: [shaped("y", build.output)],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

const bytesOf = (data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function node(opType, input, output, attributes = {}) {
  const attribute = Object.entries(attributes).map(([name, value]) => {
    if (Array.isArray(value)) return { name, type: 7, ints: value };
    if (Number.isInteger(value)) return { name, type: 2, i: value };
    return { name, type: 1, f: value };
  });
  return { opType, input, output: [output], attribute };
}

const convolution = (kernel, stride, pad) => ({
  kernel_shape: [kernel, kernel],
  strides: [stride, stride],
  pads: [pad, pad, pad, pad],
});

const sum = (axis) => () => ({
  nodes: [node("ReduceSum", ["x", "axes"], "y", { keepdims: 0 })],
  weights: { axes: { shape: [1], int64: [axis] } },
  inputs: { x: [4096, 4096] },
  output: [4096],
});

const models = {
  matmul: () => ({
    nodes: [node("MatMul", ["a", "b"], "y")],
    weights: {},
    inputs: { a: [1024, 1024], b: [1024, 1024] },
    output: [1024, 1024],
  }),
  conv: () => ({
    nodes: [node("Conv", ["x", "w"], "y", convolution(3, 1, 1))],
    weights: { w: { shape: [64, 64, 3, 3], data: drawn(64 * 64 * 9, 2, 0.05) } },
    inputs: { x: [4, 64, 64, 64] },
    output: [4, 64, 64, 64],
  }),
  "sum-0": sum(0),
  "sum-1": sum(1),
  resnet18: () => {
    const weights = Object.fromEntries(resnet18Numbers());
    return {
      nodes: resnet18Nodes(weights),
      weights,
      inputs: { x: [1, 3, 224, 224] },
      output: [1, 1000],
    };
  },
};

function resnet18Nodes(weights) {
  const nodes = [];
  const add = (op, input, attributes) => {
    const output = `t${nodes.length}`;
    nodes.push(node(op, input, output, attributes));
    return output;
  };
  const norm = (x, c, n, kernel, stride, pad) => {
    const y = add("Conv", [x, `${c}.weight`], convolution(kernel, stride, pad));
    const parts = ["weight", "bias", "running_mean", "running_var"].map((part) => `${n}.${part}`);
    return add("BatchNormalization", [y, ...parts], { epsilon: 1e-5 });
  };
  const relu = (x) => add("Relu", [x]);
  let h = relu(norm("x", "conv1", "bn1", 7, 2, 3));
  h = add("MaxPool", [h], convolution(3, 2, 1));
  for (const [l, [, layerStride]] of resnet18Layers.entries()) {
    for (const b of [0, 1]) {
      const at = `layer${l + 1}.${b}`;
      const stride = b === 0 ? layerStride : 1;
      const down = `${at}.downsample`;
      const projected = weights[`${down}.0.weight`] !== undefined;
      const identity = projected ? norm(h, `${down}.0`, `${down}.1`, 1, stride, 0) : h;
      const y = relu(norm(h, `${at}.conv1`, `${at}.bn1`, 3, stride, 1));
      h = relu(add("Add", [norm(y, `${at}.conv2`, `${at}.bn2`, 3, 1, 1), identity]));
    }
  }
  const flat = add("Flatten", [add("GlobalAveragePool", [h])], { axis: 1 });
  nodes.push(node("Gemm", [flat, "fc.weight", "fc.bias"], "y", { transB: 1 }));
  return nodes;
}
