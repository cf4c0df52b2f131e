/** Where the other engines are installed, and how a module from there is loaded. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The folder, in the user's cache. */
export function peersHome() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "tensorloupe", "bench-peers");
}

/** Resolves from the folder as `require` does. */
export const requirePeer = createRequire(join(peersHome(), "package.json"));

/** An ES module of an installed package, or a file in the folder. */
export function importPeer(file) {
  return import(pathToFileURL(join(peersHome(), file)).href);
}

export function versionOf(name) {
  const file = join(peersHome(), "node_modules", name, "package.json");
  return JSON.parse(readFileSync(file, "utf8")).version;
}
