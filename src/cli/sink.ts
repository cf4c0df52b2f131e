/** A folder that takes results as a run folder does, without being one. */
import { join } from "node:path";
import type { Sink } from "./evaluation.ts";
import { writeWhole } from "./files.ts";

export function folderSink(path: string): Sink {
  return {
    path,
    writeBytes: (name, bytes) => writeWhole(join(path, name), bytes),
    writeText: (name, text) => writeWhole(join(path, name), text),
    writeJson: (name, value) => writeWhole(join(path, name), `${JSON.stringify(value, null, 2)}\n`),
  };
}
