/** Finds the SwiftShader drivers (Google's Vulkan on the CPU) that Chromium browsers carry. */
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const ICD = "vk_swiftshader_icd.json";
const BROWSERS = [
  "/usr/lib/chromium",
  "/usr/lib64/chromium",
  "/usr/lib/chromium-browser",
  "/usr/lib64/chromium-browser",
  "/opt/google/chrome",
  "/opt/google/chrome-beta",
  "/opt/google/chrome-unstable",
  "/opt/microsoft/msedge",
  "/snap/chromium/current/usr/lib/chromium-browser",
];

/** Returns the paths of the driver files found, the likeliest first. */
export function findSwiftShader(env = process.env, browsers = BROWSERS) {
  const cache = env.PLAYWRIGHT_BROWSERS_PATH || join(env.HOME || homedir(), ".cache/ms-playwright");
  // ms-playwright/chromium-1234/chrome-linux/
  const cached = folders(cache).flatMap((browser) => folders(browser));
  const named = env.CHROME ? [dirname(env.CHROME)] : [];
  return [...named, ...browsers, ...cached]
    .map((dir) => join(dir, ICD))
    .filter((file) => existsSync(file));
}

function folders(dir) {
  if (!existsSync(dir)) return [];
  const found = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return found.map((entry) => join(dir, entry.name));
}
