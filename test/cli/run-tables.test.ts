/** Tables from run folders that are written here by hand: nothing is trained. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { seeCells } from "../../src/cli/run-cells.ts";
import { type Job, jobsOf } from "../../src/cli/run-jobs.ts";
import { takeLock } from "../../src/cli/run-lock.ts";
import { checkPlan } from "../../src/cli/run-plan.ts";
import { writeTables } from "../../src/cli/run-tables.ts";
import { Terminal } from "../../src/cli/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-tables-"));
afterAll(() => rmSync(folder, { recursive: true }));

let output = "";
let said = "";
beforeEach((context) => {
  output = join(folder, context.task.id);
  said = "";
});
const stderr = { write: (text: string) => (said += text) };
const terminal = new Terminal({ stdout: stderr, stderr, now: () => 0 });

const base = { backbone: "resnet18", weights: "random", epochs: 3 };
const data = [{ name: "btad", root: "/nowhere" }];
const classes = new Map([["btad", ["01", "02"]]]);
const planned = (given: object = {}) =>
  jobsOf(
    checkPlan({ base, data, settings: [{ name: "s" }], seeds: [1, 2], ...given }, "p", "/", []),
    classes,
  );

interface Course {
  readonly metrics: Readonly<Record<string, number | null>>;
  readonly classes?: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

/** The folder that a finished run of this job leaves. `log`: more lines at its end. */
function write(job: Job, course: readonly Course[], log = "", at = output): string {
  const path = join(at, job.folder);
  const { settings, config, seed, className } = job;
  const joint = settings.joint ? [...job.classes] : null;
  const images = { train: 1, test: 1, fingerprint: "" };
  const record = {
    name: job.arm.name,
    role: job.arm.role ?? null,
    method: "cdo",
    config: { ...config, precision: "f32" },
    seed,
    data: {
      root: "/there",
      class: className,
      classes: joint,
      layout: null,
      testFraction: null,
      splitSeed: 0,
      ...images,
    },
    weights: { source: "random" },
    environment: {},
    options: {
      threshold: null,
      protocol: "exact",
      maskThreshold: null,
      evaluateEvery: 1,
      maps: true,
      images: true,
    },
  };
  const events = [
    { event: "start" },
    { event: "step", loss: 1 },
    ...course.map((values, i) => ({ event: "evaluation", epoch: i + 1, ...values })),
    { event: "end" },
  ];
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "run.json"), JSON.stringify(record));
  writeFileSync(
    join(path, "log.jsonl"),
    `${events.map((e) => JSON.stringify(e)).join("\n")}\n${log}`,
  );
  for (const name of ["metrics.json", "frozen.safetensors"]) writeFileSync(join(path, name), "{}");
  return path;
}

const course = (...values: (number | null)[]) =>
  values.map((value): Course => ({ metrics: { i_roc: value, p_roc: 0.5 } }));
const see =
  (jobs: readonly Job[], ...folders: string[]) =>
  () =>
    seeCells(jobs, [output, ...folders], terminal);
const lines = (name: string) => readFileSync(join(output, name), "utf8").trimEnd().split("\n");

test("cells are means over seeds, with their spread beside; last, best and a class that lacks a seed", async () => {
  const jobs = planned(); // 01 and 02 with seed 1, then with seed 2
  write(jobs[0]!, course(0.5, 0.9, 0.6));
  write(jobs[1]!, course(0.4, 0.4, 0.4));
  write(jobs[2]!, course(0.7, 0.7, 0.8));
  const { cells, tables } = await writeTables(output, see(jobs));
  expect(cells.map(({ state }) => state)).toEqual(["finished", "finished", "finished", "missing"]);
  expect(lines("s/cdo_btad_last.csv")).toEqual([
    ",i_roc,p_roc",
    "b01,70.00,50.00",
    "b02,40.00,50.00",
    "average,55.00,50.00",
  ]);
  expect(lines("s/cdo_btad_best.csv")[1]).toBe("b01,85.00,50.00");
  expect(lines("s/cdo_btad_last_std.csv")).toEqual([
    ",i_roc,p_roc",
    "b01,14.14,0.00",
    "b02,--,--",
    "average (1/2 seeds),--,--",
  ]);
  expect(tables[0]?.average.metrics.i_roc).toBeCloseTo(0.55, 12);
  const summary = lines("summary.csv");
  expect(summary).toContain("s,,,btad,b01,1,i_roc,last5,66.666667");
  expect(summary).toHaveLength(1 + 3 * 2 * 3);
});

