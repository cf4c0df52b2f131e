/** Inputs and answers of the goldens of the losses beside CDO's own. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Device, Tensor } from "../../../src/core/index.ts";
import { golden } from "../features.ts";

const answers = JSON.parse(
  readFileSync(new URL("../../fixtures/cdo/loss-others.json", import.meta.url), "utf8"),
) as Readonly<Record<string, unknown>>;

/** The stored answer to a case whose name begins so. */
export function answer<T = number>(name: string): T {
  if (name in answers) return answers[name] as T;
  const found = Object.keys(answers).filter((key) => key.startsWith(`${name} `));
  expect(found).toHaveLength(1);
  return answers[found[0]!] as T;
}

/** The two levels a, a2 and b, b2 of the goldens. */
export function pairs(device: Device): { a: Tensor[]; b: Tensor[] } {
  const of = (name: string) => [
    golden(device, name, [2, 3, 4, 4]),
    golden(device, `${name}2`, [2, 5, 2, 2]),
  ];
  return { a: of("la"), b: of("lb") };
}

/** The value of a loss, within 1e-5 of the golden in f64. */
export async function expectLoss(device: Device, make: () => Tensor, want: number): Promise<void> {
  const [value] = await device.read(() => [make()]);
  expect(value).toHaveLength(1);
  expect(Math.abs((value?.[0] as number) - want)).toBeLessThan(1e-5 * Math.max(1, Math.abs(want)));
}
