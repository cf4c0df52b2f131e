/** Scores of training images from a table, `scores.csv` of `loupe predict`, so that a config file need not hold thousands of them. */
import { readFileSync, statSync } from "node:fs";
import { type CurriculumConfig, parseScores } from "../cdo/index.ts";
import { LoupeError } from "../error.ts";

const mostBytes = 1 << 26;

/**
 * The same curriculum with the scores themselves where its order names a `file` of them.
 * @throws LoupeError `io` for a file that can't be read, `data` for one without paths and scores
 */
export function withScores(curriculum: CurriculumConfig): CurriculumConfig {
  const { difficulty, ...order } = curriculum.order ?? {};
  const named = difficulty as { readonly name?: unknown; readonly file?: unknown } | undefined;
  if (named?.name !== "scores" || typeof named.file !== "string") return curriculum;
  const { file, ...rest } = named;
  const scores = parseScores(read(named.file), named.file);
  return { ...curriculum, order: { ...order, difficulty: { ...rest, name: "scores", scores } } };
}

function read(file: string): string {
  try {
    const { size } = statSync(file);
    if (size <= mostBytes) return readFileSync(file, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : message;
    const next = "`loupe predict <run> <folder of training images>` writes one";
    throw new LoupeError("io", `${file}: the scores can't be read: ${reason}; ${next}`, { cause });
  }
  throw new LoupeError("io", `${file}: is too large for a table of scores`);
}
