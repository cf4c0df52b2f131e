/** The form of a plan file: what `loupe schema run` prints, and the check that goes with it. */
import { z } from "zod";
import { LoupeError } from "../error.ts";
import { flag, type Settings, whole } from "./flags.ts";
import { methods } from "./methods.ts";
import { allTrainSettings } from "./train-settings.ts";

/** Train settings that a plan has its own place for, and what of this machine stands on the command line. */
export const elsewhere: Readonly<Record<string, string>> = {
  data: 'stands in "data"',
  class: 'stands in "data" as "classes"',
  seed: 'stands in "seeds"',
  name: "is the setting's own name",
  role: 'stands beside "set"',
  output: "is given to loupe run as --output",
  adapter: "is given to loupe run as --adapter",
  memoryLimit: "is given to loupe run as --memory-limit",
  plans: "is given to loupe run as --plans",
  profile: "is for loupe train",
  resume: "is for loupe train; loupe run goes on by itself",
  overwrite: "is for loupe train; give another --output",
};

/** Train settings of this shape that a plan may set. */
export function settable(shape: Settings["shape"]): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(shape).filter(([key]) => !Object.hasOwn(elsewhere, key)),
  );
}

/** Overlays and maps of so many runs are many files: here they are asked for. */
export const pictures = {
  maps: flag(z.boolean(), "also write anomaly maps (maps/*.npy)"),
  images: flag(z.boolean(), "also write overlays (images/*.png)"),
};

/** All that some method knows. */
export const planSettings = { ...settable(allTrainSettings.shape), ...pictures };

const title = () => z.string().min(1).max(100);
const methodName = flag(
  z.enum(methods.map(({ name }) => name) as [string, ...string[]]),
  "the method; default the first there is",
);

function shapeOf<T extends z.ZodType>(values: T) {
  const set = values.describe("train settings, as in `loupe schema train <method>`").optional();
  return z.strictObject({
    name: title().describe("of the experiment").optional(),
    base: values.describe("train settings of all jobs, and the method").optional(),
    data: z
      .array(
        z.strictObject({
          name: title(),
          root: z
            .string()
            .min(1)
            .describe("folder; from the plan's own if relative. Without it: --data <name>=<folder>")
            .optional(),
          classes: z.array(z.string().min(1)).min(1).describe("default: all").optional(),
          set,
        }),
      )
      .min(1),
    seeds: z.array(whole(0)).min(1).describe("default: 1").optional(),
    settings: z
      .array(
        z.strictObject({
          name: title(),
          role: z.enum(["baseline", "treatment", "control"]).optional(),
          family: title().describe("settings that belong together in summary.csv").optional(),
          set,
        }),
      )
      .min(1)
      .describe("default: one, named after the method")
      .optional(),
  });
}

/** JSON Schema of a plan file. */
export function planSchema(): Record<string, unknown> {
  const values = z.strictObject({ method: methodName, ...planSettings });
  const schema = z.toJSONSchema(shapeOf(values), { io: "input" }) as {
    properties: Record<string, unknown>;
  };
  const properties = { $schema: { type: "string" }, ...schema.properties };
  return { ...schema, title: "loupe run <plan.json>", properties };
}

const document = shapeOf(z.record(z.string(), z.unknown()));
export type PlanDocument = z.infer<typeof document>;

/** The form of a plan, without the values of its settings. Throws `config` with the places of all that is wrong. */
export function readDocument(given: unknown, where: string): PlanDocument {
  const read = document.safeParse(given);
  if (read.success) return read.data;
  throw new LoupeError("config", told(read.error.issues, given, where));
}

/** What zod found, with the names of entries in place of their numbers. */
function told(issues: readonly z.core.$ZodIssue[], given: unknown, where: string): string {
  const lines = issues.map((issue) => {
    const place = placeOf(issue.path, given);
    if (issue.code === "unrecognized_keys") {
      const keys = issue.keys.map((key) => `"${key}"`).join(", ");
      return `${[where, place].filter(Boolean).join(": ")}: there is no ${keys} here; \`loupe schema run\` has the form`;
    }
    return `${[where, place].filter(Boolean).join(": ")}: ${issue.message}`;
  });
  return lines.join("\n");
}

function placeOf(path: readonly PropertyKey[], given: unknown): string {
  let value = given;
  const parts: string[] = [];
  for (const key of path) {
    value = (value as Record<PropertyKey, unknown> | undefined)?.[key];
    const { name } = (value ?? {}) as { readonly name?: unknown };
    if (typeof key !== "number") parts.push(String(key));
    else parts.push(`${parts.pop()}${typeof name === "string" ? ` "${name}"` : `[${key}]`}`);
  }
  return parts.join(".");
}
