/** One vitest test per stored PyTorch case. */
import { test } from "vitest";
import type { Device } from "../../src/core/index.ts";
import { type Apply, checkCase, usual } from "./check-case.ts";
import { type Case, loadFamily, type Tolerance } from "./fixtures.ts";

export { type Apply, checkCase } from "./check-case.ts";

export interface RunOptions {
  readonly tolerance?: Tolerance | ((c: Case) => Tolerance);
  /** Cases left to another test. */
  readonly skip?: (c: Case) => boolean;
}

/** One test per case of a family (or of the named ops in it). */
export function testFamily(
  device: () => Device,
  family: string,
  ops: Readonly<Record<string, Apply>>,
  options: RunOptions = {},
): void {
  for (const c of loadFamily(family, ...Object.keys(ops))) {
    if (options.skip?.(c)) continue;
    test(`${c.name} agrees with PyTorch`, async () => {
      const { tolerance = usual } = options;
      const allowed = typeof tolerance === "function" ? tolerance(c) : tolerance;
      await checkCase(device(), c, ops[c.op] as Apply, allowed);
    });
  }
}
