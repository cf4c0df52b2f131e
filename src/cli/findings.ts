/** What was noticed about the files of a data set, as warnings: one per rule, with the first files. `loupe data check` lists all. */
import type { Finding } from "../data/index.ts";
import type { Terminal } from "./terminal.ts";

const shown = 3;

/** Warns of everything that is wrong; counts what was left out on purpose. */
export function reportFindings(
  findings: readonly Finding[],
  root: string,
  terminal: Terminal,
): void {
  const serious = findings.filter(({ level }) => level !== "info");
  for (const [rule, files] of byRule(serious, root)) {
    const first = files.slice(0, shown).join(", ");
    const more = files.length > shown ? ` and ${files.length - shown} more` : "";
    terminal.warn(
      `${rule}: ${first}${more}${files.length > shown ? "; `loupe data check` lists them" : ""}`,
    );
  }
  const aside = findings.length - serious.length;
  if (aside > 0)
    terminal.info(`${root}: ${aside} files left out on purpose (\`loupe data check\` lists them)`);
}

/** Files under the rule they break; a message is `rule` or `rule: particulars`. */
function byRule(findings: readonly Finding[], root: string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { file, message } of findings) {
    const at = message.indexOf(": ");
    const rule = at < 0 ? message : message.slice(0, at);
    const rest = at < 0 ? "" : ` (${message.slice(at + 2).replaceAll(`${root}/`, "")})`;
    const name = file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file;
    groups.set(rule, [...(groups.get(rule) ?? []), name + rest]);
  }
  return groups;
}
