/**
 * ONNX Runtime with its WebGPU provider; in Node it has a Dawn of its own. It has no training. A run includes the upload of
 * its inputs and the download of its result: in Node its API has no other way.
 */
import { drawn, toNHWC } from "../inputs.ts";
import { resnet18Image } from "../networks.ts";
import { loadOnnxRuntime } from "./home.mjs";
import { onnxModel } from "./onnx.mjs";

const identity = (y) => y;
const inputs = {
  matmul: { a: [[1024, 1024], 1], b: [[1024, 1024], 2] },
  conv: { x: [[4, 64, 64, 64], 1] },
  "sum-0": { x: [[4096, 4096], 1] },
  "sum-1": { x: [[4096, 4096], 1] },
  resnet18: { x: [resnet18Image.shape, resnet18Image.seed] },
};
const ours = { conv: (y) => toNHWC(y, [4, 64, 64, 64]) };

export async function start() {
  const ort = await loadOnnxRuntime();
  const tasks = Object.fromEntries(
    Object.keys(inputs).map((task) => [task, () => open(ort, task)]),
  );
  const { node, web } = ort.env.versions;
  const about = `ONNX Runtime ${node ?? web}, WebGPU`;
  return { about, tasks, failure: () => undefined }; // a run rejects by itself
}

async function open(ort, task) {
  const session = await ort.InferenceSession.create(await onnxModel(task), {
    executionProviders: ["webgpu"],
    logSeverityLevel: 3,
    extra: { session: { disable_cpu_ep_fallback: "1" } }, // or a kernel may run elsewhere and nobody says so
  });
  const feeds = Object.fromEntries(
    Object.entries(inputs[task]).map(([name, [shape, seed]]) => {
      const data = drawn(
        shape.reduce((a, b) => a * b, 1),
        seed,
      );
      return [name, new ort.Tensor("float32", data, shape)];
    }),
  );
  let last;
  return {
    async run() {
      last = (await session.run(feeds)).y.data;
    },
    answer: async () => (ours[task] ?? identity)(last),
    close: () => void session.release?.(),
  };
}
