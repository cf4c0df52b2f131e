/** Runs the command line as its users do: a process of its own, from a bundle of src/. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll } from "vitest";
import { writeDemo } from "../../src/data/index.ts";

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
}

let bundle = "";
/** A folder for this test file, removed afterwards. */
export let folder = "";

/** Bundles the command for the tests of this file; call it at the top of the file. */
export function prepareLoupe(): void {
  beforeAll(async () => {
    mkdirSync(cache, { recursive: true });
    bundle = mkdtempSync(join(cache, "loupe-"));
    folder = mkdtempSync(join(tmpdir(), "loupe-test-"));
    copyFileSync(join(root, "package.json"), join(bundle, "package.json"));
    cpSync(join(root, "weights"), join(bundle, "weights"), { recursive: true });
    await build({
      entryPoints: [join(root, "src/cli/main.ts")],
      outfile: join(bundle, "dist/cli/main.js"),
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      conditions: ["source"],
      external: Object.keys(packages()),
      logLevel: "silent",
    });
  });
  afterAll(() => {
    for (const path of [bundle, folder]) rmSync(path, { recursive: true, force: true });
  });
}

function packages(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  return dependencies;
}

/** Starts `loupe` with these arguments in the test's folder. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const main = join(bundle, "dist/cli/main.js");
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const done = new Promise<Finished>((finish, fail) => {
    child.on("error", fail);
    child.on("close", (code) => finish({ code, stdout, stderr: withoutDriver(stderr) }));
  });
  return { child, done };
}

/** Lines that the Vulkan driver writes to stderr by itself. */
const withoutDriver = (text: string) => text.replace(/^Warning: max\w+ artificially.*\n/gm, "");

export function loupe(...args: readonly string[]): Promise<Finished> {
  return start(args).done;
}

/** A few small pictures of a product, as `<folder>/<name>/washer`. */
export async function smallData(name: string, product = "washer"): Promise<string> {
  const path = join(folder, name);
  const counts = { train: 6, good: 2, defective: 4 };
  await writeDemo(path, { size: 64, counts, products: [product] });
  return path;
}
