/** run.mjs on a small project of its own: real tsc, real esbuild, real processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, root } from "./load.ts";

const MAIN = `
import { twin } from "#gpu";
const [what] = process.argv.slice(2);
process.on("SIGINT", () => process.exit(130));
console.log(twin, ...process.argv.slice(2));
if (what === "code") process.exitCode = 7;
if (what === "throw") throw new Error("oops");
if (what === "wait") setInterval(() => {}, 1000);
`;
const BENCH = `
import { twin } from "#gpu";
import type { Shape } from "./shape.ts";
const shape: Shape = [2, 3];
const { area } = await import(\`./\${process.argv[2]}.ts\`);
console.log("bench", twin, area(shape));
`;

function project(): string {
  const read = (name: string) => readFileSync(join(root, name), "utf8");
  const folder = folderWith({
    "package.json": read("package.json"),
    "tsconfig.json": read("tsconfig.json"),
    "src/tsconfig.json": read("src/tsconfig.json"),
    "src/core/gpu.node.ts": 'export const twin: string = "node";\n',
    "src/core/gpu.browser.ts": 'export const twin: string = "browser";\n',
    "src/cli/main.ts": MAIN,
    "bench/run.ts": BENCH,
    "bench/shape.ts": "export type Shape = [number, number];\n",
    "bench/area.ts":
      'import type { Shape } from "./shape.ts";\nexport const area = ([h, w]: Shape): number => h * w;\n',
  });
  cpSync(join(root, "scripts"), join(folder, "scripts"), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  for (const name of [
    "typescript",
    "@typescript",
    "esbuild",
    "@esbuild",
    "@types",
    "@webgpu",
    "undici-types",
  ]) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  return folder;
}

function run(folder: string, ...args: string[]) {
  const done = spawnSync(process.execPath, ["scripts/run.mjs", ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

test("src/ is compiled when it has changed, and only then; arguments and exit codes pass through", () => {
  const folder = project();
  const output = join(folder, "dist/cli/main.js");
  expect(run(folder, "demo", "--x")).toEqual({ code: 0, out: "node demo --x\n", err: "" });
  const built = statSync(output).mtimeMs;
  expect(run(folder, "code").code).toBe(7);
  expect(statSync(output).mtimeMs).toBe(built);

  const thrown = run(folder, "throw");
  expect(thrown.code).toBe(1);
  expect(thrown.err).toContain("Error: oops");

  writeFileSync(join(folder, "src/core/gpu.node.ts"), 'export const twin: string = "new";\n');
  expect(run(folder, "demo").out).toBe("new demo\n");
  rmSync(join(folder, "dist/core/gpu.node.js"));
  expect(run(folder, "demo").out).toBe("new demo\n");

  writeFileSync(join(folder, "src/core/gpu.node.ts"), "export const twin: string = 1;\n");
  const broken = run(folder, "demo");
  expect(broken.code).toBe(1);
  expect(broken.out).toContain("src/core/gpu.node.ts(1,14): error TS2322");
  expect(broken.err).toContain("src/ does not compile");
});

test("a signal ends the command as it would without run.mjs", async () => {
  const folder = project();
  for (const [signal, end] of [
    ["SIGINT", [130, null]],
    ["SIGTERM", [null, "SIGTERM"]],
  ] as const) {
    const child: ChildProcess = spawn(process.execPath, ["scripts/run.mjs", "wait"], {
      cwd: folder,
    });
    const exit = once(child, "exit");
    await once(child.stdout!, "data");
    child.kill(signal);
    expect(await exit).toEqual(end);
  }
});

test("a bench runs from TypeScript with the sources, without a build", () => {
  const folder = project();
  expect(run(folder, "--bench", "area")).toEqual({ code: 0, out: "bench node 6\n", err: "" });
  const missing = run(folder, "--bench", "nothing");
  expect(missing.code).toBe(1);
  expect(missing.err).toContain("nothing.ts");
});

test("what is missing is said: the packages, the command, the benches", () => {
  const folder = project();
  rmSync(join(folder, "bench/run.ts"));
  expect(run(folder, "--bench").err).toMatch(/^run: .*bench\/run\.ts does not exist\n$/);
  rmSync(join(folder, "src/cli/main.ts"));
  expect(run(folder, "demo").err).toMatch(/^run: .*main\.js does not exist\n$/);
  rmSync(join(folder, "node_modules"), { recursive: true });
  expect(run(folder, "demo")).toEqual({
    code: 1,
    out: "",
    err: "run: the packages are not installed: node scripts/setup.mjs\n",
  });
});
