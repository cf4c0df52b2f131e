/** The one table of methods. */
import { LoupeError } from "../error.ts";
import type { Method } from "./method.ts";
import { cdo } from "./method-cdo.ts";
import { cfa } from "./method-cfa.ts";
import { fod } from "./method-fod.ts";

export const methods: readonly Method[] = [cdo, cfa, fod];

/** @throws LoupeError `config` with the list of methods */
export function findMethod(name: string | undefined): Method {
  const method = methods.find((m) => m.name === name);
  if (method) return method;
  const list = methods.map((m) => m.name).join(", ");
  const what = name === undefined ? "which method?" : `there is no method "${name}";`;
  throw new LoupeError(
    "config",
    `train: ${what} choose one of ${list}, as in: loupe train cdo --data …`,
  );
}
