/** Installs the other engines in a folder of their own, at the versions of the lock file beside this, without their scripts. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { peersHome } from "./home.mjs";

const here = import.meta.dirname;
const listed = ["package.json", "package-lock.json"];

/** tfjs is made for bundlers, and its gradients are registered by an import. */
const tfjsEntry = `
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
export * from "@tensorflow/tfjs-core";
export * as webgpu from "@tensorflow/tfjs-backend-webgpu";
`;
const tfjsBanner =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** Does nothing when it is done already. @throws Error when npm fails */
export async function installPeers(say: (text: string) => void): Promise<void> {
  const home = peersHome();
  const stamp = join(home, "installed");
  const hash = createHash("sha256");
  for (const file of listed) hash.update(readFileSync(join(here, file)));
  const wanted = hash.digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  say(`installing the other engines in ${home}`);
  mkdirSync(home, { recursive: true });
  for (const file of listed) copyFileSync(join(here, file), join(home, file));
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const run = spawnSync(npm, args, { cwd: home, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`npm ${args.join(" ")} in ${home}: ${run.stderr}`);
  await build({
    stdin: { contents: tfjsEntry, resolveDir: home },
    bundle: true,
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    outfile: join(home, "tfjs.mjs"),
    banner: { js: tfjsBanner },
    logLevel: "silent",
  });
  writeFileSync(stamp, wanted);
}
