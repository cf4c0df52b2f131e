/** The twin of home.mjs for a page: esbuild finds the packages in their folder. */
import pinned from "./package.json";

export const loadJax = () => import("@jax-js/jax");
export const loadTfjs = async () => {
  await import("@tensorflow/tfjs-core/dist/register_all_gradients.js");
  await import("@tensorflow/tfjs-backend-webgpu");
  return import("@tensorflow/tfjs-core");
};
export const loadOnnxRuntime = async () => {
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.wasmPaths = "/onnxruntime-web/";
  return ort;
};
export const loadOnnxProto = async () => (await import("onnx-proto")).default;

export function versionOf(name) {
  return pinned.dependencies[name];
}