test("an evaluation that is logged twice counts once, null is no value, and a torn last line is passed over", async () => {
  const jobs = planned({ seeds: [1] });
  const again =
    '{"event":"evaluation","epoch":3,"metrics":{"i_roc":0.25,"p_roc":null}}\n{"event":"te';
  write(jobs[0]!, course(0.5, null, 0.6), again);
  await writeTables(output, see(jobs));
  expect(lines("s/cdo_btad_last.csv").slice(1)).toEqual([
    "b01,25.00,--",
    "b02,--,--",
    "average (1/2),25.00,--",
  ]);
  expect(lines("summary.csv")).toContain("s,,,btad,b01,1,i_roc,last5,37.500000");
});

test("a joint training has a row for each class it was tested on", async () => {
  const jobs = planned({ settings: [{ name: "s", set: { joint: true } }], seeds: [1] });
  await writeTables(output, see(jobs));
  expect(lines("s/cdo_btad_last.csv").slice(1, 3)).toEqual([
    "b01,--,--,--,--,--,--,--",
    "b02,--,--,--,--,--,--,--",
  ]);
  const both = { "01": { i_roc: 0.5 }, "02": { i_roc: 0.7 } };
  write(jobs[0]!, [{ metrics: { i_roc: 0.6 }, classes: both }]);
  await writeTables(output, see(jobs));
  expect(lines("s/cdo_btad_last.csv")).toEqual([
    ",i_roc",
    "b01,50.00",
    "b02,70.00",
    "average,60.00",
  ]);
});

test("with several settings there is a table for each metric, with a column for each setting", async () => {
  const jobs = planned({ settings: [{ name: "s" }, { name: "t" }, { name: "u" }], seeds: [1] });
  for (const [i, value] of [0.1, 0.2, 0.3].entries()) write(jobs[i]!, course(value));
  await writeTables(output, see(jobs)); // of t only 01, of u none
  expect(lines("by-metric/btad_i_roc.csv")).toEqual([
    ",s,t,u",
    "b01,10.00,30.00,--",
    "b02,20.00,--,--",
    "average (1/2),10.00,30.00,--", // of the class that both have
  ]);
});

test("of repeated runs the first counts, and if they differ that is told", async () => {
  const jobs = planned({ seeds: [1] });
  const [copy, other] = [`${output}-copy`, `${output}-other`];
  for (const at of [output, copy]) write(jobs[0]!, course(0.5), "", at);
  await writeTables(output, see(jobs, copy));
  expect(said).toBe("");
  write(jobs[0]!, course(0.6), "", other);
  write(jobs[1]!, course(0.7), "", other);
  await writeTables(output, see(jobs, copy, other));
  expect(said).toMatch(/s, btad 01, seed 1: .* and .*-other.* differ; the first counts/);
  expect(lines("s/cdo_btad_last.csv").slice(1, 3)).toEqual(["b01,50.00,50.00", "b02,70.00,50.00"]);
});

test("what is not finished is told: running, begun, failed, of other settings, damaged", async () => {
  const jobs = planned({ seeds: [1, 2, 3] });
  const resumed = '{"event":"resume"}\n';
  write(jobs[0]!, course(0.5), resumed);
  const taken = await takeLock(join(output, `${jobs[0]!.folder}.lock`));
  write(jobs[1]!, course(0.5), resumed);
  const failed = join(output, `${jobs[2]!.folder}.failed.json`);
  mkdirSync(dirname(failed), { recursive: true });
  writeFileSync(failed, '{"message":"no images"}');
  const [renamed] = planned({ seeds: [2], settings: [{ name: "t" }] });
  write({ ...renamed!, className: "02", folder: jobs[3]!.folder }, course(0.5));
  writeFileSync(join(write(jobs[4]!, course(0.5)), "run.json"), "{");
  const { cells } = await writeTables(output, see(jobs));
  if ("lock" in taken) await taken.lock.release();
  expect(cells.map(({ state, reason }) => `${state}: ${reason}`)).toEqual([
    expect.stringMatching(/^running: process \d+ on /),
    "begun: undefined",
    "failed: no images",
    'other settings: name: "t" there, "s" in the plan',
    expect.stringMatching(/^failed: .*run\.json: is not a JSON object/),
    "missing: undefined",
  ]);
  expect(lines("s/cdo_btad_last.csv")[3]).toMatch(/^average \(0\/2\),--/);
  const errors = JSON.parse(readFileSync(join(output, "errors.json"), "utf8"));
  expect(
    errors.map(({ class: name, seed, state }: Record<string, unknown>) => [name, seed, state]),
  ).toEqual([
    ["01", 2, "failed"],
    ["02", 2, "other settings"],
    ["01", 3, "failed"],
  ]);
});

test("a plan with one seed leaves no spread of an earlier one behind", async () => {
  await writeTables(output, see(planned()));
  expect(lines("s/cdo_btad_last_std.csv")).toHaveLength(4);
  await writeTables(output, see(planned({ seeds: [1] })));
  expect(() => lines("s/cdo_btad_last_std.csv")).toThrow(/ENOENT/);
});
