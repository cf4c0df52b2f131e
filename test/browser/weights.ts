/** The weights that come with the package, in a browser: fetched from beside the script, checked, and of use. */
import { openDevice } from "../../src/core/index.ts";
import {
  createBackbone,
  FeatureExtractor,
  listWeights,
  loadWeights,
  readCheckpoint,
} from "../../src/models/index.ts";

/** Sentences, and functions that throw when the sentence is not true. */
export const tests: Record<string, () => Promise<void>> = {
  "the packaged weights load without a download and give features": async () => {
    const { bytes, sha256, entry } = await loadWeights("resnet10_half");
    if (sha256 !== entry?.sha256Prefix) throw new Error(`another file: ${sha256}`);
    const { state } = readCheckpoint(bytes, { name: "resnet10_half.textures" });
    const device = await openDevice({ onWarning: () => {} });
    const network = createBackbone("resnet10_half", { device, weights: state });
    const teacher = new FeatureExtractor(network);
    const pixels = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i * i));
    const [finest] = await device.read(() => [
      ...teacher.forward(device.tensor(pixels, [1, 32, 32, 3])),
    ]);
    teacher.dispose();
    device.close();
    if (finest?.length !== 8 * 8 * 32) throw new Error(`${finest?.length} numbers at stride 4`);
    if (!finest.every(Number.isFinite) || !finest.some((v) => v !== finest[0])) {
      throw new Error("the features are no features");
    }
  },

  "a page may keep them elsewhere": async () => {
    const here = new URL("/weights", location.href);
    const { bytes } = await loadWeights("resnet10_half", { assets: here });
    const [status] = await listWeights({ assets: here });
    const wanted = `${location.origin}/weights/resnet10_half.textures.safetensors`;
    if (status?.path !== wanted) throw new Error(`they are said to be at ${status?.path}`);
    if (bytes.length < 1000) throw new Error(`${bytes.length} bytes`);
  },
};
