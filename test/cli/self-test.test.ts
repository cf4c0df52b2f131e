/** What `loupe doctor` computes on a device, with and without matrix units (here emulated). */
import { expect, test } from "vitest";
import { selfTest } from "../../src/cli/self-test.ts";
import { capsOf } from "../../src/core/index.ts";
import { testDevice } from "../device.ts";

const plain = await testDevice();
const withUnits = await testDevice();
const name = "tensor cores against the CPU";

test("a sound device passes every check; tensor cores that are not there are not used", async () => {
  const results = await selfTest(plain, () => performance.now());
  expect(results.filter((r) => !r.ok)).toEqual([]);
  const cores = results.find((r) => r.name === name);
  expect(cores?.detail).toBe(
    plain.adapter.matrixUnits?.matrix ? "every sum is exact" : "not there, not used",
  );
});

test("tensor cores are checked with operands as they lie and turned", async () => {
  const configs = [{ componentType: "f16", resultComponentType: "f32", M: 16, N: 16, K: 16 }];
  const units = { configs, dialect: "emulated", subgroupSize: 32, pinned: false };
  Object.assign(capsOf(withUnits), { matrix: units });
  const results = await selfTest(withUnits, () => performance.now());
  expect(results.find((r) => r.name === name)).toEqual({
    ...{ name, ok: true, detail: "every sum is exact" },
  });
  const asked = withUnits.planner.seen.filter(({ key }) => /f16$/.test(key));
  expect(asked.map(({ plans }) => plans[0]?.name)).toEqual(
    Array(3).fill(expect.stringMatching(/^matrix/)),
  );
});
