/** What adaptive hooks have learned, read back from a checkpoint. */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";

const next = "it is of another curriculum; start the run anew with --overwrite";

/** @throws LoupeError `checkpoint` unless every field keeps its rule */
export function readState<T>(kind: string, given: unknown, rules: fields.FieldRules<T>): T {
  const where = `curriculum: state of the ${kind}`;
  if (!fields.isObject(given)) throw new LoupeError("checkpoint", `${where} is missing; ${next}`);
  fields.checkFields("checkpoint", where, given, rules, next);
  return given as T;
}

/** A list of this many finite numbers. */
export function numbersOf(count: number): fields.FieldRule {
  return fields.numbers(count, `${count} numbers`, () => true);
}
