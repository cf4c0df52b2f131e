import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openDevice } from "../src/core/index.ts";
import { closeTo } from "./core/close.ts";
import { type Learnt, learn } from "./learnt.ts";

/** Written once from a run on Mesa lavapipe; `test/browser/learnt.ts` holds the browser to the same file. */
const stored = JSON.parse(
  readFileSync(new URL("fixtures/learnt.json", import.meta.url), "utf8"),
) as Learnt;

test("CFA and FOD learn to the stored losses and maps", async () => {
  const device = await openDevice({ onWarning: () => {} });
  const found = await learn(device);
  for (const method of ["cfa", "fod"] as const) {
    closeTo(found[method].losses, stored[method].losses, { rtol: 1e-3, atol: 0 });
    closeTo(found[method].map, stored[method].map, { rtol: 1e-3, atol: 1e-5 });
  }
  expect(device.memory.stats().liveBuffers).toBe(0);
  device.close();
});
