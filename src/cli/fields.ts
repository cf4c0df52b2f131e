/** Names and values under each other, for a terminal. */
import { displayWidth, printable } from "../report/index.ts";

/** `name   value` lines, the values beginning in one column. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const names = fields.map(([name]) => printable(name));
  const width = Math.max(0, ...names.map(displayWidth));
  const pad = (name: string) => name + " ".repeat(width - displayWidth(name));
  return fields
    .map(([, value], i) => `${pad(names[i] as string)}  ${printable(value)}`.trimEnd())
    .join("\n");
}
