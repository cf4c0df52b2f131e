/** `loupe run`: an experiment over settings, data sets, classes and seeds, and its tables. */
import { existsSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { z } from "zod";
import { LoupeError } from "../error.ts";
import type { CommandSpec, Invocation } from "./command.ts";
import { flag, flagName, whole } from "./flags.ts";
import { listenForInterrupt } from "./interrupt.ts";
import { findMethod, methods } from "./methods.ts";
import { adapter, classes, memoryLimit, output, plans } from "./options.ts";
import { seeCells } from "./run-cells.ts";
import { classesOf, type Job, jobsOf } from "./run-jobs.ts";
import {
  checkPlan,
  type NamedFolder,
  type Plan,
  planFile,
  readPlan,
  writePlan,
} from "./run-plan.ts";
import { pictures, planSettings, settable } from "./run-plan-form.ts";
import { describeJobs, describeTables } from "./run-report.ts";
import { partOf, type Shard, shardOf, shardPattern } from "./run-shard.ts";
import { writeTables } from "./run-tables.ts";
import { workThrough } from "./run-work.ts";
import { sharedGpu } from "./shared-gpu.ts";
import type { Terminal } from "./terminal.ts";
import { trainSettings } from "./train-settings.ts";

const text = () => z.string().min(1);

/** What says where and which part, but not what. */
const ways = {
  output: output("folder of the experiment, needed; what is finished there is not done again"),
  data: flag(
    z.array(text()).min(1),
    "folders of data sets, each <folder> or <name>=<folder>; with a plan: where its data sets lie here",
    { value: "[name=]folder" },
  ),
  shard: flag(
    z.string().regex(shardPattern),
    "do only part i of n; default: as SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX say, else all",
    { value: "i/n", rule: "i/n with i from 1 to n, such as 2/8" },
  ),
  shards: flag(whole(1), "number of parts where the scheduler does not say it", {
    value: "number",
  }),
  dryRun: flag(z.boolean(), "list the jobs and what is there of them, do nothing"),
  collect: flag(z.boolean(), "only write the tables of what is there"),
  merge: flag(z.array(text()).min(1), "also look into these outputs for finished runs", {
    value: "folder",
  }),
  adapter,
  memoryLimit,
  plans,
};

/** Without a plan, what stands in its place. */
const inPlaceOfPlan = {
  class: classes,
  seeds: flag(z.array(whole(0)).min(1), "seeds, a training each; default 1", { value: "seed" }),
  name: flag(text().max(100), "name of the setting, its row in tables", { value: "name" }),
};

const withPlan = z.strictObject(ways);
const all = z.strictObject({ ...ways, ...inPlaceOfPlan, ...planSettings });

export const run: CommandSpec = {
  name: "run",
  arguments: "<plan>",
  summary:
    "Trains settings × data sets × classes × seeds, goes on where it stopped, and writes the tables",
  description: `<plan>: a JSON file (its form: loupe schema run), the output of an earlier call, or a method (${methods.map((m) => m.name).join(", ")}) with its settings as flags.
Several processes may work on one --output. A class that fails is told and the rest go on.`,
  examples: [
    "loupe run cdo --data mvtec=data/mvtec_ad --data visa=data/VisA --seeds 1 2 3 --output runs/all",
    "loupe run ablation.json --output runs/ablation --dry-run",
    "loupe run ablation.json --output runs/ablation --shard 2/8",
    "loupe run runs/ablation --collect --merge copied/from-node-2",
  ],
  settings: all,
  async run(call) {
    const told = await readAll(call);
    const { plan, ways: given } = told;
    const shard = given.collect ? undefined : shardOf(given, process.env);
    const folder = given.output;
    const found = await classesOf(plan, given.collect ?? false);
    const jobs = jobsOf(plan, found);
    const see = () => seeCells(jobs, [folder, ...(given.merge ?? [])], call.terminal);
    if (given.dryRun) return describeJobs(partOf(await see(), shard), jobs.length, shard);
    await warnOfOthers(folder, plan, call.terminal);
    await writePlan(folder, plan, found);
    if (given.collect) return describeTables(await writeTables(folder, see), folder);
    const outcomes = await work(jobs, shard, folder, given, call.terminal);
    return describeTables(await writeTables(folder, see), folder, outcomes);
  },
};

type Ways = z.infer<typeof withPlan>;

interface Told {
  readonly plan: Plan;
  readonly ways: Ways & { readonly output: string };
}

async function work(
  jobs: readonly Job[],
  shard: Shard | undefined,
  folder: string,
  given: Ways,
  terminal: Terminal,
) {
  const own = partOf(jobs, shard);
  if (shard) {
    const part = `part ${shard.index + 1} of ${shard.count} (${shard.source})`;
    terminal.info(`${part}: ${own.length} of ${jobs.length} jobs`);
  }
  using interrupt = listenForInterrupt(terminal, "finishing the step, then saving");
  const gpu = sharedGpu(given, terminal);
  try {
    const stopped = "stopped before the next job was begun";
    return await workThrough(own, folder, gpu, { terminal, interrupt, stopped });
  } finally {
    gpu.close();
  }
}

async function readAll(call: Invocation): Promise<Told> {
  const [target = ""] = call.args;
  if (methods.some(({ name }) => name === target)) return planFromFlags(call, target);
  const isFolder = existsSync(target) && statSync(target).isDirectory();
  const path = isFolder ? planFile(target) : target;
  if (!existsSync(path)) {
    const list = methods.map(({ name }) => name).join(", ");
    const what = isFolder
      ? `${target}: there is no plan.json in it`
      : `${target}: is neither a method (${list}) nor a plan file`;
    throw new LoupeError("config", `run: ${what}; as in: loupe run cdo --data … --output …`);
  }
  refuseSettings(call, path);
  const { settings } = await call.read(withPlan);
  const plan = await readPlan(path, (settings.data ?? []).map(namedFolder));
  return { plan, ways: withOutput({ ...(isFolder ? { output: target } : {}), ...settings }) };
}

/** With a plan the settings stand in the plan, so that it says what was done. */
function refuseSettings(call: Invocation, path: string): void {
  const given = Object.keys(all.shape).filter(
    (key) => !(key in withPlan.shape) && call.peek(key) !== undefined,
  );
  if (given.length === 0) return;
  const next = `write it into ${path}, into "base" or a setting's "set"`;
  throw new LoupeError("config", `${given.map(flagName).join(", ")}: not beside a plan; ${next}`);
}

/** The plan that the flags amount to: one setting on every data set. */
async function planFromFlags(call: Invocation, name: string): Promise<Told> {
  const own = settable(trainSettings(findMethod(name)).shape);
  const schema = z.strictObject({ ...ways, ...inPlaceOfPlan, ...own, ...pictures });
  const { settings } = await call.read(schema);
  const { class: names, seeds, name: title, ...rest } = settings;
  const set = Object.entries(rest).filter(([key]) => !(key in ways));
  if (!settings.data) {
    throw new LoupeError("config", "run: --data is needed, as in: loupe run cdo --data mvtec=…");
  }
  if (names && settings.data.length > 1) {
    throw new LoupeError("config", "--class: of which data set? write a plan with its classes");
  }
  const document = {
    base: { method: name, ...Object.fromEntries(set) },
    data: settings.data.map((text) => {
      const { name: given, root } = namedFolder(text);
      return { name: given ?? basename(resolve(root)), root, classes: names };
    }),
    seeds,
    settings: title === undefined ? undefined : [{ name: title }],
  };
  const plan = checkPlan(document, "the command line", process.cwd(), []);
  return { plan, ways: withOutput(settings) };
}

/** `mvtec=data/mvtec_ad`, or a folder by itself. */
function namedFolder(text: string): NamedFolder {
  const [, name, root] = /^([\p{L}\p{N}._-]+)=(.+)$/su.exec(text) ?? [];
  return name && root && !existsSync(text) ? { name, root } : { name: undefined, root: text };
}

function withOutput(given: Ways): Ways & { readonly output: string } {
  const { output: folder } = given;
  if (folder !== undefined) return { ...given, output: folder };
  throw new LoupeError(
    "config",
    "run: --output is needed: the folder that runs and tables go into",
  );
}

/** The tables are of this plan: what an earlier one had besides is told. */
async function warnOfOthers(folder: string, plan: Plan, terminal: Terminal): Promise<void> {
  const path = planFile(folder);
  if (!existsSync(path)) return;
  const before = await readPlan(path).catch(() => undefined); // of a plan that is damaged nothing is known
  const names = ({ settings, data, seeds }: Plan) => [
    ...settings.map(({ name }) => `setting "${name}"`),
    ...data.map(({ name }) => `data "${name}"`),
    ...seeds.map((seed) => `seed ${seed}`),
  ];
  const gone = before ? names(before).filter((name) => !names(plan).includes(name)) : [];
  if (gone.length === 0) return;
  const rest = "its runs stay, but the tables there will be of this plan alone";
  terminal.warn(`${path}: was a plan with ${gone.join(", ")}, which this one has not; ${rest}`);
}
