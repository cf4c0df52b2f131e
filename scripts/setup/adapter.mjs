/**
 * Is there a Vulkan adapter that WebGPU can use? If not, setup gets a software one: Mesa's from the distribution, or a
 * SwiftShader that some Chromium brought along. A machine whose adapter works is never touched.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { installDriver } from "./drivers.mjs";
import { gpuEnv } from "./environment.mjs";
import { readState, root, writeState } from "./state.mjs";
import { findSwiftShader } from "./swiftshader.mjs";

const PROBE_LIMIT_MS = 60_000;
const OWN_CHOICE = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/**
 * Opens a device in a child process with `extra` environment variables. A crash or a hang counts as no adapter.
 * Returns `{ ok: true, name, software }` or `{ ok: false, why, unloadable? }`.
 */
export function probe(
  extra = {},
  script = join(root, "scripts/setup/probe.mjs"),
  limit = PROBE_LIMIT_MS,
) {
  const run = spawnSync(process.execPath, [script], {
    cwd: root,
    env: { ...process.env, ...gpuEnv({}), ...extra },
    encoding: "utf8",
    timeout: limit,
    killSignal: "SIGKILL",
  });
  if (run.error?.code === "ETIMEDOUT")
    return { ok: false, why: `the driver hung for ${limit / 1000} s` };
  if (run.signal) return { ok: false, why: `the driver crashed (${run.signal})` };
  let found;
  try {
    found = JSON.parse(run.stdout.trim().split("\n").at(-1));
  } catch {
    return { ok: false, why: `the probe ended with code ${run.status}: ${lastLine(run.stderr)}` };
  }
  if (found.ok) return { ok: true, name: nameOf(found), software: isSoftware(found) };
  const detail = /^Warning: (vk\w+: .*|Couldn't .*)$/m.exec(run.stderr)?.[1];
  return { ...found, why: detail ? `${found.why} (${detail})` : found.why };
}

const lastLine = (text) => text.trim().split("\n").at(-1) || "no message";

/** Returns a name a person knows the adapter by. */
export function nameOf(info) {
  return (
    info.description ||
    [info.vendor, info.architecture, info.device].filter(Boolean).join(" ") ||
    "unnamed"
  );
}

/** Returns whether the adapter is a CPU playing a GPU. */
export function isSoftware(info) {
  return (
    info.software === true ||
    /llvmpipe|lavapipe|swiftshader/i.test(`${info.device} ${info.description}`)
  );
}

/**
 * Returns a hash of everything that decides which adapter WebGPU gets: Node, the `webgpu` package, the driver files,
 * the loader's libraries, the device nodes and the environment variables of the Vulkan loader.
 */
export function fingerprint(folder = root, env = process.env, folders = driverFolders(env)) {
  const files = folders.flatMap((dir) => stamps(dir));
  const nodes = names("/dev")
    .filter((n) => n.startsWith("nvidia"))
    .concat(names("/dev/dri"));
  const loader = stamp("/etc/ld.so.cache");
  const choice = Object.entries(env)
    .filter(([key]) => key.startsWith("VK_"))
    .sort();
  const facts = [
    process.version,
    process.arch,
    webgpuVersion(folder),
    files,
    nodes,
    loader,
    choice,
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

function driverFolders(env) {
  const home = env.XDG_DATA_HOME || join(homedir(), ".local/share");
  const bases = ["/etc", "/usr/share", "/usr/local/share", home];
  return bases.map((base) => join(base, "vulkan/icd.d"));
}
const names = (dir) => (existsSync(dir) ? readdirSync(dir).sort() : []);
const stamps = (dir) => names(dir).map((name) => stamp(join(dir, name)));
function stamp(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  return [file, stat?.mtimeMs ?? 0, stat?.size ?? 0];
}
function webgpuVersion(folder) {
  const file = join(folder, "node_modules/webgpu/package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : "";
}

/**
 * Returns the adapter `{ name, software }`, after getting one if there was none; undefined, having said why, if there
 * is no way to one.
 */
export function ensureAdapter() {
  const { adapter: known, env } = readState();
  if (known?.fingerprint === fingerprint() && existsSync(env?.VK_DRIVER_FILES ?? "/")) return known;
  console.log("setup: looking for a Vulkan adapter");
  const first = probe();
  if (first.ok) return remember(first, {});
  console.log(`setup: none that works: ${first.why}`);
  const blocked = obstacle(first);
  if (blocked) return complain([blocked]);
  const advice = installDriver(() => probe().ok);
  const second = probe();
  if (second.ok) return remember(second, {});
  if (advice.length === 0) advice.push(`Mesa's driver is installed, but still: ${second.why}`);
  return borrowSwiftShader(advice) ?? complain(advice);
}

/** What no driver of ours would mend. */
function obstacle({ unloadable }) {
  if (unloadable) {
    return "The npm package `webgpu` does not load here: it needs x64 or arm64 and glibc 2.34 or newer.";
  }
  const own = OWN_CHOICE.find((key) => process.env[key]);
  return (
    own &&
    `${own}=${process.env[own]} is set, so only that driver is asked: unset it or name one that works.`
  );
}

function borrowSwiftShader(advice) {
  for (const file of findSwiftShader()) {
    const env = { VK_DRIVER_FILES: file };
    const found = probe(env);
    if (!found.ok) continue;
    console.log(
      `setup: using the SwiftShader of a browser, ${file}. Mesa's would be several times faster.`,
    );
    for (const line of advice) console.log(`  ${line}`);
    return remember(found, env);
  }
  return undefined;
}

function remember({ name, software }, env) {
  if (software && existsSync("/dev/nvidiactl")) {
    console.log(
      "setup: there is an NVIDIA GPU, but Vulkan does not see it: nvidia_icd.json or libGLX_nvidia.so.0 is missing.",
    );
    console.log("  In a container, start it with NVIDIA_DRIVER_CAPABILITIES=all.");
  }
  const adapter = { fingerprint: fingerprint(), name, software };
  writeState({ adapter, env });
  return adapter;
}

function complain(lines) {
  console.error(
    "setup: tensorloupe computes on WebGPU and needs a Vulkan driver; a software one is enough.",
  );
  for (const line of lines) console.error(`  ${line}`);
  console.error("Then run this again.");
  return undefined;
}
