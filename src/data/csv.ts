/**
 * Reads CSV as RFC 4180 has it, through d3-dsv, and says on which line of the file a row begins. A list of images is all this room
 * reads, so there is no guessing of separators and no conversion of values.
 */
import { csvParseRows } from "d3-dsv";

/** One row; `line`: the line of the file on which it begins, from 1. */
export type CsvRow = { readonly line: number; readonly cells: readonly string[] };

/** The rows of a text, without empty lines. A quote that is never closed ends with the text. */
export function parseCsv(text: string): CsvRow[] {
  let line = 1;
  const rows = csvParseRows(text, (cells): CsvRow => {
    const row = { line, cells };
    line += cells.reduce((lines, cell) => lines + cell.split(/\r\n|\r|\n/).length - 1, 1);
    return row;
  });
  return rows.filter(({ cells }) => cells.length > 1 || cells[0] !== "");
}
