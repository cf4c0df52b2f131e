/** One device for a test file. When its tests are done, nothing may be left on it. */
import { afterAll, expect } from "vitest";
import { type Device, openDevice } from "../src/core/index.ts";

/** @example const device = await testDevice(); */
export async function testDevice(): Promise<Device> {
  const device = await openDevice({ onWarning: () => {} });
  afterAll(() => {
    expect(device.memory.stats().liveBuffers).toBe(0);
    device.close();
  });
  return device;
}
