/**
 * Reads CSV as RFC 4180 has it: cells in quotes may hold commas, quotes (doubled) and line ends; lines end in LF or CRLF.
 * A list of images is all this room reads, so there is no guessing of separators and no conversion of values.
 */

/** One row; `line`: the line of the file on which it begins, from 1. */
export type CsvRow = { readonly line: number; readonly cells: readonly string[] };

/** The rows of a text, without empty lines. A quote that is never closed ends with the text. */
export function parseCsv(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  const unquoted = /[^,\r\n]*/y;
  let [at, line] = [0, 1];
  while (at < text.length) {
    const cells: string[] = [];
    const begin = line;
    for (;;) {
      let value = "";
      if (text[at] === '"') {
        const end = endOfQuoted(text, at);
        value = text.slice(at + 1, end).replaceAll('""', '"');
        line += value.split("\n").length - 1;
        at = end + 1;
      }
      unquoted.lastIndex = at;
      const rest = unquoted.exec(text)?.[0] ?? "";
      at += rest.length;
      cells.push(value + rest);
      if (text[at] !== ",") break;
      at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: begin, cells });
  }
  return rows;
}

/** Where the quote closes that opens at `at`; the end of the text if it doesn't. */
function endOfQuoted(text: string, at: number): number {
  for (let from = at + 1; ; from += 2) {
    from = text.indexOf('"', from);
    if (from < 0) return text.length;
    if (text[from + 1] !== '"') return from;
  }
}
