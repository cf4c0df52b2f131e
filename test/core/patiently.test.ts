/** Waiting for the GPU: the result comes through, and the core is free meanwhile. */
import { expect, test } from "vitest";
import { patiently } from "../../src/core/gpu.node.ts";

test("a wait gives its result or its error", async () => {
  expect(await patiently(Promise.resolve(7))).toBe(7);
  await expect(patiently(Promise.reject(new Error("lost")))).rejects.toThrow("lost");
});

test("a long wait lets the event loop turn, but not as fast as it can", async () => {
  let turns = 0;
  let on = true;
  const count = () => {
    turns++;
    if (on) setImmediate(count); // as Dawn does
  };
  setImmediate(count);
  const before = process.cpuUsage();
  await patiently(new Promise((resolve) => setTimeout(resolve, 300)));
  const { user, system } = process.cpuUsage(before);
  on = false;
  expect(turns).toBeGreaterThan(50);
  expect(turns).toBeLessThan(3000);
  expect((user + system) / 1000).toBeLessThan(200); // milliseconds of 300
});
