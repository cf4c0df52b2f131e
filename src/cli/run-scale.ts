/** The colour scale that a run's evaluation fixed, so that later pictures have the same colours. */
import { existsSync } from "node:fs";
import type { RunFolder } from "../detector/index.ts";
import { type ColourScale, colourScale } from "../report/index.ts";
import { colourScaleFile } from "./evaluation.ts";

/** undefined when the run was never evaluated. Throws when the file was damaged. */
export async function loadScale(run: RunFolder): Promise<ColourScale | undefined> {
  if (!existsSync(run.file(colourScaleFile))) return undefined;
  return colourScale((await run.readJson(colourScaleFile)) as unknown as ColourScale);
}
