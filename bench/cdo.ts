/** CDO as a user meets it: a training step, and one image from its file to its heat map and score. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CdoConfig, createCdo } from "../src/cdo/index.ts";
import type { Precision } from "../src/core/index.ts";
import { batches, demoImage, type Sample, testTransform, writePng } from "../src/data/index.ts";
import { predictBatches } from "../src/detector/index.ts";
import { drawn } from "./inputs.ts";
import { suffixOf, type Task } from "./task.ts";

type Net = Pick<CdoConfig, "backbone" | "imageSize"> & { readonly precision?: Precision };

/** @param batch images of a step */
export function cdoStepTask(net: Net, batch: number): Task {
  const { backbone, imageSize, precision = "f32" } = net;
  return {
    name: `CDO training step, ${backbone}, ${batch}×${imageSize}²${suffixOf(precision)}`,
    work: { images: batch },
    open(device) {
      const detector = createCdo({
        device,
        config: { backbone, imageSize, batchSize: batch, precision },
        seed: 1,
      });
      const shape = [batch, imageSize, imageSize] as const;
      const images = device.tensor(drawn(batch * imageSize ** 2 * 3, 1, 2), [...shape, 3]);
      const mask = new Float32Array(batch * imageSize ** 2);
      mask.forEach((_, i) => {
        mask[i] = Number(i % imageSize < imageSize / 4);
      });
      const masks = device.tensor(mask, [...shape, 1]);
      const at = { epoch: 0, iteration: 0, iterationsPerEpoch: 100 };
      return {
        prepare: () => detector.prepareTraining(),
        queue: () => detector.trainStep(images, masks, at),
        check: finite(1),
      };
    },
  };
}

/** Decoding, resizing, both networks, the map back on the host and its score; the image is a PNG of 900 × 900. */
export function cdoPredictTask(net: Net): Task {
  const { backbone, imageSize, precision = "f32" } = net;
  return {
    name: `CDO prediction, ${backbone}, PNG file to map of ${imageSize}²${suffixOf(precision)}`,
    work: { images: 1 },
    async open(device) {
      const folder = mkdtempSync(join(tmpdir(), "loupe-bench-"));
      const path = join(folder, "piece.png");
      await writePng(path, demoImage("tile", { size: 900, part: "good", index: 0 }).image);
      const detector = createCdo({ device, config: { backbone, imageSize, precision }, seed: 1 });
      const sample: Sample = { path, label: 0, defect: "good", className: "tile" };
      const transform = testTransform({ size: imageSize });
      return {
        prepare: () => detector.preparePrediction(1),
        async wait() {
          const one = batches([sample], { batchSize: 1, side: imageSize, transform });
          const [prediction] = await predictBatches(detector, [sample], one);
          if (!(prediction && prediction.score > 0)) throw new Error("the image has no score");
          return prediction.map;
        },
        check: finite(imageSize ** 2),
        close: () => rmSync(folder, { recursive: true }),
      };
    },
  };
}

/** So many finite numbers that are not all the same, or one that is not 0; their values are held to PyTorch's in test/cdo. */
function finite(length: number) {
  return (answer: ArrayLike<number>): void => {
    const values = Array.from(answer);
    if (values.length !== length) throw new Error(`got ${values.length} numbers, not ${length}`);
    if (!values.every(Number.isFinite)) throw new Error("got numbers that are not finite");
    const varied = length === 1 ? values[0] !== 0 : values.some((v) => v !== values[0]);
    if (!varied) throw new Error(`every number is ${values[0]}`);
  };
}
