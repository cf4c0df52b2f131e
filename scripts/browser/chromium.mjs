/** Finds a Chromium and starts it so that WebGPU is there without a GPU. */
import { existsSync } from "node:fs";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/**
 * WebGPU on SwiftShader, whatever the machine has: a test of conformance wants the same adapter everywhere. With
 * Debian's Chromium 156 the first switch alone does it; the others pin it down where there is a GPU or an older Chrome.
 */
export const SWITCHES = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--disable-vulkan-surface",
];

/** Returns the path of the Chromium to use: `CHROME`'s if set, else the first in its usual places, else undefined. */
export function findChromium(env = process.env, exists = existsSync) {
  return env.CHROME || PLACES.find((path) => exists(path));
}

/**
 * Returns what to say when there is no Chromium, and the exit code: in CI the browser tests must run, on somebody's
 * desk they may be left out, but not silently.
 */
export function withoutChromium(env = process.env, apt = existsSync("/usr/bin/apt-get")) {
  const how = apt
    ? "apt-get update && apt-get install -y --no-install-recommends chromium"
    : "install Chromium or Chrome";
  if (env.CI === "true" || env.CI === "1") {
    return {
      code: 1,
      text: `browser: no Chromium found, and CI needs one: ${how} (or set CHROME to its path)`,
    };
  }
  const wish = `To run them: ${how} (or set CHROME to its path)`;
  return {
    code: 0,
    text: `browser: SKIPPED, no Chromium found, so nothing was tested in a browser. ${wish}`,
  };
}
