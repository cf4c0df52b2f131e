/** Plans, their jobs and the parts of them that schedulers give out: without a GPU. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { flagName } from "../../src/cli/flags.ts";
import { run } from "../../src/cli/run.ts";
import { jobsOf, labelOf } from "../../src/cli/run-jobs.ts";
import { checkPlan, readPlan, settingsOf } from "../../src/cli/run-plan.ts";
import { planSchema } from "../../src/cli/run-plan-form.ts";
import { partOf, shardOf } from "../../src/cli/run-shard.ts";
import { differences } from "../../src/cli/run-state.ts";
import type { TrainRecord } from "../../src/cli/train-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-plan-"));
afterAll(() => rmSync(folder, { recursive: true }));

const data = [{ name: "mvtec", root: "images", classes: ["bottle", "grid"] }];
const plan = (given: object) => checkPlan({ data, ...given }, "p.json", "/plans", []);
const classes = new Map([["mvtec", ["bottle", "grid"]]]);

describe("a plan", () => {
  test("without settings has one, named after the method and its backbone", () => {
    const { settings, seeds } = plan({ base: { backbone: "resnet18", oom: false } });
    expect(settings.map(({ name }) => name)).toEqual(["cdo-resnet18-no-oom"]);
    expect(seeds).toEqual([1]);
  });

  test("has roots and weights relative to its own folder, and names of weights as they are", () => {
    const read = plan({
      base: { weights: "w/net.pth" },
      settings: [{ name: "a", set: { weights: "resnet18" } }],
    });
    expect(read.data[0]?.root).toBe("/plans/images");
    expect(read.base.weights).toBe("/plans/w/net.pth");
    expect(read.settings[0]?.set.weights).toBe("resnet18");
  });

  test("may leave the folders of its data sets to the command line", () => {
    const open = { data: [{ name: "visa" }] };
    const at = (...folders: { name: string | undefined; root: string }[]) =>
      checkPlan(open, "p.json", "/plans", folders).data[0]?.root;
    expect(at({ name: "visa", root: "/here/VisA" })).toBe("/here/VisA");
    expect(at({ name: undefined, root: "/here/VisA" })).toBe("/here/VisA");
    expect(() => at()).toThrow('p.json: data "visa" has no root; give --data visa=<folder>');
    expect(() => at({ name: "vsia", root: "/x" })).toThrow(
      "--data vsia=/x: p.json has the data sets visa; give <name>=<folder>",
    );
  });

  test("puts the setting over the data set over the base, and what follows from a value follows the override", () => {
    const read = plan({
      base: { epochs: 10, batchSize: 32, gamma: 1 },
      data: [{ ...data[0], set: { epochs: 20, gamma: 3 } }],
      settings: [{ name: "small", set: { batchSize: 8, gamma: 0.5 } }],
    });
    const { config, values } = settingsOf(read, read.settings[0]!, read.data[0]!);
    expect(values).toMatchObject({ epochs: 20, batchSize: 8, gamma: 0.5 });
    expect(config).toMatchObject({ epochs: 20, gamma: 0.5, learningRate: (0.0005 * 8) / 16 });
    const [job] = jobsOf(read, classes);
    expect(job?.settings.evaluateEvery).toBe(4);
  });

  test("measures after each epoch under a protocol whose reference does, unless it says otherwise", () => {
    const every = (set: Readonly<Record<string, unknown>>) => {
      const read = plan({ base: { epochs: 20 }, settings: [{ name: "x", set }] });
      return jobsOf(read, classes)[0]?.settings.evaluateEvery;
    };
    expect(every({})).toBe(4);
    expect(every({ protocol: "cdo2023" })).toBe(4);
    expect(every({ protocol: "cfa" })).toBe(1);
    expect(every({ protocol: "fod", evaluateEvery: 10 })).toBe(10);
  });

  test.each([
    [{ base: { gama: 2 } }, 'p.json: base: there is no setting "gama"; did you mean "gamma"?'],
    [
      { settings: [{ name: "x", set: { epochs: -1 } }] },
      'p.json: settings "x": epochs: must be a whole number, 0 or more, got -1',
    ],
    [{ settings: [{ name: "Plan.json" }] }, 'settings "Plan.json": is the name of a file there'],
    [{ base: { seed: 1 } }, 'p.json: base: "seed" stands in "seeds"'],
    [{ base: { method: "cod" } }, 'p.json: base: method: must be one of cdo, cfa, fod, got "cod"'],
    [{ seeds: [] }, /p\.json: seeds: /],
    [{ seeds: [1, 1] }, 'p.json: seeds "1" is there twice; name them apart'],
    [{ settings: [{ name: "x", role: "best" }] }, /p\.json: settings "x"\.role: /],
    [{ setings: [] }, 'p.json: there is no "setings" here; `loupe schema run` has the form'],
    [{ data: [{ name: "m", root: "r", class: "a" }] }, /data "m": there is no "class" here/],
    [{ data: [] }, /p\.json: data: /],
    [
      { settings: [{ name: "a b" }, { name: "A/b" }] },
      'p.json: settings "A/b" and "a b" would share a folder; name them apart',
    ],
    [
      { settings: [{ name: "x", set: { mapMode: "mul", mapScale: "mean" } }] },
      /settings "x": cdo: mapScale has no effect/,
    ],
  ])("is refused with what is wrong in which setting: %j", (given, message) => {
    expect(() => plan(given)).toThrow(message);
  });

  test("that is no JSON, no object or not there is refused by its file", async () => {
    const write = (text: string) => {
      writeFileSync(join(folder, "bad.json"), text);
      return readPlan(join(folder, "bad.json"));
    };
    await expect(write("{")).rejects.toThrow(/bad\.json: is not JSON/);
    await expect(write("[]")).rejects.toThrow(/holds one JSON object/);
    await expect(write(`{"data":[],"x":"${"y".repeat(2 ** 20)}"}`)).rejects.toThrow(/too many/);
    await expect(readPlan(join(folder, "none.json"))).rejects.toMatchObject({ code: "io" });
  });

  test("as docs/run.md shows it holds, and so do the flags there", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/run.md"), "utf8");
    const [, shown = ""] = /```json\n([^`]+)```/.exec(page) ?? [];
    const read = checkPlan(JSON.parse(shown), "docs", "/", []);
    const found = new Map([["mvtec", read.data[0]?.classes ?? []]]);
    expect(jobsOf(read, found)).toHaveLength(18);
    const flags = new Set(page.match(/(?<=(loupe run .*|`))--[a-z-]+/g));
    const known = [...Object.keys(run.settings.shape)].map(flagName);
    expect([...flags].filter((flag) => !known.includes(flag))).toEqual([]);
    expect(flags.size).toBeGreaterThan(5);
  });

  test("has a schema with every setting that it may say", () => {
    const schema = planSchema() as { properties: Record<string, { properties?: object }> };
    expect(Object.keys(schema.properties)).toEqual([
      "$schema",
      "name",
      "base",
      "data",
      "seeds",
      "settings",
    ]);
    const base = Object.keys(schema.properties.base?.properties ?? {});
    expect(base).toEqual(
      expect.arrayContaining(["method", "backbone", "epochs", "weights", "mode"]),
    );
    expect(base).not.toContain("output");
  });
});

describe("its jobs", () => {
  const settings = [
    { name: "base line", role: "baseline" },
    { name: "b", set: { joint: true } },
  ];
  const jobs = jobsOf(plan({ settings, seeds: [3, 1] }), classes);

  test("have folders of their own, seeds last, and one for a joint training", () => {
    expect(jobs.map(({ folder: path }) => path)).toEqual([
      "base_line/mvtec-bottle/seed3",
      "base_line/mvtec-grid/seed3",
      "b/mvtec-bottle_grid/seed3",
      "base_line/mvtec-bottle/seed1",
      "base_line/mvtec-grid/seed1",
      "b/mvtec-bottle_grid/seed1",
    ]);
    expect(labelOf(jobs[2]!)).toBe("b, mvtec bottle+grid, seed 3");
    expect(jobs[2]?.settings.class).toEqual(["bottle", "grid"]);
    expect(jobs[0]?.settings).toMatchObject({
      name: "base line",
      role: "baseline",
      seed: 3,
      maps: false,
    });
  });

  test("that would share a folder are refused, and so are too many", () => {
    const two = [
      { name: "a", root: "r" },
      { name: "a-b", root: "r" },
    ];
    const both = new Map([
      ["a", ["b-c"]],
      ["a-b", ["c"]],
    ]);
    expect(() => jobsOf(plan({ data: two }), both)).toThrow(
      /a-b c and .*, a b-c would share a folder/,
    );
    const seeds = Array.from({ length: 60_000 }, (_, i) => i);
    expect(() => jobsOf(plan({ seeds }), classes)).toThrow(/120000 jobs are more than 100000/);
  });

  test("know a run of their own, and name what differs in another", async () => {
    const job = jobsOf(
      plan({ base: { backbone: "resnet18", weights: "random", epochs: 5 } }),
      classes,
    )[0]!;
    const record = {
      name: "cdo-resnet18",
      role: null,
      method: "cdo",
      config: { ...job.config, precision: "f16" }, // what the GPU chose
      seed: 1,
      data: {
        class: "bottle",
        root: "/elsewhere",
        layout: null,
        testFraction: null,
        splitSeed: 0,
        train: 1,
        test: 1,
        fingerprint: "",
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
    } as unknown as TrainRecord;
    expect(await differences(job, record)).toEqual([]);
    const { gamma: _, ...older } = record.config; // a setting that came later had its default
    expect(await differences(job, { ...record, config: older })).toEqual([]);
    const other = {
      ...record,
      seed: 2,
      config: { ...record.config, epochs: 7, checkpointActivations: true },
      data: { ...record.data, mode: "semi10" as const },
      weights: { source: "resnet18" },
      options: { ...record.options, protocol: "cdo2025" as const },
    };
    expect(await differences(job, other)).toEqual([
      "seed: 2 there, 1 in the plan",
      'mode: "semi10" there, none in the plan',
      'protocol: "cdo2025" there, "exact" in the plan',
      'weights: "resnet18" there, "random" in the plan',
      "epochs: 7 there, 5 in the plan",
    ]);
  });
});

describe("a part", () => {
  const slurm = (id: number, more: object = {}) => ({ SLURM_ARRAY_TASK_ID: String(id), ...more });

  test("is i of n, from 1, and the parts are disjoint and make up the whole", () => {
    const all = Array.from({ length: 11 }, (_, i) => i);
    const parts = [1, 2, 3].map((i) => partOf(all, shardOf({ shard: `${i}/3` }, {})));
    expect(parts).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7, 10],
      [2, 5, 8],
    ]);
    expect(partOf(all, undefined)).toEqual(all);
    expect(partOf(all.slice(0, 1), shardOf({ shard: "3/3" }, {}))).toEqual([]);
  });

  test("is read from a Slurm array, whatever its numbers begin with", () => {
    const array = {
      SLURM_ARRAY_TASK_COUNT: "4",
      SLURM_ARRAY_TASK_MIN: "10",
      SLURM_ARRAY_TASK_STEP: "5",
    };
    expect(shardOf({}, slurm(20, array))).toEqual({
      index: 2,
      count: 4,
      source: "SLURM_ARRAY_TASK_ID=20",
    });
    expect(shardOf({}, slurm(3, { SLURM_ARRAY_TASK_COUNT: "4" }))).toMatchObject({
      index: 3,
      count: 4,
    });
  });

  test("is the scheduler's number modulo --shards, so that one task of an array can be sent again", () => {
    const alone = { SLURM_ARRAY_TASK_COUNT: "1", SLURM_ARRAY_TASK_MIN: "8" };
    expect(shardOf({ shards: 8 }, slurm(8, alone))).toMatchObject({ index: 0, count: 8 });
    expect(shardOf({ shards: 8 }, { JOB_COMPLETION_INDEX: "5" })).toMatchObject({
      index: 5,
      count: 8,
    });
  });

  test("is read from a Kubernetes Indexed Job whose manifest says the count", () => {
    const pod = { JOB_COMPLETION_INDEX: "2", JOB_COMPLETIONS: "3" };
    expect(shardOf({}, pod)).toEqual({ index: 2, count: 3, source: "JOB_COMPLETION_INDEX=2" });
    expect(() => shardOf({}, { JOB_COMPLETION_INDEX: "2" })).toThrow(
      "JOB_COMPLETION_INDEX=2, but not of how many; give --shards",
    );
    expect(shardOf({ shard: "1/1" }, { JOB_COMPLETION_INDEX: "2" })).toMatchObject({
      index: 0,
      count: 1,
    });
  });

  test("is all without a scheduler, and what makes no sense is refused", () => {
    expect(shardOf({}, {})).toBeUndefined();
    expect(shardOf({}, { SLURM_ARRAY_TASK_ID: "" })).toBeUndefined();
    expect(() => shardOf({ shards: 4 }, {})).toThrow("--shards 4: which of them?");
    expect(() => shardOf({ shard: "5/4" }, {})).toThrow(
      "--shard 5/4: must be i/n with i from 1 to n",
    );
    expect(() => shardOf({ shard: "1/4", shards: 4 }, {})).toThrow("leave --shards out");
    expect(() => shardOf({}, { SLURM_ARRAY_TASK_ID: "1;x" })).toThrow(
      'SLURM_ARRAY_TASK_ID: must be a whole number, got "1;x"',
    );
    expect(() => shardOf({}, slurm(9, { SLURM_ARRAY_TASK_COUNT: "4" }))).toThrow("is part 10 of 4");
  });
});
