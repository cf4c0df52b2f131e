/** What the JSON files of a run hold. They are checked when they are read, for people edit them. */
import { checkFields, type FieldRules, number, object, oneOf, text, whole } from "./fields.ts";
import type { Thresholds } from "./thresholds.ts";

/** run.json: what was run. */
export interface RunRecord {
  readonly method: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly data: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** Where the frozen network's weights came from, with their SHA-256. */
  readonly weights: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
}

const recordRules: FieldRules<RunRecord> = {
  method: text,
  config: object,
  data: object,
  seed: whole(0),
  weights: object,
  environment: object,
};

const thresholdRules: FieldRules<Thresholds> = {
  policy: oneOf("max-f1", "quantile", "manual"),
  image: number(),
  pixel: number(),
  source: text,
};

type Json = Readonly<Record<string, unknown>>;

/** @throws LoupeError `io` naming file and field */
export function readRecord(path: string, json: Json): RunRecord {
  const next = "it was changed; undo that, or train again";
  checkFields("io", path, json, recordRules, next);
  return json as unknown as RunRecord;
}

/** @throws LoupeError `io` naming file and field */
export function readThresholds(path: string, json: Json): Thresholds {
  const next = "it was changed; undo that, or evaluate again with `loupe test`";
  checkFields("io", path, json, thresholdRules, next);
  return json as unknown as Thresholds;
}
