/** docs/curriculum.md holds what there is: every preset, and examples that the program takes. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { axisNames } from "../../../src/cdo/curriculum/axes.ts";
import { curriculumOfTokens } from "../../../src/cdo/curriculum/grammar.ts";
import { curriculumPresets, presetNames } from "../../../src/cdo/curriculum/presets.ts";
import { scheduleNames } from "../../../src/cdo/curriculum/schedule.ts";
import { curriculumOfWords } from "../../../src/cdo/curriculum/words.ts";

const root = resolve(import.meta.dirname, "../../..");
const docs = readFileSync(resolve(root, "docs/curriculum.md"), "utf8");
const readme = readFileSync(resolve(root, "README.md"), "utf8");

/** What follows a flag, up to the next one or a comment, wherever a line of a command has it. */
function examples(text: string, flag: string): string[][] {
  const commands = text.split("\n").filter((line) => line.trim().startsWith("loupe "));
  return commands.flatMap((line) => {
    const [, words] = new RegExp(` ${flag} ([^#]*?)(?= --| #|$)`).exec(line) ?? [];
    return words === undefined ? [] : [words.trim().split(/\s+/)];
  });
}

test("every preset stands in the table with what it is about, and no other", () => {
  const rows = [...docs.matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)]
    .map(([, name, about]) => [name, about] as const)
    .filter(([name]) => !["synthesis", "order", "weights", "gamma"].includes(name as string));
  const wanted = presetNames.map((name) => {
    const { about, control } = curriculumPresets[name];
    return [name, control ? `${about} (control)` : about];
  });
  expect(rows).toEqual(wanted);
});

test("every axis and every schedule is named", () => {
  const list = /the axes `([^`]+)` \(one of them\), `([^`]+)`; schedules are `([^`]+)`/.exec(
    docs.replaceAll("\n", " "),
  );
  const words = (i: number) => (list?.[i] ?? "").split(" ");
  expect([...words(1), ...words(2)].sort()).toEqual([...axisNames].sort());
  expect(words(3).sort()).toEqual([...scheduleNames].sort());
});

test("the examples on the command line mean something", () => {
  const curricula = [docs, readme].flatMap((text) => examples(text, "--curriculum"));
  expect(curricula.length).toBeGreaterThan(4);
  for (const words of curricula) expect(curriculumOfWords(words), words.join(" ")).toBeDefined();
  const forks = examples(docs, "--augm-red");
  expect(forks.length).toBeGreaterThan(0);
  for (const tokens of forks) expect(curriculumOfTokens(tokens).synthesis).toBeDefined();
});
