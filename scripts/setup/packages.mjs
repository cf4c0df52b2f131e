/**
 * The npm packages: installed with `npm ci --ignore-scripts` when node_modules is missing or is not what
 * package-lock.json says. No package may run a script of its own at install time; none of ours needs to on Linux and
 * Windows, and on macOS only `webgpu` does (it takes its library out of quarantine).
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readState, root, writeState } from "./state.mjs";

const FLAGS = [
  "--ignore-scripts",
  "--include=dev",
  "--include=optional",
  "--no-audit",
  "--no-fund",
];

/**
 * Returns whether the tree npm says it installed (`installed`, node_modules/.package-lock.json) holds every package of
 * `lock` at its version. Optional packages may be missing: most are builds for other systems.
 */
export function isInstalled(lock, installed) {
  return Object.entries(lock.packages ?? {}).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed.packages?.[path];
    if (!found) return wanted.optional === true || wanted.devOptional === true;
    return (
      found.version === wanted.version &&
      (!wanted.integrity || found.integrity === wanted.integrity)
    );
  });
}

/** Installs the packages if needed; returns whether they are there now. */
export function ensurePackages(folder = root) {
  const lockFile = join(folder, "package-lock.json");
  if (!existsSync(lockFile)) return true; // installed as a package: npm has put the dependencies in place
  const text = readFileSync(lockFile, "utf8");
  const lock = createHash("sha256").update(text).digest("hex");
  const treeFile = join(folder, "node_modules/.package-lock.json");
  if (existsSync(treeFile)) {
    if (readState(folder).lock === lock) return true;
    if (isInstalled(JSON.parse(text), JSON.parse(readFileSync(treeFile, "utf8")))) {
      writeState({ lock }, folder);
      return true;
    }
  }
  const why = existsSync(treeFile) ? "package-lock.json has changed" : "node_modules is missing";
  console.log(`setup: ${why}, installing the packages (npm ci ${FLAGS.join(" ")})`);
  if (!npm(["ci", ...FLAGS], folder)) {
    console.error("setup: npm ci failed; its message is above. Mend that and run this again.");
    return false;
  }
  if (process.platform === "darwin") npm(["rebuild", "webgpu"], folder);
  writeState({ lock }, folder);
  return true;
}

/** Runs npm; when npm started us, that very npm. */
function npm(args, folder) {
  const own = process.env.npm_execpath ?? "";
  const options = { cwd: folder, stdio: "inherit" };
  const run = own.endsWith("npm-cli.js")
    ? spawnSync(process.execPath, [own, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (run.error) console.error(`setup: npm could not be started: ${run.error.message}`);
  return run.status === 0;
}
