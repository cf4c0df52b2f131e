/** The closing line of CI against outputs as vitest 4 prints them. */
import { expect, test } from "vitest";
import { script } from "./load.ts";

const { tally } = await script("tally.mjs");

const vitest = (tests: string, more = "") => `
 Test Files  1 failed | 1 passed (3)
      Tests  ${tests}
${more}   Start at  05:37:36
`;
const browser = "browser: 3 passed, 0 failed (Chromium 156.0)\n";

test("the unit tests and the browser tests are added", () => {
  expect(tally(vitest("10 passed (10)") + browser, 0)).toEqual({
    passed: 13,
    failed: 0,
    notes: [],
  });
});

test("failures are counted in both, and what was skipped is told", () => {
  const output = vitest("1 failed | 2 passed | 1 skipped | 1 todo (5)");
  const { passed, failed, notes } = tally(`${output}browser: 1 passed, 2 failed (x)\n`, 1);
  expect([passed, failed]).toEqual([3, 3]);
  expect(notes).toEqual(["1 tests were skipped"]);
});

test("files that do not load and errors outside a test count as failures", () => {
  const output = "⎯⎯⎯ Failed Suites 2 ⎯⎯⎯\n" + vitest("4 passed (4)", "     Errors  1 error\n");
  expect(tally(output, 1)).toMatchObject({ passed: 4, failed: 3 });
});

test("colours do not hide the numbers", () => {
  const output =
    "\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m7 passed\u001b[39m\u001b[22m (7)\n";
  expect(tally(output + browser, 0)).toMatchObject({ passed: 10, failed: 0 });
});

test("what ended early is a failure, whatever was counted", () => {
  expect(tally("", 1)).toMatchObject({ passed: 0, failed: 1 });
  expect(tally(vitest("7 passed (7)"), 0)).toMatchObject({ passed: 7, failed: 1 });
  expect(tally(vitest("7 passed (7)") + browser, 1)).toMatchObject({ passed: 10, failed: 1 });
  const late = tally(vitest("7 passed (7)"), 124);
  expect(late).toMatchObject({ failed: 1 });
  expect(late.notes).toContain("the time was up");
});

test("a line that a test printed is not taken for the sum, which comes last", () => {
  const output = `      Tests  99 passed (99)\n${vitest("1 passed (1)")}browser: 9 passed, 9 failed\n${browser}`;
  expect(tally(output, 0)).toMatchObject({ passed: 4, failed: 0 });
});
