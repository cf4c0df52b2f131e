/** The environment variables under which the adapter that setup found is found again. */
import { lstatSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readState } from "./state.mjs";

/**
 * Returns the variables to add to `env`: those setup stored (a driver file), unless the user set them, and on Linux
 * an XDG_RUNTIME_DIR, which Mesa asks for.
 */
export function gpuEnv(state = readState(), env = process.env, platform = process.platform) {
  const stored = Object.entries(state.env ?? {}).filter(([key]) => !env[key]);
  const added = Object.fromEntries(stored);
  if (platform === "linux" && !env.XDG_RUNTIME_DIR) added.XDG_RUNTIME_DIR = privateFolder();
  return added;
}

/** A folder only this user can enter. The fixed name is used if it is ours; somebody else's would be a trap. */
export function privateFolder(base = tmpdir()) {
  const folder = join(base, `tensorloupe-${process.getuid()}`);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  const stat = lstatSync(folder);
  const ours = stat.isDirectory() && stat.uid === process.getuid() && (stat.mode & 0o077) === 0;
  return ours ? folder : mkdtempSync(join(base, "tensorloupe-"));
}
