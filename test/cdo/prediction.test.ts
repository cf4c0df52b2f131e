import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openDevice } from "../../src/core/index.ts";
import { closeTo } from "../core/close.ts";
import { predictGolden } from "./prediction.ts";

/** Written once from a run on Mesa lavapipe; `test/browser/cdo.ts` holds the browser to the same file. */
const stored = JSON.parse(
  readFileSync(new URL("../fixtures/cdo/prediction.json", import.meta.url), "utf8"),
) as { map: number[]; score: number };

test("a prediction gives the stored map and score", async () => {
  const device = await openDevice({ onWarning: () => {} });
  const { map, score } = await predictGolden(device);
  closeTo(map, stored.map, { rtol: 1e-4, atol: 1e-6 });
  closeTo([score], [stored.score], { rtol: 1e-4, atol: 0 });
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});
