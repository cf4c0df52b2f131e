/** `loupe schema`: the JSON Schema of a command's config file, for editors and for other programs. */
import { z } from "zod";
import { LoupeError } from "../error.ts";
import type { CommandSpec } from "./command.ts";
import type { Settings } from "./flags.ts";
import { findMethod } from "./methods.ts";
import { planSchema } from "./run-plan-form.ts";
import { everyMethod, everySettings } from "./train-all.ts";
import { trainSettings } from "./train-settings.ts";

/** The schema of a `--config` file. `$schema` is allowed in it, so that an editor finds this. */
export function configSchema(title: string, settings: Settings): Record<string, unknown> {
  const schema = z.toJSONSchema(settings, { io: "input" }) as {
    properties: Record<string, unknown>;
  };
  return { ...schema, title, properties: { $schema: { type: "string" }, ...schema.properties } };
}

/** The command that prints the schemas of these commands. */
export function schemaCommand(commands: readonly CommandSpec[]): CommandSpec {
  const configurable = commands.filter(({ settings }) => Object.keys(settings.shape).length > 0);
  const none = z.strictObject({});
  return {
    name: "schema",
    arguments: "<command...>",
    summary: "Prints the JSON Schema of a command's --config file",
    description:
      "For train with the method, or all: loupe schema train cdo; for run that of a plan file.",
    examples: ["loupe schema train cdo > train-cdo.schema.json", "loupe schema predict"],
    settings: none,
    async run({ args, read }) {
      await read(none);
      const schema = schemaOf(args, configurable);
      return { text: JSON.stringify(schema, null, 2), json: schema };
    },
  };
}

function schemaOf(words: readonly string[], commands: readonly CommandSpec[]) {
  const name = words.join(" ");
  if (words[0] === "train") {
    const isAll = words[1] === everyMethod;
    const settings = isAll ? everySettings : trainSettings(findMethod(words[1]));
    return configSchema(`loupe ${name}`, settings);
  }
  if (name === "run") return planSchema();
  const spec = commands.find((command) => command.name === name);
  if (spec) return configSchema(`loupe ${name}`, spec.settings);
  const known = commands.map((command) => command.name).join(", ");
  throw new LoupeError(
    "config",
    `schema: no command "${name}" with a config file; there are ${known}`,
  );
}
