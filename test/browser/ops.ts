/** The op tests of Node, in a browser: the stored PyTorch cases, values and gradients. */
import { type Device, openDevice } from "../../src/core/index.ts";
import { type Case, parseCases } from "../core/cases.ts";
import { checkCase } from "../core/check-case.ts";
import { opTable } from "../core/op-table.ts";
import { imageOps } from "../core/op-table-images.ts";
import { indexOps } from "../core/op-table-index.ts";

let opened: Promise<Device> | undefined;
const device = () => {
  opened ??= openDevice({ onWarning: () => {} });
  return opened;
};

/** Cases small enough for a software adapter in a browser. */
const isSmall = (c: Case) =>
  c.inputs.every((i) => (i.shape ?? []).reduce((a, b) => a * b, 1) <= 20_000);

/** One table: a family may be in several, each with other ops. */
const families = [...new Set([opTable, imageOps, indexOps].flatMap(Object.keys))];
const tableOf = (family: string) => ({
  ...opTable[family],
  ...imageOps[family],
  ...indexOps[family],
});

async function runFamily(family: string): Promise<void> {
  const text = await (await fetch(`/fixtures/ops/${family}.json`)).text();
  const table = tableOf(family);
  const failures: string[] = [];
  let count = 0;
  for (const c of parseCases(text).filter((c) => table[c.op] && isSmall(c))) {
    count++;
    await checkCase(await device(), c, table[c.op] as never).catch((error: Error) => {
      failures.push(`${c.name}: ${error.message}`);
    });
  }
  if (count === 0) throw new Error(`${family}: no case ran`);
  if (failures.length)
    throw new Error(`${failures.length} of ${count}:\n${failures.slice(0, 5).join("\n")}`);
}

export const tests: Record<string, () => Promise<void>> = Object.fromEntries(
  families.map((family) => [
    `${family}: values and gradients agree with PyTorch`,
    () => runFamily(family),
  ]),
);
