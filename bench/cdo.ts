/** CDO as a user meets it: a training step, and one image from its file to its heat map and score. */
import { type CdoConfig, createCdo } from "../src/cdo/index.ts";
import type { Precision } from "../src/core/index.ts";
import { drawn } from "./inputs.ts";
import { finite, predictionTask } from "./pieces.ts";
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

export function cdoPredictTask(net: Net): Task {
  const { backbone, imageSize, precision = "f32" } = net;
  const name = `CDO prediction, ${backbone}, PNG file to map of ${imageSize}²${suffixOf(precision)}`;
  return predictionTask(name, (device) =>
    createCdo({ device, config: { backbone, imageSize, precision }, seed: 1 }),
  );
}
