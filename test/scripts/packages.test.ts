/** When setup installs packages, and above all when it does not. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { folderWith, script } from "./load.ts";

const { ensurePackages, isInstalled } = await script("setup/packages.mjs");
const { nodeComplaint } = await script("setup/node.mjs");

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const lock = {
  packages: {
    "": { name: "x" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b-darwin": { version: "2.0.0", optional: true },
  },
};
const tree = { packages: { "node_modules/a": { version: "1.0.0", integrity: "sha512-a" } } };

test("a tree with every package at its version is installed, other systems' builds aside", () => {
  expect(isInstalled(lock, tree)).toBe(true);
});

test("a tree with another version, another content or without a package is not installed", () => {
  const other = (entry: object) => ({ packages: { "node_modules/a": entry } });
  expect(isInstalled(lock, other({ version: "1.0.1", integrity: "sha512-a" }))).toBe(false);
  expect(isInstalled(lock, other({ version: "1.0.0", integrity: "sha512-b" }))).toBe(false);
  expect(isInstalled(lock, {})).toBe(false);
});

/** A stand-in for npm that notes its arguments and "installs" `tree`. */
const fakeNpm = (code: number) => `
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
appendFileSync("calls.txt", process.argv.slice(2).join(" ") + "\\n");
mkdirSync("node_modules", { recursive: true });
if (${code} === 0) writeFileSync("node_modules/.package-lock.json", ${JSON.stringify(JSON.stringify(tree))});
process.exit(${code});
`;

function checkout(code = 0) {
  const folder = folderWith({
    "package-lock.json": JSON.stringify(lock),
    "package.json": '{ "type": "module" }',
    "npm-cli.js": fakeNpm(code),
  });
  vi.stubEnv("npm_execpath", join(folder, "npm-cli.js"));
  vi.spyOn(console, "log").mockReturnValue();
  vi.spyOn(console, "error").mockReturnValue();
  const calls = () =>
    existsSync(join(folder, "calls.txt"))
      ? readFileSync(join(folder, "calls.txt"), "utf8").trim().split("\n")
      : [];
  return { folder, calls };
}

test("a fresh checkout gets npm ci without install scripts, and only once", () => {
  const { folder, calls } = checkout();
  expect(ensurePackages(folder)).toBe(true);
  expect(calls()[0]).toMatch(/^ci --ignore-scripts --include=dev --include=optional/);
  const before = calls().length;
  expect(ensurePackages(folder)).toBe(true);
  expect(calls()).toHaveLength(before);
});

test("a changed package-lock.json is installed again, unless npm has done it already", () => {
  const { folder, calls } = checkout();
  ensurePackages(folder);
  const before = calls().length;
  const newer = structuredClone(lock);
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(newer, null, 2));
  ensurePackages(folder);
  expect(calls()).toHaveLength(before);
  newer.packages["node_modules/a"].version = "1.1.0";
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(newer));
  ensurePackages(folder);
  expect(calls().length).toBeGreaterThan(before);
});

test("a failed npm ci is a failure, and the next run tries again", () => {
  const { folder, calls } = checkout(1);
  expect(ensurePackages(folder)).toBe(false);
  expect(vi.mocked(console.error).mock.lastCall?.[0]).toContain("npm ci failed");
  expect(ensurePackages(folder)).toBe(false);
  expect(calls()).toHaveLength(2);
});

test("a folder without a package-lock.json, as npm installs it, is left alone", () => {
  const { calls } = checkout();
  expect(ensurePackages(folderWith({}))).toBe(true);
  expect(calls()).toEqual([]);
});

test("Node before 20.19 is refused with its version and what to do", () => {
  expect(nodeComplaint("18.20.4")).toMatch(
    /20\.19 or newer is needed, this is Node 18\.20\.4\.\n.*Install/,
  );
  expect(nodeComplaint("20.18.9")).not.toBe("");
  for (const version of ["20.19.0", "20.20.2", "22.1.0", "26.0.0"])
    expect(nodeComplaint(version)).toBe("");
});
