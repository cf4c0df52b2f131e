/** Which engines compete, and how each is started. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ours } from "../table.ts";
import type { Command } from "./client.ts";

const root = join(import.meta.dirname, "../..");

/** Names as in the tables. */
export const engineNames = [ours, "jax-js", "tfjs", "onnxruntime", "PyTorch"] as const;
export type EngineName = (typeof engineNames)[number];

/** Whether it runs in a page too. */
export const isPageEngine = (name: EngineName): boolean => name !== "PyTorch";

/** The command of an engine; undefined where there is none on this machine. */
export function commandOf(name: EngineName, adapter: string | undefined): Command | undefined {
  if (name === "PyTorch") {
    const python = pythonWithTorch();
    return python === undefined ? undefined : [python, join(import.meta.dirname, "pytorch.py")];
  }
  const own = adapter === undefined ? [] : ["--adapter", adapter];
  return [process.execPath, join(root, "scripts/run.mjs"), "--bench", "--worker", name, ...own];
}

/** `PYTHON`, or what a shell finds, if it has PyTorch. */
function pythonWithTorch(): string | undefined {
  const candidates = [process.env.PYTHON, "python3", "/usr/bin/python3", "python"];
  return candidates.find(
    (python) =>
      python && spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0,
  );
}
