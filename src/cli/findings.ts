/** What was noticed about the files of a data set, as warnings: one per rule, with the first files. `loupe data check` lists all. */
import type { Finding } from "../data/index.ts";
import type { Terminal } from "./terminal.ts";

const shown = 3;

/** Warns of everything that is wrong; what was left out on purpose is said without a warning. */
export function reportFindings(
  findings: readonly Finding[],
  root: string,
  terminal: Terminal,
): void {
  const isInfo = ({ level }: Finding) => level === "info";
  const told = (some: readonly Finding[]) => [...byRule(some, root)].map(lineOf);
  for (const line of told(findings.filter((f) => !isInfo(f)))) terminal.warn(line);
  for (const line of told(findings.filter(isInfo))) terminal.info(line);
}

function lineOf([rule, files]: readonly [string, readonly string[]]): string {
  const first = files.slice(0, shown).join(", ");
  const more = files.length - shown;
  return more > 0
    ? `${rule}: ${first} and ${more} more; \`loupe data check\` lists them`
    : `${rule}: ${first}`;
}

/** Files under the rule they break; a message is `rule` or `rule: particulars`. */
function byRule(findings: readonly Finding[], root: string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { file, message } of findings) {
    const at = message.indexOf(": ");
    const rule = at < 0 ? message : message.slice(0, at);
    const rest = at < 0 ? "" : ` (${message.slice(at + 2).replaceAll(`${root}/`, "")})`;
    const name = file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file;
    const files = groups.get(rule) ?? [];
    files.push(name + rest);
    groups.set(rule, files);
  }
  return groups;
}
