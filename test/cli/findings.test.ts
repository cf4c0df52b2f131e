/** What is told of many files. */
import { expect, test } from "vitest";
import { reportFindings } from "../../src/cli/findings.ts";
import { Terminal } from "../../src/cli/terminal.ts";

test("a hundred thousand files of one kind become one line, in no time", () => {
  const findings = Array.from({ length: 100_000 }, (_, i) => {
    return { level: "info", file: `/photos/nut/${i}.txt`, message: "not an image" } as const;
  });
  const lines: string[] = [];
  const stderr = { write: (text: string) => lines.push(text) };
  const terminal = new Terminal({ stdout: stderr, stderr, now: () => 0 });
  const began = performance.now();
  reportFindings(findings, "/photos", terminal);
  expect(performance.now() - began).toBeLessThan(5000); // was minutes
  expect(lines.join("")).toMatch(
    /^not an image: nut\/0\.txt, nut\/1\.txt, nut\/2\.txt and 99997 more;.*\n$/,
  );
});
