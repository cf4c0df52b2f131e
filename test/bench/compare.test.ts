/** What the bench says of its figures: regressions, shares, ratios, tables. Pure functions on made-up results. */
import { expect, test } from "vitest";
import { compareResults, formatComparison } from "../../bench/compare.ts";
import { parseOptions } from "../../bench/options.ts";
import { ceilingOf, parseResult, type Result, type Row, shareOf } from "../../bench/result.ts";
import { formatResult, gradientShares, peerRatio } from "../../bench/table.ts";

const row = (name: string, minMs: number, flops = 1e9): Row => ({
  name,
  work: { flops },
  firstMs: 100,
  medianMs: minMs,
  minMs,
  runs: 5,
});
const result = (...rows: Row[]): Result => ({
  format: 2,
  date: "2026-01-02",
  adapter: { name: "a GPU", vendor: "v", architecture: "", driver: "d", software: false },
  host: { cpu: "c", cores: 4, node: "20", commit: "abc" },
  rows,
});

test("over 10 % slower is a regression, 10 % and faster are not", () => {
  const before = result(row("a", 10), row("b", 10), row("c", 10), row("gone", 1));
  const now = result(row("a", 11.1), row("b", 11), row("c", 5), row("new", 1));
  const flags = compareResults(before, now).map((c) => [c.name, c.regression]);
  expect(flags).toEqual([
    ["a", true],
    ["b", false],
    ["c", false],
  ]);
  const text = formatComparison(before, now);
  expect(text.split("\n").filter((line) => line.includes("REGRESSION"))).toEqual([
    expect.stringMatching(/^a .* 10\.00 → 11\.10 ms {2}× 1\.11 {2}REGRESSION$/),
  ]);
  expect(text).toContain("3 compared, 1 slower by over 10 %, 1 new, 1 not measured now");
});

test("a time that is not a number is a regression, and another adapter is said", () => {
  const now = result(row("a", Number.NaN));
  expect(compareResults(result(row("a", 1)), now)[0]?.regression).toBe(true);
  const other = { ...now, adapter: { ...now.adapter, name: "another" } };
  expect(formatComparison(now, other)).toContain("adapters differ: a GPU before, another now");
});

test("a share is the rate over the best probe of its unit; images have none", () => {
  const probes = [row("fma", 10), row("fma", 5), { ...row("copy", 1), work: { bytes: 1e7 } }];
  const ceiling = ceilingOf(probes);
  expect(ceiling).toEqual({ gflops: 200, gbps: 10 });
  expect(shareOf(row("a", 20), ceiling)).toBeCloseTo(0.25);
  expect(shareOf({ ...row("a", 20), work: { bytes: 1e8 } }, ceiling)).toBeCloseTo(0.5);
  expect(shareOf({ ...row("a", 20), work: { images: 1 } }, ceiling)).toBeUndefined();
});

test("gradients are put beside the forward of their layer", () => {
  const rows = ["forward", "input gradient", "weight gradient"].map((pass, i) =>
    row(`conv x ${pass}`, 10 * (i + 1)),
  );
  expect(gradientShares([...rows, row("ResNet-18 forward", 1)])).toEqual([
    ["conv x", 1 / 2, 1 / 3],
  ]);
});

test("the ratio is to the fastest other JavaScript engine that came through", () => {
  const peer = (name: string, medianMs: number) => ({
    task: "t",
    peer: name,
    medianMs,
    minMs: medianMs,
    firstMs: 1,
    runs: 1,
  });
  const failed = { task: "t", peer: "tfjs", error: "wrong answer at 0" };
  const all = [peer("tensorloupe", 10), peer("jax-js", 30), peer("PyTorch", 1), failed];
  expect(peerRatio(all)).toBe(3);
  expect(peerRatio([peer("jax-js", 30), failed])).toBeUndefined();
  expect(peerRatio(all, "cpuMs")).toBeUndefined();
  const cpu = all.map((p, i) => ("error" in p ? p : { ...p, cpuMs: 10 * (i + 1) }));
  expect(peerRatio(cpu, "cpuMs")).toBe(2);
  const text = formatResult({ ...result(), peers: all }, true);
  expect(text).toMatch(
    /\| t +\| +10\.0 \| +30\.0 \| +1\.0 \| +failed \| +3\.00 \| +3\.00 \| +-- \|/,
  );
  expect(text).toContain("tfjs, t: wrong answer at 0");
});

test("a file of another format is refused", () => {
  expect(() => parseResult('{"rows": []}', "x.json")).toThrow("x.json: is no result of this bench");
  expect(parseResult(JSON.stringify(result(row("a", 1))), "x.json").rows).toHaveLength(1);
});

test("--json works with and without a file, and mistakes are said", () => {
  expect(parseOptions(["--json"]).json).toBe("-");
  expect(parseOptions(["--json", "--quick"])).toMatchObject({ json: "-", quick: true });
  expect(parseOptions(["--json", "x.json"]).json).toBe("x.json");
  expect(parseOptions(["--only", "CONV"]).only.test("a conv")).toBe(true);
  expect(() => parseOptions(["--only", "("])).toThrow("is no regular expression");
  expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds must be a whole number from 1");
});
