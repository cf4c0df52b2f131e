/** Checks of JSON fields, and the name that was probably meant. */
import { expect, test } from "vitest";
import { fields } from "../../src/detector/index.ts";

const rules = {
  batchSize: fields.whole(1, 64),
  rate: fields.number("above 0", (v) => v > 0),
  mode: fields.oneOf("add", "mul"),
  weights: fields.numbers(2, "two numbers", () => true),
  on: fields.flag,
  name: fields.text,
};
const good = { batchSize: 1, rate: 0.5, mode: "mul", weights: [1, 2], on: false, name: "x" };

test("what keeps the rules passes", () => {
  expect(() => fields.checkFields("config", "here", good, rules)).not.toThrow();
  expect(() => fields.refuseUnknown("config", "here", good, rules)).not.toThrow();
});

test("each rule refuses what is not of its kind, by name", () => {
  const wrong: [string, unknown, string][] = [
    ["batchSize", 0, "batchSize must be a whole number from 1 to 64, got 0"],
    ["batchSize", 65, "batchSize must be a whole number from 1 to 64, got 65"],
    ["batchSize", "8", 'batchSize must be a whole number from 1 to 64, got "8"'],
    ["rate", 0, "rate must be above 0, got 0"],
    ["rate", Number.POSITIVE_INFINITY, "rate must be above 0, got Infinity"],
    ["rate", "1", 'rate must be above 0, got "1"'],
    ["mode", "sum", 'mode must be "add" or "mul", got "sum"'],
    ["weights", [1], "weights must be two numbers, got [1]"],
    ["weights", [1, null], "weights must be two numbers, got [1,null]"],
    ["weights", { length: 2 }, 'weights must be two numbers, got {"length":2}'],
    ["on", 1, "on must be true or false, got 1"],
    ["on", undefined, "on must be true or false, it is missing"],
    ["name", "", 'name must be a text that is not empty, got ""'],
    ["name", 10n, "name must be a text that is not empty, got 10"],
  ];
  for (const [field, value, message] of wrong) {
    const edited = { ...good, [field]: value };
    expect(() => fields.checkFields("config", "here", edited, rules)).toThrow(`here: ${message}`);
  }
});

test("what comes from a prototype is no field", () => {
  const inherited = Object.create(good) as Record<string, unknown>;
  expect(() => fields.checkFields("config", "here", inherited, rules)).toThrow("it is missing");
});

test("an unknown field is told with the name that was probably meant, or with all", () => {
  const unknown = (name: string) => () =>
    fields.refuseUnknown("config", "here", { [name]: 1 }, rules);
  expect(unknown("batchsize")).toThrow(
    'here: there is no setting "batchsize"; did you mean "batchSize"?',
  );
  expect(unknown("batch_size")).toThrow('did you mean "batchSize"?');
  expect(unknown("wieghts")).toThrow('did you mean "weights"?');
  expect(unknown("elephants")).toThrow("it knows batchSize, rate, mode, weights, on, name");
  expect(unknown("constructor")).toThrow('no setting "constructor"');
  const parsed = JSON.parse('{"__proto__":1}') as object;
  expect(() => fields.refuseUnknown("config", "here", parsed, rules)).toThrow('"__proto__"');
  expect(unknown("x".repeat(10_000))).toThrow(/^here: there is no setting "x{100}"; /);
});

test("distances count insertions, deletions, replacements and swaps", () => {
  expect(fields.editDistance("", "abc")).toBe(3);
  expect(fields.editDistance("abc", "abc")).toBe(0);
  expect(fields.editDistance("abdc", "abcd")).toBe(1);
  expect(fields.editDistance("kitten", "sitting")).toBe(3);
});
