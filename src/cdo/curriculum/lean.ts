/** Curricula compared and made short: two are the same if they are with everything filled in. */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { type CurriculumConfig, curriculumConfig } from "./config.ts";

/** JSON with its fields in alphabetical order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => {
    if (!fields.isObject(v)) return v;
    return Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The least that stands for the same curriculum: every field that would be filled in as it is is left out. */
export function leanCurriculum(config: CurriculumConfig): CurriculumConfig {
  const complete = curriculumConfig(config);
  const wanted = canonical(complete);
  const lean: Record<string, unknown> = structuredClone({ ...complete });
  strip(lean, () => sameAs(lean, wanted));
  return lean;
}

function strip(part: Record<string, unknown>, isSame: () => boolean): void {
  for (const [name, value] of Object.entries(part)) {
    delete part[name];
    if (isSame()) continue;
    part[name] = value;
    if (fields.isObject(value)) strip(value, isSame);
  }
}

function sameAs(candidate: object, wanted: string): boolean {
  try {
    return canonical(curriculumConfig(candidate)) === wanted;
  } catch (error) {
    if (error instanceof LoupeError) return false;
    throw error;
  }
}
