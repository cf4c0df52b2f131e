/** Tables of results as text: aligned for a terminal, and in Markdown. Both are pure functions of rows and columns. */
import { fixed, missing, percent } from "./numbers.ts";
import { displayWidth, printable } from "./terminal-text.ts";

export type Cell = string | number | undefined;
export type Row = Readonly<Record<string, Cell>>;

export interface Column {
  /** Which value of a row. */
  readonly key: string;
  /** Head of the column; the key if not given. */
  readonly title?: string;
  /** Numbers: `plain` (default) as they are, `fixed` with `digits` decimals, `percent` of a fraction 0..1. */
  readonly format?: "plain" | "fixed" | "percent";
  /** Decimals of `fixed` and `percent`; 2 if not given. */
  readonly digits?: number;
}

/**
 * The table with its columns aligned: numbers to the right, text to the left, two spaces between, a rule under the head.
 * Missing values and NaN are `--`. Control characters (a file may be named so) are shown as escapes, not sent on.
 * No newline at the end.
 */
export function formatTable(rows: readonly Row[], columns: readonly Column[]): string {
  const { head, body, right, widths } = layout(rows, columns, printable);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => pad(cell, widths[i]!, right[i]!))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("──");
  return [line(head), rule, ...body.map(line)].join("\n");
}

/** The same table in Markdown, aligned in the source too. No newline at the end. */
export function markdownTable(rows: readonly Row[], columns: readonly Column[]): string {
  const { head, body, right, widths } = layout(rows, columns, markdownCell);
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => pad(cell, widths[i]!, right[i]!)).join(" | ")} |`;
  const rule = widths.map((width, i) => "-".repeat(width - 1) + (right[i] ? ":" : "-"));
  return [line(head), line(rule), ...body.map(line)].join("\n");
}

/**
 * The mean of every numeric column over the complete rows. A row with a missing value is left out, and the name then says
 * how many of how many are in: `average (13/15)`. NaN without a complete row.
 *
 * @param name the key of the column that names the rows
 */
export function averageRow(rows: readonly Row[], keys: readonly string[], name = "class"): Row {
  const complete = rows.filter((row) => keys.every((key) => !isMissing(row[key])));
  const all = complete.length === rows.length;
  const title = all ? "average" : `average (${complete.length}/${rows.length})`;
  const means = keys.map((key) => {
    const sum = complete.reduce((total, row) => total + Number(row[key]), 0);
    return [key, sum / complete.length] as const;
  });
  return { [name]: title, ...Object.fromEntries(means) };
}

interface Layout {
  readonly head: readonly string[];
  readonly body: readonly (readonly string[])[];
  /** Whether a column is aligned to the right: it holds a number, and no text but in place of one. */
  readonly right: readonly boolean[];
  readonly widths: readonly number[];
}

function layout(
  rows: readonly Row[],
  columns: readonly Column[],
  clean: (text: string) => string,
): Layout {
  const head = columns.map(({ key, title }) => clean(title ?? key));
  const body = rows.map((row) => columns.map((column) => clean(cellText(row[column.key], column))));
  const right = columns.map(({ key, format = "plain" }) => {
    if (format !== "plain") return true;
    const present = rows.map((row) => row[key]).filter((cell) => cell !== undefined);
    return present.length > 0 && present.every((cell) => typeof cell === "number");
  });
  const widths = head.map((title, i) =>
    [title, ...body.map((cells) => cells[i]!)].reduce((w, c) => Math.max(w, displayWidth(c)), 3),
  );
  return { head, body, right, widths };
}

function cellText(cell: Cell, { format = "plain", digits = 2 }: Column): string {
  if (isMissing(cell)) return missing;
  if (typeof cell === "string") return cell;
  if (format === "fixed") return fixed(cell as number, digits);
  return format === "percent" ? percent(cell as number, digits) : String(cell);
}

function isMissing(cell: Cell): boolean {
  return cell === undefined || Number.isNaN(cell);
}

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}

/** One line that Markdown and the HTML inside it show as it is. */
export function markdownCell(text: string): string {
  return printable(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replace(/[\\|`*_[\]~]/g, "\\$&");
}
