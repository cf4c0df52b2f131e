/** What setup would install where; no test here touches the machine. */
import { expect, test } from "vitest";
import { script } from "./load.ts";

const { driverPlan, offeredMesa, parseOsRelease, planAsText } = await script("setup/drivers.mjs");

const debian12 = { ID: "debian", VERSION_ID: "12" };
const drivers = ["mesa-vulkan-drivers", "libvulkan1"];
const oneLine = "deb http://mirror.example/debian bookworm main contrib\n";
const stanzas = `Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
`;

test("os-release is read with and without quotes", () => {
  const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
  expect(parseOsRelease(text)).toEqual({
    PRETTY_NAME: "Debian GNU/Linux 12 (bookworm)",
    VERSION_ID: "12",
    ID: "debian",
  });
});

test("Debian 12 takes Mesa from backports, from the mirror it uses already", () => {
  for (const [sources, mirror] of [
    [oneLine, "http://mirror.example/debian"],
    [stanzas, "https://mirror.example/debian"],
    ["", "http://deb.debian.org/debian"],
    [`# ${oneLine}`, "http://deb.debian.org/debian"],
  ]) {
    const plan = driverPlan({ os: debian12, sources, nvidia: false });
    expect(plan.source.text).toBe(`deb ${mirror} bookworm-backports main\n`);
    expect(plan.installs).toEqual([["-t", "bookworm-backports", ...drivers]]);
  }
});

test("backports that are there are not added again, those in a comment are", () => {
  const plan = (sources: string) => driverPlan({ os: debian12, sources, nvidia: false });
  expect(plan("deb http://deb.debian.org/debian bookworm-backports main").source).toBeUndefined();
  expect(
    plan("Types: deb\nURIs: http://x\nSuites: bookworm bookworm-backports\n").source,
  ).toBeUndefined();
  expect(plan("# deb http://deb.debian.org/debian bookworm-backports main").source).toBeDefined();
});

test("with an NVIDIA GPU the Vulkan loader alone comes first", () => {
  const { installs } = driverPlan({ os: debian12, sources: "", nvidia: true });
  expect(installs[0]).toEqual(["libvulkan1"]);
  expect(installs).toHaveLength(2);
});

test("Debian 13, Ubuntu and their relatives take their own Mesa; a system without apt has no plan", () => {
  for (const os of [
    { ID: "debian", VERSION_ID: "13" },
    { ID: "ubuntu" },
    { ID: "linuxmint", ID_LIKE: "ubuntu debian" },
  ]) {
    expect(driverPlan({ os, sources: "", nvidia: false })).toEqual({
      installs: [drivers],
      oldest: 24,
    });
  }
  expect(driverPlan({ os: { ID: "fedora" }, sources: "", nvidia: false })).toBeUndefined();
  expect(driverPlan({ os: {}, sources: "", nvidia: false })).toBeUndefined();
});

test("a plan is told as commands to type", () => {
  expect(planAsText(driverPlan({ os: debian12, sources: "", nvidia: false }))).toEqual([
    'echo "deb http://deb.debian.org/debian bookworm-backports main" | sudo tee /etc/apt/sources.list.d/tensorloupe-backports.list',
    "sudo apt-get update",
    "sudo apt-get install -y --no-install-recommends -t bookworm-backports mesa-vulkan-drivers libvulkan1",
  ]);
});

test("the Mesa that apt offers is read with an epoch and without; none is 0", () => {
  const policy = (version: string) =>
    `mesa-vulkan-drivers:\n  Installed: (none)\n  Candidate: ${version}\n`;
  expect(offeredMesa(policy("25.2.8-0ubuntu0.24.04.1"))).toBe(25);
  expect(offeredMesa(policy("1:22.3.6-1"))).toBe(22);
  expect(offeredMesa(policy("(none)"))).toBe(0);
  expect(offeredMesa("")).toBe(0);
});
