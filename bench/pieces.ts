/** What benchmarks of methods share: one image from its file to its map, and what an answer that is not compared must be. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Device } from "../src/core/index.ts";
import {
  batches,
  demoImage,
  framingOf,
  type Sample,
  testTransform,
  writePng,
} from "../src/data/index.ts";
import { type Detector, predictBatches } from "../src/detector/index.ts";
import type { Task } from "./task.ts";

/** Decoding, resizing, all networks, the map back on the host and its score; the image is a PNG of 900 × 900. */
export function predictionTask(
  name: string,
  open: (device: Device) => Detector | Promise<Detector>,
): Task {
  return {
    name,
    work: { images: 1 },
    async open(device) {
      const folder = mkdtempSync(join(tmpdir(), "loupe-bench-"));
      const path = join(folder, "piece.png");
      await writePng(path, demoImage("tile", { size: 900, part: "good", index: 0 }).image);
      const detector = await open(device);
      const sample: Sample = { path, label: 0, defect: "good", className: "tile" };
      const { images } = detector;
      const transform = testTransform(framingOf(images));
      return {
        prepare: () => detector.preparePrediction(1),
        async wait() {
          const one = batches([sample], { batchSize: 1, side: images.size, transform });
          const [prediction] = await predictBatches(detector, [sample], one);
          if (!(prediction && prediction.score > 0)) throw new Error("the image has no score");
          return prediction.map;
        },
        check: finite(images.size ** 2),
        close: () => rmSync(folder, { recursive: true }),
      };
    },
  };
}

/** So many finite numbers that are not all the same, or one that is not 0; their values are held to PyTorch's in the tests. */
export function finite(length: number) {
  return (answer: ArrayLike<number>): void => {
    const values = Array.from(answer);
    if (values.length !== length) throw new Error(`got ${values.length} numbers, not ${length}`);
    if (!values.every(Number.isFinite)) throw new Error("got numbers that are not finite");
    const varied = length === 1 ? values[0] !== 0 : values.some((v) => v !== values[0]);
    if (!varied) throw new Error(`every number is ${values[0]}`);
  };
}
