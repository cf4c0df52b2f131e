/** `npm run bench` as a user starts it, with the smallest task. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parseResult } from "../../bench/result.ts";

const root = resolve(import.meta.dirname, "../..");
const bench = (...args: string[]) =>
  promisify(execFile)("node", ["scripts/run.mjs", "--bench", ...args], { cwd: root });

/** Faster than any machine. */
const impossible = {
  format: 2,
  adapter: { name: "a GPU" },
  rows: [
    { name: "matmul 64³", work: { flops: 1 }, minMs: 1e-9, medianMs: 1e-9, firstMs: 1, runs: 1 },
  ],
};

test("the bench measures, checks, writes its result and compares it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "loupe-bench-test-"));
  try {
    const [file, old] = [join(folder, "now.json"), join(folder, "old.json")];
    writeFileSync(old, JSON.stringify(impossible));
    const args = ["--quick", "--only", "matmul 64", "--json", file, "--compare", old];
    const failure = await bench(...args).catch((e) => e);
    expect(failure.code).toBe(1);
    expect(failure.stdout).toContain("REGRESSION");
    const result = parseResult(readFileSync(file, "utf8"), file);
    expect(result.rows.map((row) => row.name)).toEqual(["matmul 64³"]);
    const [row] = result.rows;
    expect(row?.minMs).toBeGreaterThan(0);
    expect(row?.launches).toBeGreaterThan(0);
    expect(row?.peakBytes).toBeGreaterThanOrEqual(3 * 4 * 64 * 64);
    expect(result.ceiling?.gflops).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

test("what can't be measured is said in one line", async () => {
  const failure = await bench("--only", "no such task").catch((e) => e);
  expect(failure.code).toBe(1);
  expect(failure.stderr).toContain("bench: --only no such task: no task has such a name");
});
