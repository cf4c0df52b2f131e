/** Compiles src/ into dist/ when something in it has changed since the last time, and only then. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { readState, root, writeState } from "./setup/state.mjs";

/** Returns whether dist/ is up to date now; if not, tsc has said why. */
export function build(folder = root) {
  const sources = sourcesOf(join(folder, "src"));
  if (sources.length === 0) return true; // installed as a package: dist/ came with it
  const built = hashOf(folder, sources);
  const modules = sources.filter((file) => /(?<!\.d)\.ts$/.test(file));
  const complete = modules.every((file) => existsSync(outputOf(folder, file)));
  if (complete && readState(folder).built === built) return true;
  if (!compile(folder, complete)) return false;
  writeState({ built }, folder);
  return true;
}

function compile(folder, complete) {
  const memory = join(folder, "node_modules/.tensorloupe.tsbuildinfo");
  if (!complete) rmSync(memory, { force: true }); // or tsc would take the missing files for written
  const incremental = ["--incremental", "--tsBuildInfoFile", memory, "--noEmitOnError"];
  const tsc = join(folder, "node_modules/typescript/bin/tsc");
  const run = spawnSync(process.execPath, [tsc, "-p", "src", ...incremental], {
    cwd: folder,
    stdio: "inherit",
  });
  return run.status === 0;
}

function sourcesOf(src) {
  if (!existsSync(src)) return [];
  const files = readdirSync(src, { recursive: true, encoding: "utf8" });
  return files.filter((file) => /\.(ts|json)$/.test(file)).sort();
}

const outputOf = (folder, file) => join(folder, "dist", file.replace(/\.ts$/, ".js"));

/** A hash of the names, sizes and times of all sources and of what else decides the output. */
function hashOf(folder, sources) {
  const settings = ["tsconfig.json", "src/tsconfig.json", "package.json", "package-lock.json"];
  const files = [...sources.map((file) => join("src", file)), ...settings];
  const stamps = files.map((file) => {
    const stat = statSync(join(folder, file), { throwIfNoEntry: false });
    return [file, stat?.size, stat?.mtimeMs];
  });
  return createHash("sha256").update(JSON.stringify(stamps)).digest("hex");
}
