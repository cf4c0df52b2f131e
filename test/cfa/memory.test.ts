/** Memory of CFA over many steps, and with the size of the image. */
import { expect, test } from "vitest";
import { testDevice } from "../device.ts";
import { batchOf, onDevice } from "./small.ts";

const device = await testDevice();
const { make, begun, step } = onDevice(device);

test("500 steps need no more memory than the first", async () => {
  const cfa = await begun({ config: { gammaD: 4, gammaC: 1 } });
  const batch = batchOf("a", 2);
  for (let i = 0; i < 3; i++) await step(cfa, batch);
  const { liveBytes, liveBuffers } = device.memory.stats();
  for (let i = 0; i < 500; i++) await step(cfa, batch);
  const after = device.memory.stats();
  expect([after.liveBytes, after.liveBuffers]).toEqual([liveBytes, liveBuffers]);
  cfa.dispose();
});

test("the memory of a step grows with the area of the image, not with its square", () => {
  const peaks = [224, 448, 896].map((imageSize) => {
    const config = { imageSize, batchSize: 1, gammaD: 2 };
    const cfa = make({ config });
    const { plan, networks } = cfa.trainingMemory();
    cfa.dispose();
    return { peak: plan.peak, networks };
  });
  const [first, second, third] = peaks.map((p) => p.peak) as [number, number, number];
  expect(second / first).toBeLessThan(4.3);
  expect(third / second).toBeLessThan(4.3);
  const patches = (896 / 4) ** 2;
  expect(third).toBeLessThan(patches * 4 * patches * 0.05); // a matrix of all distances would be 10 GB
});
