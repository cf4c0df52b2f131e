/**
 * The closing line of CI, `N passed, N failed`, from the output of `npm test` and its exit code:
 * `node scripts/tally.mjs <log> <exit code>`. Nothing passes here that the exit code calls a failure.
 */
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

/** Adds up vitest's summary and the line of the browser tests; returns `{ passed, failed, notes }`. */
export function tally(output, code) {
  const text = stripVTControlCharacters(output);
  const unit = lastLine(text, /^ +Tests +(.*)$/gm);
  const browser = lastLine(text, /^browser: (\d+ passed, \d+ failed)/gm);
  const suites = lastLine(text, /Failed Suites (\d+)/g); // files that failed before their first test
  const errors = lastLine(text, /^ +Errors +(\d+) error/gm); // outside any test
  const passed = count(unit, "passed") + count(browser, "passed");
  let failed = count(unit, "failed") + count(browser, "failed") + Number(suites) + Number(errors);
  const notes = [];
  if (count(unit, "skipped") > 0) notes.push(`${count(unit, "skipped")} tests were skipped`);
  if (!unit) notes.push("the unit tests did not run to their end");
  if (!browser) notes.push("the browser tests did not run");
  if (code === 124 || code === 137) notes.push("the time was up");
  if (failed === 0 && (code !== 0 || !unit || !browser)) {
    notes.push(`it ended with code ${code}, counted as one failure`);
    failed = 1;
  }
  return { passed, failed, notes };
}

const lastLine = (text, pattern) => [...text.matchAll(pattern)].at(-1)?.[1] ?? "";
const count = (line, word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);

if (process.argv[1] === import.meta.filename) {
  const [file, code] = process.argv.slice(2);
  const { passed, failed, notes } = tally(readFileSync(file, "utf8"), Number(code));
  for (const note of notes) console.log(`ci: ${note}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
