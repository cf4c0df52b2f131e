/** A comparison for the terminal and as Markdown. */
import { formatTable, markdownCell, markdownTable, type Row } from "../table.ts";
import { displayWidth, printable } from "../terminal-text.ts";
import { type ShownTable, showTable } from "./cells.ts";
import type { Comparison } from "./model.ts";
import { showSummary } from "./summary.ts";
import { costTable, pairedTable, reportTitle, seedsText, type WordTable } from "./words.ts";

/** The tables as text, differences, tests and notes below them; warnings are for whoever prints it. */
export function comparisonText(comparison: Comparison): string {
  const { tables, differences, notes, otherNotes } = comparison;
  const parts = [...tables, ...differences].map((table) => titled(shownOf(comparison, table)));
  const summary = showSummary(comparison);
  const lists = [pairedTable(comparison), costTable(comparison)].flatMap((list) =>
    list ? [`${printable(list.title)}\n${wordsText(list)}`] : [],
  );
  const said = [...notes, ...otherNotes].map((note) => `* ${printable(note)}`);
  const end = summary ? [titled(summary)] : [];
  return [...parts, ...lists, ...end, said.join("\n")].filter(Boolean).join("\n\n");
}

/** The summary alone, where there is one. */
export function summaryText(comparison: Comparison): string | undefined {
  const summary = showSummary(comparison);
  return summary && titled(summary);
}

const titled = (table: ShownTable) =>
  `${table.title}: ${printable(table.subtitle)}\n${tableText(table)}`;

/** @param pictures paths of pictures to show, relative to the file */
export function comparisonMarkdown(
  comparison: Comparison,
  pictures: readonly string[] = [],
): string {
  const { tables, differences, warnings, notes, otherNotes, rows } = comparison;
  const list = (items: readonly string[]) =>
    items.map((item) => `* ${markdownCell(item)}`).join("\n");
  const summary = showSummary(comparison);
  const shownTables = [...tables, ...differences].map((table) => shownOf(comparison, table));
  const parts = [...(summary ? [summary] : []), ...shownTables].map((shown) => {
    return `## ${markdownCell(shown.title)}\n\n${markdownCell(shown.subtitle)}\n\n${tableMarkdown(shown)}`;
  });
  const lists = [pairedTable(comparison), costTable(comparison)].flatMap((words) =>
    words ? [`## ${markdownCell(words.title)}\n\n${wordsMarkdown(words)}`] : [],
  );
  const seeds = rows.map(({ name, seeds }) => `${name}: ${seedsText(seeds)}`).join(", ");
  return `${[
    `# ${reportTitle(comparison)}`,
    warnings.length > 0 ? `**Warnings**\n\n${list(warnings)}` : "",
    ...parts,
    ...pictures
      .slice(0, 1)
      .map((path) => `![curves](<${path.replace(/[<>\\\r\n]/g, encodeURIComponent)}>)`),
    ...lists,
    `## Notes\n\n${list([...notes, ...otherNotes, seeds])}`,
  ]
    .filter(Boolean)
    .join("\n\n")}\n`;
}

const shownOf = (
  { columns, statistic, baseline }: Comparison,
  table: Comparison["tables"][number],
) => showTable(table, columns, statistic, baseline);

/** The best of a column has a star. */
function tableText({ heads, rows }: ShownTable): string {
  const body = rows.map(({ name, cells }) => [
    name,
    ...cells.map(({ text, detail, isBest }) =>
      [isBest ? `*${text}` : text, detail].filter(Boolean).join(" "),
    ),
  ]);
  return aligned(["", ...heads], body);
}

const wordsText = ({ heads, rows }: WordTable): string => aligned(heads, rows);

/** The first column to the left, all others to the right. */
function aligned(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const clean = rows.map((cells) => cells.map(printable));
  const widths = heads.map((head, c) =>
    Math.max(displayWidth(printable(head)), ...clean.map((cells) => displayWidth(cells[c]!))),
  );
  const fill = (text: string, c: number) =>
    " ".repeat(Math.max(0, widths[c]! - displayWidth(text)));
  const padded = clean.map((cells) =>
    Object.fromEntries(cells.map((text, c) => [String(c), c === 0 ? text : fill(text, c) + text])),
  );
  const columns = heads.map((head, c) => {
    return { key: String(c), title: c === 0 ? head : fill(printable(head), c) + head };
  });
  return formatTable(padded as Row[], columns);
}

function tableMarkdown({ heads, rows }: ShownTable): string {
  const columns = ["", ...heads];
  const body = rows.map(({ name, isBaseline, cells }) => [
    strong(markdownCell(name), isBaseline),
    ...cells.map(({ text, detail, isBest }) =>
      [strong(text, isBest), detail].filter(Boolean).join(" "),
    ),
  ]);
  return markdownLines(columns.map(markdownCell), body);
}

const strong = (text: string, isStrong: boolean) => (isStrong ? `**${text}**` : text);

const wordsMarkdown = ({ heads, rows }: WordTable): string =>
  markdownTable(
    rows.map((cells) => Object.fromEntries(cells.map((text, c) => [String(c), text]))),
    heads.map((title, c) => ({ key: String(c), title })),
  );

/** Cells are Markdown already. */
function markdownLines(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, c) =>
    Math.max(3, displayWidth(head), ...rows.map((cells) => displayWidth(cells[c]!))),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells
      .map((text, c) => {
        const space = " ".repeat(Math.max(0, widths[c]! - displayWidth(text)));
        return c === 0 ? text + space : space + text;
      })
      .join(" | ")} |`;
  const rule = widths.map((width, c) =>
    c === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(heads), line(rule), ...rows.map(line)].join("\n");
}
