/** Where the other engines are installed, and how one is loaded from there. Its twin for a page is home.browser.mjs. */
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The folder, in the user's cache. */
export function peersHome() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "tensorloupe", "bench-peers");
}

const require = createRequire(join(peersHome(), "package.json"));
const importFile = (file) => import(pathToFileURL(file).href);

export const loadJax = () => importFile(require.resolve("@jax-js/jax"));
/** The bundle that install.ts makes. */
export const loadTfjs = () => importFile(join(peersHome(), "tfjs.mjs"));
export const loadOnnxRuntime = async () => require("onnxruntime-node");
export const loadOnnxProto = async () => require("onnx-proto");

/** As pinned in the package.json beside this. */
export function versionOf(name) {
  return require("./package.json").dependencies[name];
}
