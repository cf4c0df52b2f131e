/**
 * Results as CSV (RFC 4180 quoting, `\n` at the end of every line, UTF-8 without a mark): the table of metrics in the
 * form of the CDO references, and one line per image.
 *
 * A spreadsheet runs a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return as a formula, and quotes don't
 * stop it. File and class names come from outside, so such a path gets `./` in front, which names the same file, and such
 * a class name an apostrophe. Numbers are left alone.
 */
import { type Verdict, verdictOf } from "./caption.ts";
import { missing, percent } from "./numbers.ts";

/** The metrics of one class, as fractions 0..1 by column. */
export interface MetricsRow {
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * The metrics table: first column without a title (the class), then one column per metric in percent with two decimals.
 * No average row. A metric that is missing or NaN is an empty cell.
 *
 * @param columns in this order; by default those of the rows, in order of appearance
 */
export function metricsCsv(rows: readonly MetricsRow[], columns?: readonly string[]): string {
  const names = columns ?? [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))];
  const body = rows.map(({ name, metrics }) => [
    className(name),
    ...names.map((column) => number(metrics[column])),
  ]);
  return lines([["", ...names.map((column) => guarded(column, "'"))], ...body]);
}

/** One image's line in the table of scores. */
export interface ScoreRow {
  readonly path: string;
  /** 0 good, 1 defective; empty cell if not known. */
  readonly label?: number;
  readonly score: number;
  /** Taken from the threshold if that is given. */
  readonly verdict?: Verdict;
}

/**
 * The scores table: `path,label,score,verdict`. Scores have all their digits; label and verdict are `good` or
 * `defective`, empty where not known.
 *
 * @param threshold the image threshold; defective is at or above it
 */
export function scoresCsv(rows: readonly ScoreRow[], threshold?: number): string {
  const body = rows.map(({ path, label, score, verdict }) => [
    guarded(path, "./"),
    label === undefined ? "" : label === 0 ? "good" : "defective",
    String(score),
    verdict ?? (threshold === undefined ? "" : verdictOf(score, threshold)),
  ]);
  return lines([["path", "label", "score", "verdict"], ...body]);
}

/** reference: a class name of digits only gets a `b` in front, so that no reader takes the column for numbers. */
export function className(name: string): string {
  return /^[0-9]+$/.test(name) ? `b${name}` : guarded(name, "'");
}

function number(value = Number.NaN): string {
  const text = percent(value);
  return text === missing ? "" : text;
}

/** The first characters that make a formula, with the full-width ones that some spreadsheets fold to them. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/;

/** A text from outside with `prefix` in front where a spreadsheet would take it for a formula. */
export function guarded(text: string, prefix: string): string {
  return formula.test(text) ? prefix + text : text;
}

/** The file: cells quoted where they need it, each row ended by `\n`. */
export function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll('"', '""')}"` : cell;
}
