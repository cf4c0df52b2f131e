/** TensorFlow.js on WebGPU. Padding is given as a number: its "same" is another one at stride 2. */
import { drawn, toHWIO, toNHWC } from "../inputs.ts";
import {
  resnet18Image,
  resnet18Layers,
  resnet18Numbers,
  sgdStep,
  sgdStepWeights,
} from "../networks.ts";
import { joined } from "../task.ts";
import { installGpu } from "./dawn.mjs";
import { loadTfjs, versionOf } from "./home.mjs";

export async function start({ adapter }) {
  const gpu = await installGpu(adapter);
  const tf = await loadTfjs();
  if (!(await tf.setBackend("webgpu"))) throw new Error("tfjs has no WebGPU here");
  await tf.ready();
  const about = `TensorFlow.js ${versionOf("@tensorflow/tfjs-core")} on ${gpu.adapter}`;
  return { about, failure: gpu.failure, tasks: tasksOf(tf) };
}

function tasksOf(tf) {
  const backend = tf.backend();
  const fence = async () => {
    if (backend.endComputePassEncoder) backend.endComputePassEncoder();
    else backend.ensureComputePassEnded?.();
    backend.submitQueue();
    await backend.device.queue.onSubmittedWorkDone();
  };
  /** `step` gives an array of tensors. */
  const opened = (step) => {
    let last = [];
    return {
      async run() {
        tf.dispose(last);
        last = step();
        await fence();
      },
      answer: async () => joined(await Promise.all(last.map((t) => t.data()))),
      close: () => tf.dispose(last),
    };
  };
  const images = (shape, seed) => {
    const [n, c, h, w] = shape;
    const data = drawn(n * c * h * w, seed);
    return tf.tensor(toNHWC(data, shape), [n, h, w, c]);
  };
  const kernel = ({ shape, data }) => {
    const [o, i, h, w] = shape;
    return tf.tensor(toHWIO(data, shape), [h, w, i, o]);
  };
  const conv = (x, w, stride = 1, pad = 1) =>
    tf.conv2d(x, w, stride, pad, "NHWC", [1, 1], stride > 1 ? "floor" : undefined);
  const common = () => ({
    x: images([4, 64, 64, 64], 1),
    w: kernel({ shape: [64, 64, 3, 3], data: drawn(64 * 64 * 9, 2, 0.05) }),
    dy: images([4, 64, 64, 64], 3),
  });
  const sum = (axis) => () => {
    const x = tf.tensor(drawn(4096 * 4096, 1), [4096, 4096]);
    return opened(() => [tf.sum(x, axis)]);
  };

  return {
    matmul() {
      const [a, b] = [1, 2].map((seed) => tf.tensor(drawn(1024 * 1024, seed), [1024, 1024]));
      return opened(() => [tf.matMul(a, b)]);
    },
    conv() {
      const { x, w } = common();
      return opened(() => [conv(x, w)]);
    },
    "conv-gradients"() {
      const { x, w, dy } = common();
      const gradients = tf.grads((x, w) => conv(x, w));
      return opened(() => tf.tidy(() => gradients([x, w], dy)));
    },
    "sum-0": sum(0),
    "sum-1": sum(1),
    resnet18() {
      const forward = resnet18({ tf, conv, kernel });
      const x = images(resnet18Image.shape, resnet18Image.seed);
      return opened(() => [tf.tidy(() => forward(x))]);
    },
    "sgd-step"() {
      const layers = sgdStepWeights().map((weight) => ({
        w: tf.variable(kernel(weight)),
        g: tf.variable(tf.ones([sgdStep.channels])),
        b: tf.variable(tf.zeros([sgdStep.channels])),
      }));
      const x = images(sgdStep.images.shape, sgdStep.images.seed);
      const target = images(sgdStep.target.shape, sgdStep.target.seed);
      const optimiser = tf.train.sgd(sgdStep.lr);
      const loss = () => {
        let h = x;
        for (const { w, g, b } of layers) {
          h = conv(h, w);
          const { mean, variance } = tf.moments(h, [0, 1, 2]);
          h = tf.relu(tf.batchNorm(h, mean, variance, b, g, sgdStep.eps));
        }
        return tf.mean(tf.square(tf.sub(h, target)));
      };
      const variables = layers.flatMap(({ w, g, b }) => [w, g, b]);
      return opened(() => [optimiser.minimize(loss, true, variables)]);
    },
  };
}

function resnet18({ tf, conv, kernel }) {
  const numbers = resnet18Numbers();
  const tensors = new Map();
  for (const [name, value] of numbers) {
    const { shape, data } = value;
    tensors.set(name, shape.length === 4 ? kernel(value) : tf.tensor(data, shape));
  }
  const norm = (x, c, n, stride, pad) => {
    const [mean, variance, offset, scale] = ["running_mean", "running_var", "bias", "weight"].map(
      (part) => tensors.get(`${n}.${part}`),
    );
    const y = conv(x, tensors.get(`${c}.weight`), stride, pad);
    return tf.batchNorm(y, mean, variance, offset, scale, 1e-5);
  };
  return (x) => {
    let h = tf.relu(norm(x, "conv1", "bn1", 2, 3));
    h = tf.maxPool(h, 3, 2, 1, "floor");
    for (const [l, [, layerStride]] of resnet18Layers.entries()) {
      for (const b of [0, 1]) {
        const at = `layer${l + 1}.${b}`;
        const stride = b === 0 ? layerStride : 1;
        const down = `${at}.downsample`;
        const projected = tensors.has(`${down}.0.weight`);
        const identity = projected ? norm(h, `${down}.0`, `${down}.1`, stride, 0) : h;
        const y = tf.relu(norm(h, `${at}.conv1`, `${at}.bn1`, stride, 1));
        h = tf.relu(tf.add(norm(y, `${at}.conv2`, `${at}.bn2`, 1, 1), identity));
      }
    }
    const logits = tf.matMul(tf.mean(h, [1, 2]), tensors.get("fc.weight"), false, true);
    return tf.add(logits, tensors.get("fc.bias"));
  };
}
