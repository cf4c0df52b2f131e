/**
 * Builds what has changed and runs it in this very process, so that exit codes, signals and the terminal are the
 * command's own: `node scripts/run.mjs <loupe arguments>` or `node scripts/run.mjs --bench <bench arguments>`.
 */
import "./env.mjs";
import { existsSync } from "node:fs";
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./build.mjs";
import { root } from "./setup/state.mjs";

const [first, ...rest] = process.argv.slice(2);
if (!existsSync(join(root, "node_modules"))) {
  stop("run: the packages are not installed: node scripts/setup.mjs");
} else if (first === "--bench") {
  process.setSourceMapsEnabled(true);
  register("./ts-hook.mjs", import.meta.url);
  await start(join(root, "bench/run.ts"), rest);
} else if (build()) {
  await start(join(root, "dist/cli/main.js"), process.argv.slice(2));
} else {
  stop("run: src/ does not compile, see the messages above");
}

async function start(file, args) {
  if (!existsSync(file)) return stop(`run: ${file} does not exist`);
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}

function stop(message) {
  console.error(message);
  process.exitCode = 1;
}
