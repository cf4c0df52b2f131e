/** Names of files and classes come from outside: what would steer a terminal is escaped, but a message may have several lines. */
import { printable } from "../report/index.ts";

export function harmless(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}
