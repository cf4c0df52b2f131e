/** The report of `checkFolder` as text for a terminal: what was found, then what is wrong, worst first. */
import type { CheckReport } from "./check.ts";
import type { ClassSummary } from "./check-summary.ts";
import type { Finding, Level } from "./finding.ts";

const titles: Record<Level, string> = {
  error: "can't be used",
  warning: "look at these",
  info: "left out",
};

/**
 * The report as lines of text. At most `most` files are listed under one kind of finding (default 10), the rest is
 * counted.
 */
export function formatCheck(report: CheckReport, most = 10): string {
  const { dataset, classes, findings } = report;
  const lines = [`${dataset.root}`, `layout: ${dataset.layout}`, "", ...table(classes)];
  for (const level of ["error", "warning", "info"] as const) {
    const found = findings.filter((finding) => finding.level === level);
    if (found.length === 0) continue;
    lines.push("", `${titles[level]} (${found.length})`);
    for (const [rule, files] of byRule(found, dataset.root)) {
      lines.push(`  ${rule}`);
      for (const file of files.slice(0, most)) lines.push(`    ${file}`);
      if (files.length > most) lines.push(`    and ${files.length - most} more`);
    }
  }
  lines.push("", verdict(report));
  return lines.join("\n");
}

function table(classes: readonly ClassSummary[]): string[] {
  const head = ["class", "train", "test good", "test defective", "sizes"];
  const rows = classes.map(({ name, train, trainDefective, testGood, defects, sizes }) => {
    const kinds = Object.entries(defects).map(([defect, { images, masks }]) => {
      return `${defect} ${images}${masks === images ? "" : ` (${masks} with mask)`}`;
    });
    const trained = trainDefective ? `${train} (${trainDefective} defective)` : `${train}`;
    return [name, trained, `${testGood}`, kinds.join(", ") || "none", sizesText(sizes)];
  });
  const widths = head.map((h, i) => Math.max(h.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => {
    return row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd();
  });
}

function sizesText(sizes: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(sizes).sort(([, a], [, b]) => b - a);
  const shown = sorted.slice(0, 3).map(([size, count]) => `${size} (${count})`);
  return shown.join(", ") + (sorted.length > 3 ? `, ${sorted.length - 3} other sizes` : "");
}

/** The files under each rule, with what the message says about them in particular. */
function byRule(findings: readonly Finding[], root: string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { file, message } of findings) {
    const at = message.indexOf(": ");
    const rule = at < 0 ? message : message.slice(0, at);
    const values = at < 0 ? "" : message.slice(at).replaceAll(`${root}/`, "");
    const name = file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file;
    const files = groups.get(rule) ?? [];
    groups.set(rule, files);
    files.push(name + values);
  }
  return groups;
}

function verdict({ dataset, findings }: CheckReport): string {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const many = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const usable = many(dataset.train.length + dataset.test.length, "image");
  const [errors, warnings] = [many(count("error"), "error"), many(count("warning"), "warning")];
  return `${usable} can be used; ${errors}, ${warnings}`;
}
