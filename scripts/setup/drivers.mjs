/**
 * Mesa's software Vulkan driver from the distribution. Debian 12's own (22.3) is refused by WebGPU, so there it comes
 * from bookworm-backports. What would be done is worked out first, as data: root does it, anybody else reads it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SOURCE = "/etc/apt/sources.list.d/tensorloupe-backports.list";
const OLDEST_MESA = 24;
const APT_GET = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"];

/** Reads the `KEY=value` lines of /etc/os-release. */
export function parseOsRelease(text) {
  const lines = [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)];
  return Object.fromEntries(
    lines.map(([, key, value]) => [key, value.replace(/^(["'])(.*)\1$/, "$2")]),
  );
}

/**
 * Works out how a system gets a driver.
 * `os`: from parseOsRelease; `sources`: the text of all apt sources; `nvidia`: an NVIDIA GPU is there, so that the
 * Vulkan loader alone may do. Returns `{ source?, installs, oldest? }`, where `source` is a file to write first,
 * `installs` the arguments of one `apt-get install` after the other and `oldest` the oldest Mesa worth installing;
 * or undefined for a system without apt.
 */
export function driverPlan({ os, sources, nvidia }) {
  const loaderFirst = nvidia ? [["libvulkan1"]] : [];
  const drivers = ["mesa-vulkan-drivers", "libvulkan1"];
  if (os.ID === "debian" && os.VERSION_ID === "12") {
    const text = `deb ${mirrorOf(sources)} bookworm-backports main\n`;
    const source = hasSuite(sources, "bookworm-backports")
      ? {}
      : { source: { path: SOURCE, text } };
    return { ...source, installs: [...loaderFirst, ["-t", "bookworm-backports", ...drivers]] };
  }
  const family = `${os.ID} ${os.ID_LIKE ?? ""}`.split(" ");
  if (!family.includes("debian") && !family.includes("ubuntu")) return undefined;
  return { installs: [...loaderFirst, drivers], oldest: OLDEST_MESA };
}

const live = (sources) => sources.split("\n").filter((line) => !line.trimStart().startsWith("#"));
const hasSuite = (sources, suite) =>
  live(sources).some((line) => line.split(/\s+/).includes(suite));

/** The archive the system takes Debian 12 from already: a mirror, where deb.debian.org may be out of reach. */
function mirrorOf(sources) {
  const oneLine = /^deb\s+(?:\[[^\]]*\]\s+)?(https?:\S+)\s+bookworm\s/m.exec(
    live(sources).join("\n"),
  );
  const stanza = sources
    .split(/\n\s*\n/)
    .find((part) => hasSuite(part, "bookworm") && /^Suites:/m.test(part));
  const uri = oneLine?.[1] ?? /^URIs:\s*(https?:\S+)/m.exec(stanza ?? "")?.[1];
  return uri ?? "http://deb.debian.org/debian";
}

const installArgs = (packages) => ["install", "-y", "--no-install-recommends", ...packages];

/** Returns the commands of a plan as a person would type them. */
export function planAsText(plan) {
  const write = plan.source
    ? [`echo "${plan.source.text.trim()}" | sudo tee ${plan.source.path}`]
    : [];
  const installs = plan.installs.map((packages) =>
    ["sudo", "apt-get", ...installArgs(packages)].join(" "),
  );
  return [...write, "sudo apt-get update", ...installs];
}

/** Returns the major version of Mesa that apt offers, from the output of `apt-cache policy mesa-vulkan-drivers`. */
export function offeredMesa(policy) {
  return Number(/Candidate:\s*(?:\d+:)?(\d+)/.exec(policy)?.[1] ?? 0);
}

/**
 * Installs the driver if this user may; `works` says whether an adapter is there now, and ends the work early.
 * Returns the lines to tell a user who has to do it, or none if all was done.
 */
export function installDriver(works) {
  const plan = driverPlan({
    os: osRelease(),
    sources: aptSources(),
    nvidia: existsSync("/dev/nvidiactl"),
  });
  if (!plan)
    return ["Install your distribution's Mesa Vulkan drivers (24 or newer) and the Vulkan loader."];
  const advice = planAsText(plan);
  if (process.getuid?.() !== 0)
    return ["As an administrator:", ...advice.map((line) => `  ${line}`)];
  console.log("setup: installing a software Vulkan driver:");
  for (const line of advice) console.log(`  ${line.replaceAll("sudo ", "")}`);
  if (plan.source) writeFileSync(plan.source.path, plan.source.text);
  apt(["update"]); // a stale third-party list is no reason to stop: the installation decides
  const offered = plan.oldest ? offeredMesa(aptPolicy()) : Number.POSITIVE_INFINITY;
  if (offered < (plan.oldest ?? 0)) {
    return [
      `apt offers Mesa ${offered}, but WebGPU needs ${plan.oldest} or newer: take a newer release of this system.`,
    ];
  }
  for (const packages of plan.installs) {
    if (!apt(installArgs(packages)))
      return ["apt-get failed; its message is above. By hand:", ...advice];
    if (works()) return [];
  }
  return [];
}

function apt(args) {
  const [command, ...fixed] = APT_GET;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command, [...fixed, ...args], { stdio: "inherit", env }).status === 0;
}
const aptPolicy = () =>
  spawnSync("apt-cache", ["policy", "mesa-vulkan-drivers"], { encoding: "utf8" }).stdout ?? "";
const osRelease = () => parseOsRelease(textOf("/etc/os-release"));
const textOf = (file) => (existsSync(file) ? readFileSync(file, "utf8") : "");

function aptSources() {
  const dir = "/etc/apt/sources.list.d";
  const more = existsSync(dir)
    ? readdirSync(dir).filter((name) => /\.(list|sources)$/.test(name))
    : [];
  return [textOf("/etc/apt/sources.list"), ...more.map((name) => textOf(join(dir, name)))].join(
    "\n\n",
  );
}
