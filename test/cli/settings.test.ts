/** Flags, config files and their schema: one table of settings, three uses. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, expect, test } from "vitest";
import { z } from "zod";
import { cdoDefaults } from "../../src/cdo/index.ts";
import { addFlags, flag, flagName, ruleOf, whole } from "../../src/cli/flags.ts";
import { commands, configSchema, findMethod } from "../../src/cli/index.ts";
import { editDistance, nearest } from "../../src/cli/nearest.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { trainSettings } from "../../src/cli/train-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const settings = z.strictObject({
  imageSize: flag(whole(1), "side", { value: "pixels" }),
  rate: flag(z.number().gt(0), "rate"),
  share: flag(z.number().min(0).max(1), "share"),
  mode: flag(z.enum(["add", "mul"]), "mode"),
  class: flag(z.array(z.string()).min(1), "classes"),
  weights: flag(z.array(z.number()).length(2), "two", { rule: "two numbers" }),
  maps: flag(z.boolean(), "no maps", { on: true }),
  overwrite: flag(z.boolean(), "overwrite"),
  resume: flag(z.string(), "resume", { optionalValue: true }),
});

async function read(args: readonly string[], config?: unknown) {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addFlags(command, settings);
  command.option("--config <file>");
  const path = join(folder, "config.json");
  if (config !== undefined) writeFileSync(path, JSON.stringify(config));
  command.parse(config === undefined ? args : [...args, "--config", path], { from: "user" });
  return readSettings(command, settings);
}

test("flags become values of their types, and only what was given is there", async () => {
  const told = await read([
    "--image-size",
    "64",
    "--rate",
    "1e-3",
    "--class",
    "a",
    "b",
    "--no-maps",
  ]);
  expect(told.settings).toEqual({ imageSize: 64, rate: 1e-3, class: ["a", "b"], maps: false });
  expect(told.given).toEqual(told.settings);
  expect((await read([])).settings).toEqual({});
  expect((await read(["--overwrite", "--resume"])).settings).toEqual({
    overwrite: true,
    resume: "",
  });
  expect((await read(["--resume", "runs/x", "--weights", "1", "-2.5"])).settings).toEqual({
    resume: "runs/x",
    weights: [1, -2.5],
  });
});

test("flags go over the config file, and each value remembers where it was written", async () => {
  const told = await read(["--rate", "2"], { $schema: "x", rate: 1, imageSize: 32, maps: false });
  expect(told.settings).toEqual({ rate: 2, imageSize: 32, maps: false });
  expect(told.written("rate")).toBe("--rate");
  expect(told.written("imageSize")).toBe(`imageSize in ${join(folder, "config.json")}`);
});

test("values that break their rule are all named at once", async () => {
  const wrong = [
    "--image-size",
    "0",
    "--rate",
    "0",
    "--share",
    "1.1",
    "--mode",
    "sub",
    "--weights",
    "1",
  ];
  const error = await read(wrong).catch((e: Error) => e);
  expect((error as Error).message.split("\n")).toEqual([
    "--image-size: must be a whole number, 1 or more, got 0",
    "--rate: must be a number above 0, got 0",
    "--share: must be a number from 0 to 1, got 1.1",
    '--mode: must be one of add, mul, got "sub"',
    "--weights: must be two numbers, got [1]",
  ]);
});

test("text that only looks like a number is no number", async () => {
  for (const text of ["0x10", "1e", "", " 1", "Infinity", "NaN", "1_000"]) {
    await expect(read(["--rate", text])).rejects.toThrow(/--rate: must be a number above 0/);
  }
});

test("a config file with an unknown key is refused with the nearest known one", async () => {
  await expect(read([], { "image-size": 3 })).rejects.toThrow(
    /no setting "image-size"; did you mean "imageSize"\?/,
  );
  await expect(read([], { zzz: 3 })).rejects.toThrow(/no setting "zzz"; it knows imageSize, rate/);
  await expect(read([], { __proto__x: 1 })).rejects.toThrow(/no setting/);
  await expect(read([], [1])).rejects.toThrow(/holds one JSON object/);
  writeFileSync(join(folder, "bad.json"), "{ rate: 1 }");
  await expect(read(["--config", join(folder, "bad.json")])).rejects.toThrow(
    /bad\.json: is not JSON/,
  );
  await expect(read(["--config", join(folder, "none.json")])).rejects.toMatchObject({ code: "io" });
});

test("a config value of the wrong type is refused, not converted", async () => {
  await expect(read([], { rate: "1" })).rejects.toThrow(
    /rate in .*: must be a number above 0, got "1"/,
  );
  await expect(read([], { maps: "no" })).rejects.toThrow(/maps in .*: must be true or false/);
  await expect(read([], { class: "a" })).rejects.toThrow(/class in .*: must be a list/);
});

test("rules are told in words", () => {
  expect(ruleOf(settings.shape.imageSize)).toBe("a whole number, 1 or more");
  expect(ruleOf(settings.shape.share)).toBe("a number from 0 to 1");
  expect(flagName("evaluateEvery")).toBe("--evaluate-every");
});

test("the exported schema accepts what the command accepts and has every setting of the method", () => {
  const schema = configSchema("train", trainSettings(findMethod("cdo"))) as {
    properties: Record<string, unknown>;
    additionalProperties: unknown;
  };
  const keys = Object.keys(schema.properties);
  const ofMethod = Object.keys(cdoDefaults["2025"]).filter((key) => key !== "version");
  expect(keys).toEqual(expect.arrayContaining([...ofMethod, "methodVersion", "data", "class"]));
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties.epochs).toMatchObject({ type: "integer", minimum: 0 });
});

test("the config of a method is complete, whichever of its settings are given", () => {
  const { config } = findMethod("cdo");
  const given = { epochs: 3, methodVersion: "2023", oom: false, data: "ignored" };
  expect(config(given)).toEqual({ ...cdoDefaults["2023"], epochs: 3, oom: false });
  expect(config({ batchSize: 16 }).learningRate).toBe(0.0005);
});

test("every command has a summary, an example that names it, and flags with help", () => {
  for (const { name, summary, examples, settings: own } of commands) {
    expect(summary).not.toMatch(/\.$/);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toContain(`loupe ${name}`);
    for (const [key, field] of Object.entries(own.shape)) {
      const { description } = z.toJSONSchema(field, { io: "input" });
      expect(description, `${name} ${key}`).toBeTruthy();
    }
  }
});

test("the nearest name is found through a slip, and none through nonsense", () => {
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("abdc", "abcd")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(nearest("epoch", ["epochs", "data"])).toBe("epochs");
  expect(nearest("IMAGE_SIZE", ["imageSize", "images"])).toBe("imageSize");
  expect(nearest("qqqqqq", ["epochs", "data"])).toBeUndefined();
  expect(nearest("x".repeat(1e5), ["epochs"])).toBeUndefined();
});
