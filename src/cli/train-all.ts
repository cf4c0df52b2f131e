/**
 * `loupe train all`: every method on the same data, one after the other, each with its own defaults, and one table of them. It is a
 * plan of `loupe run` with a setting for each method, so what is finished is not done again and a failure stops no other method.
 */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { LoupeError } from "../error.ts";
import {
  type Comparison,
  compareRuns,
  comparisonJson,
  comparisonText,
  summaryText,
} from "../report/index.ts";
import type { Invocation, Outcome } from "./command.ts";
import { findRuns } from "./compare-runs.ts";
import type { ExitCode } from "./exit.ts";
import { methods } from "./methods.ts";
import type { Work } from "./predicting.ts";
import { classesOf, type Job, jobsOf, labelOf } from "./run-jobs.ts";
import { checkPlan, type Plan, planFile, readPlan, writePlan } from "./run-plan.ts";
import { workThrough } from "./run-work.ts";
import type { Outcome as JobOutcome } from "./run-worker.ts";
import type { Refuse } from "./settings.ts";
import { sharedGpu } from "./shared-gpu.ts";
import { freeFolder, isRun, jointName, safeName } from "./train-folder.ts";
import { sharedTrainSettings, type TrainTold } from "./train-settings.ts";

/** Stands in the place of a method's name. */
export const everyMethod = "all";

const { role: _, overwrite: __, profile: ___, ...shape } = sharedTrainSettings.shape;
/** What it may be told. */
export const everySettings = z.strictObject(shape) as typeof sharedTrainSettings;

/** Settings that are of this call and this machine, not of the plan; and those that a plan has a place of its own for. */
const ways: readonly string[] = ["output", "resume", "adapter", "memoryLimit", "plans"];
const placed: readonly string[] = ["data", "class", "seed", "name"];

export async function trainEvery(call: Invocation, work: Work): Promise<Outcome> {
  const told = await call.read(everySettings, notOfAll);
  const { plan, folder } = await chosen(told);
  const classes = await classesOf(plan);
  const output = folder ?? freeFolder(join("runs", `${everyMethod}-${titleOf(plan, classes)}`));
  const jobs = jobsOf(plan, classes);
  await writePlan(output, plan, classes);
  const gpu = sharedGpu(told.settings, work.terminal);
  const goOn = `go on with: loupe train ${everyMethod} --resume ${output}`;
  try {
    const outcomes = await workThrough(jobs, output, gpu, work, { isLoud: true, goOn });
    return await describe(output, outcomes, work);
  } finally {
    gpu.close();
  }
}

/** A setting of one or two methods is named with them. */
const notOfAll: Refuse = (foreign) => {
  const lines = foreign.map(({ key, name }) => {
    const having = methods.filter(
      ({ settings, inputs }) => key in { ...settings.shape, ...inputs?.settings.shape },
    );
    const names = having.map(({ name }) => name).join(" and ");
    const rule = names === "" ? "is for one training" : `is a setting of ${names}`;
    const next = having.length > 0 ? `loupe train ${having[0]?.name}` : "loupe train <method>";
    return `${name}: ${rule}, not of all methods; give it to: ${next} …`;
  });
  return lines.join("\n");
};

interface Chosen {
  readonly plan: Plan;
  /** undefined: a new one. */
  readonly folder: string | undefined;
}

/** The plan that the flags amount to, or that of a folder that is gone on with. */
async function chosen(told: TrainTold): Promise<Chosen> {
  const { resume, output, data } = told.settings;
  if (resume === undefined) {
    if (output !== undefined) refuseExisting(output);
    return { plan: planOf(told), folder: output };
  }
  const folder = resume === "" ? output : resume;
  if (folder === undefined) {
    const next = `--resume <folder>, or name its --output`;
    throw new LoupeError("config", `--resume: which training of all methods? give it: ${next}`);
  }
  const path = planFile(folder);
  if (resume === "" && (data !== undefined || !existsSync(path))) {
    return { plan: planOf(told), folder }; // what is there of it goes on
  }
  if (!existsSync(path)) {
    const next = "is it the folder that `loupe train all` told?";
    throw new LoupeError("io", `${path}: there is no such file; ${next}`);
  }
  const idle = Object.keys(told.given).filter((key) => !ways.includes(key) && key !== "data");
  if (idle.length > 0) {
    const names = idle.map(told.written).join(", ");
    throw new LoupeError("config", `${names}: ${path} says it already; leave it out to go on`);
  }
  const roots = data === undefined ? [] : [{ name: undefined, root: data }];
  return { plan: await readPlan(path, roots), folder };
}

function refuseExisting(output: string): void {
  if (!isRun(output) && !existsSync(planFile(output))) return;
  const next = "--resume goes on with it; or give another --output";
  throw new LoupeError("io", `${output}: there are runs already; ${next}`);
}

function planOf({ settings: all }: TrainTold): Plan {
  const { data, class: classes, seed, name } = all;
  if (data === undefined) {
    throw new LoupeError("config", "train all: --data is needed, as in: loupe train all --data …");
  }
  const set = Object.entries(all).filter(([key]) => !ways.includes(key) && !placed.includes(key));
  const base = { maps: true, images: true, ...Object.fromEntries(set) };
  const document = {
    base,
    data: [{ name: safeName(basename(resolve(data))), root: data, classes }],
    seeds: seed === undefined ? undefined : [seed],
    settings: methods.map((method) => ({
      name: name === undefined ? method.title(method.config(base)) : `${name}-${method.name}`,
      set: { method: method.name },
    })),
  };
  return checkPlan(document, "train all", process.cwd(), []);
}

function titleOf(plan: Plan, classes: ReadonlyMap<string, readonly string[]>): string {
  return safeName(jointName(classes.get(plan.data[0]!.name) ?? []));
}

async function describe(
  output: string,
  outcomes: ReadonlyMap<Job, JobOutcome>,
  { terminal }: Work,
): Promise<Outcome> {
  const failed = [...outcomes].flatMap(([job, outcome]) =>
    outcome.state === "failed" ? [{ job, error: outcome.error }] : [],
  );
  const folders = [...outcomes.keys()].map(({ folder }) => join(output, folder)).filter(isRun);
  const { runs, problems } = await findRuns(folders);
  for (const problem of problems) terminal.warn(problem);
  const finished = runs.some(({ unfinished }) => unfinished === undefined);
  const comparison = finished ? compareRuns(runs, { statistic: "final" }) : undefined;
  for (const warning of comparison?.warnings ?? []) terminal.warn(warning);
  const failures = failed.map(({ job, error }) => `${labelOf(job)}: failed, ${error.message}`);
  return {
    text: [
      comparison ? tableOf(comparison) : "no method could be trained",
      ...(failures.length > 0 ? ["", ...failures] : []),
      ...["", `runs in ${output}; more of them: loupe compare ${output} --final`],
    ].join("\n"),
    json: {
      output,
      comparison: comparison ? comparisonJson(comparison) : null,
      failed: failed.map(({ job, error }) => {
        return { method: job.method.name, class: job.className, error: error.message };
      }),
    },
    exit: (failed[0]?.error.exit ?? 0) as ExitCode,
  };
}

function tableOf(comparison: Comparison): string {
  const summary = summaryText(comparison);
  if (summary === undefined) return comparisonText(comparison);
  return [summary, "", ...comparison.summaryNotes.map((note) => `* ${note}`)].join("\n");
}
