/** What the figures were measured on and with. */
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Result } from "./result.ts";

const root = join(import.meta.dirname, "..");

export function hostInfo(): Result["host"] {
  const all = cpus();
  const cpu = all[0]?.model.trim() ?? "unknown CPU";
  return { cpu, cores: all.length, node: process.versions.node, commit: commit() };
}

/** The commit, with a + when files have changed since. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  try {
    const changed = git("status", "--porcelain", "--", "src").trim() !== "";
    return git("rev-parse", "--short", "HEAD").trim() + (changed ? "+" : "");
  } catch {
    return "unknown"; // no checkout, or no git
  }
}
