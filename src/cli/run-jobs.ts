/** The jobs of a plan: one training each, in an order and in folders that are the same on every machine. */
import { join } from "node:path";
import { LoupeError } from "../error.ts";
import { classesOf as classesIn } from "./class-data.ts";
import { choiceOf } from "./data-choice.ts";
import { defined } from "./defined.ts";
import type { Method } from "./method.ts";
import { type Arm, type Plan, type PlanData, settingsOf } from "./run-plan.ts";
import { jointName, safeName } from "./train-folder.ts";
import { optionsOf, type TrainSettings } from "./train-settings.ts";

export interface Job {
  readonly arm: Arm;
  readonly data: PlanData;
  /** Of the column in tables. */
  readonly className: string;
  /** Trained on; more than one in a joint training. */
  readonly classes: readonly string[];
  readonly seed: number;
  readonly method: Method;
  /** Complete, as `loupe train` would be told. */
  readonly settings: TrainSettings;
  /** Of the method, complete but for the precision that the GPU decides. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Below the output: `<setting>/<data set>-<class>/seed<k>`. */
  readonly folder: string;
}

/** `freq-linear, mvtec bottle, seed 2`. */
export const labelOf = ({ arm, data, className, seed }: Job): string =>
  `${arm.name}, ${data.name} ${className}, seed ${seed}`;

const mostJobs = 100_000;

/**
 * The classes of each data set, by its name, in the order of the plan. Throws `io` or `data` when a folder or a class is not there.
 * @param trusting take the plan's word for the classes: the images need not be on this machine
 */
export async function classesOf(
  plan: Plan,
  trusting = false,
): Promise<Map<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const { name, root, classes, set } of plan.data) {
    if (trusting && classes) {
      found.set(name, classes);
      continue;
    }
    try {
      const settings = { ...plan.base, ...set, data: root } as TrainSettings;
      const there = await classesIn(choiceOf(settings, classes));
      found.set(name, classes ?? there);
    } catch (error) {
      if (!(error instanceof LoupeError)) throw error;
      const message = `${plan.where}: data "${name}": ${error.message}`;
      throw new LoupeError(error.code, message, { cause: error });
    }
  }
  return found;
}

/** All jobs. Seeds change last, so that a whole table with one seed is there first. */
export function jobsOf(plan: Plan, classes: ReadonlyMap<string, readonly string[]>): Job[] {
  const columns = plan.settings.flatMap((arm) =>
    plan.data.flatMap((data) => columnsOf(plan, arm, data, classes.get(data.name) ?? [])),
  );
  const count = plan.seeds.length * columns.length;
  if (count > mostJobs) {
    throw new LoupeError("config", `${plan.where}: ${count} jobs are more than ${mostJobs}`);
  }
  requireOwnFolders(plan, columns);
  return plan.seeds.flatMap((seed) => columns.map((column) => jobOf(column, seed)));
}

/** What a job is but for its seed. */
type Column = Omit<Job, "seed">;

/** One for each class; of a joint training one. */
function columnsOf(plan: Plan, arm: Arm, data: PlanData, names: readonly string[]): Column[] {
  const { method, values, config } = settingsOf(plan, arm, data);
  const column = (className: string, classes: readonly string[]): Column => {
    const settings = {
      ...values,
      data: data.root,
      class: [...classes],
      name: arm.name,
      ...defined({ role: arm.role }),
      evaluateEvery: optionsOf(values).evaluateEvery ?? evaluateEvery(config),
      maps: values.maps ?? false,
      images: values.images ?? false,
    } as TrainSettings;
    const folder = join(safeName(arm.name), safeName(`${data.name}-${className}`));
    return { arm, data, className, classes, method, settings, config, folder };
  };
  if (values.joint === true) return [column(jointName(names), names)];
  return names.map((name) => column(name, [name]));
}

function jobOf(column: Column, seed: number): Job {
  const folder = join(column.folder, `seed${seed}`);
  return { ...column, seed, settings: { ...column.settings, seed }, folder };
}

/** As the 2025 reference: after every fifth of the epochs, so that there is a best and a mean of the last. */
function evaluateEvery({ epochs }: Readonly<Record<string, unknown>>): number {
  return Math.max(1, Math.floor(Number(epochs) / 5) || 1);
}

function requireOwnFolders({ where }: Plan, columns: readonly Column[]): void {
  const seen = new Map<string, string>();
  for (const { arm, data, className, folder } of columns) {
    const title = `${arm.name}, ${data.name} ${className}`;
    const before = seen.get(folder.toLowerCase());
    if (before !== undefined) {
      const rule = `${title} and ${before} would share a folder`;
      throw new LoupeError("config", `${where}: ${rule}; name the data sets apart`);
    }
    seen.set(folder.toLowerCase(), title);
  }
}
