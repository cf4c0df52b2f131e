/** `loupe run` as its users run it: in parts by several processes, killed, stopped, gone on with, merged. On a GPU, with small pictures. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { folder, loupe, prepareLoupe, smallData, start } from "./loupe.ts";

prepareLoupe();

const file = (...path: string[]) => join(folder, ...path);
const text = (...path: string[]) => readFileSync(file(...path), "utf8");

const base = {
  backbone: "resnet18",
  weights: "random",
  imageSize: 24,
  batchSize: 2,
  detour: false,
};
const settings = [
  { name: "baseline", role: "baseline" },
  { name: "no oom", role: "control", family: "loss", set: { oom: false } },
];
const plan = {
  base: { ...base, epochs: 2 },
  data: [{ name: "small", root: "data" }],
  seeds: [1],
  settings,
};

/** The tables of an output, by name. */
function tables(output: string): Record<string, string> {
  const names = readdirSync(file(output), { recursive: true, encoding: "utf8" });
  const csv = names.filter((name) => name.endsWith(".csv") && !name.includes("seed")).sort();
  return Object.fromEntries(csv.map((name) => [name, text(output, name)]));
}

const has = (path: string, event: string) =>
  existsSync(file(path, "log.jsonl")) && text(path, "log.jsonl").includes(`"event":"${event}"`);

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((go) => setTimeout(go, 5));
}

beforeAll(async () => {
  await smallData("data");
  await smallData("data", "tile");
  writeFileSync(file("plan.json"), JSON.stringify(plan));
  const whole = await loupe("run", "plan.json", "--output", "whole", "--json");
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stderr).toMatch(/\[4\/4\] no oom, small washer, seed 1: trained in \d/);
}, 120_000);

describe("an experiment", () => {
  test("writes the tables of the reference, last and best, and one long list", () => {
    const all = tables("whole");
    const isPivot = (name: string) => name.startsWith("by-metric");
    expect(Object.keys(all).filter(isPivot)).toHaveLength(7);
    expect(Object.keys(all).filter((name) => !isPivot(name))).toEqual([
      "baseline/cdo_small_best.csv",
      "baseline/cdo_small_last.csv",
      "no_oom/cdo_small_best.csv",
      "no_oom/cdo_small_last.csv",
      "summary.csv",
    ]);
    const last = all["baseline/cdo_small_last.csv"]?.trimEnd().split("\n") ?? [];
    expect(last[0]).toBe(
      ",mAUROC_sp_max,mAP_sp_max,mF1_max_sp_max,mAUROC_px,mAP_px,mF1_max_px,mAUPRO_px",
    );
    expect(last.slice(1).map((line) => line.split(",")[0])).toEqual(["tile", "washer", "average"]);
    const metrics = (name: string) =>
      JSON.parse(text("whole/baseline", `small-${name}`, "seed1/metrics.json"));
    const { metrics: own, best_on_test: best } = metrics("washer");
    expect(last[2]?.split(",").slice(1).map(Number)).toEqual(
      Object.values(own as Record<string, number>).map((v) => Number((100 * v).toFixed(2))),
    );
    const bestRow = all["baseline/cdo_small_best.csv"]?.split("\n")[2]?.split(",") ?? [];
    expect(Number(bestRow[4])).toBeCloseTo(100 * best.mAUROC_px.value, 1);
    const mean = (own.mAUPRO_px + metrics("tile").metrics.mAUPRO_px) / 2;
    expect(Number(last[3]?.split(",").at(-1))).toBeCloseTo(100 * mean, 1);
    // 2 settings × 2 classes × 7 metrics × 3 statistics
    expect(all["summary.csv"]?.trimEnd().split("\n")).toHaveLength(1 + 84);
    expect(all["summary.csv"]).toMatch(
      /^no oom,loss,control,small,tile,1,mAP_px,last5,\d+\.\d{6}$/m,
    );
  });

  test("gives a run the setting's name and role, and evaluations in between", () => {
    const run = JSON.parse(text("whole/no_oom/small-tile/seed1/run.json"));
    expect(run).toMatchObject({ name: "no oom", role: "control", seed: 1 });
    expect(run.config).toMatchObject({ oom: false, epochs: 2 });
    expect(run.options).toMatchObject({ evaluateEvery: 1, maps: false, images: false });
    expect(readdirSync(file("whole/no_oom/small-tile"))).toEqual(["seed1"]);
  });

  test("does nothing twice, and says what there is", async () => {
    const before = tables("whole");
    const again = await loupe("run", "whole", "--json"); // by its output alone
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/4 finished before/);
    expect(JSON.parse(again.stdout).runs).toHaveLength(4);
    expect(tables("whole")).toEqual(before);
  });

  test("in parts, one of them killed and one stopped in the middle, ends in the same bytes", async () => {
    const part = (i: number) => ["run", "plan.json", "--output", "parts", "--shard", `${i}/2`];
    const [killed, stopped] = [start(part(1)), start(part(2))];
    const middle = async (name: string, event: string) => {
      const run = `parts/baseline/small-${name}/seed1`;
      await until(() => has(run, event));
      expect(has(run, "end")).toBe(false);
    };
    await Promise.all([
      middle("tile", "step").then(() => killed.child.kill("SIGKILL")),
      middle("washer", "epoch").then(() => stopped.child.kill("SIGTERM")), // in the evaluation after it
    ]);
    const [dead, left] = await Promise.all([killed.done, stopped.done]);
    expect(dead.code).toBe(null);
    expect(left.code).toBe(130);
    expect(left.stderr).toMatch(/stopped with 0 of 2 jobs finished; the same command goes on/);
    expect(existsSync(file("parts/baseline/small-tile/seed1.lock"))).toBe(true); // the dead can't give it back

    const seen = await loupe("run", "plan.json", "--output", "parts", "--dry-run", "--json");
    const states = JSON.parse(seen.stdout).jobs.map((job: { state: string }) => job.state);
    expect(states).toEqual(["begun", "begun", "missing", "missing"]);

    // the first part twice: one of the two waits for what the other has begun
    const again = await Promise.all([1, 2, 1].map((i) => start(part(i)).done));
    expect(again.map(({ code }) => code)).toEqual([0, 0, 0]);
    const twins = again[0]!.stderr + again[2]!.stderr;
    expect(twins).toMatch(/\[1\/2\] baseline, small tile, seed 1: left to process \d+ on /);
    expect(twins).toMatch(/waiting for 1 of them that other processes work on/);
    expect(text("parts/no_oom/small-tile/seed1/log.jsonl").split('"event":"start"')).toHaveLength(
      2,
    );
    expect(again[0]?.stderr).toMatch(/part 1 of 2 \(--shard 1\/2\): 2 of 4 jobs/);
    expect(has("parts/baseline/small-washer/seed1", "resume")).toBe(true);
    expect(tables("parts")).toEqual(tables("whole"));
    const leftOver = readdirSync(file("parts"), { recursive: true, encoding: "utf8" });
    expect(leftOver.filter((name) => /lock|tmp|part/.test(name))).toEqual([]);
  });
});

describe("what is missing or repeated", () => {
  test("is marked and not averaged; runs of other folders fill the gaps", async () => {
    cpSync(file("whole"), file("gaps"), { recursive: true });
    cpSync(file("whole/baseline/small-tile"), file("copied/baseline/small-tile"), {
      recursive: true,
    });
    cpSync(file("whole/no_oom"), file("copied/no_oom"), { recursive: true });
    rmSync(file("gaps/baseline/small-tile"), { recursive: true });
    const collect = ["run", "gaps", "--collect"];
    const alone = await loupe(...collect);
    expect(alone.code).toBe(0);
    expect(alone.stdout).toMatch(/3 of 4 runs finished\nbaseline, small tile, seed 1: missing/);
    const rows = text("gaps/baseline/cdo_small_last.csv").trimEnd().split("\n");
    expect(rows[1]).toBe("tile,--,--,--,--,--,--,--");
    expect(rows[3]).toBe(rows[2]?.replace("washer", "average (1/2)"));
    const merged = await loupe(...collect, "--merge", "copied");
    expect(merged.stdout).toMatch(/4 of 4 runs finished/);
    expect(merged.stderr).not.toMatch(/differ/);
    expect(tables("gaps")).toEqual(tables("whole"));
  });

  test("a run with other settings is not counted and not trained over, and what differs is named", async () => {
    const other = { ...plan, base: { ...base, epochs: 3 }, settings: [settings[0]] };
    writeFileSync(file("other.json"), JSON.stringify(other));
    cpSync(file("whole/baseline"), file("mixed/baseline"), { recursive: true });
    const run = await loupe("run", "other.json", "--output", "mixed");
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(
      /\[1\/2\] baseline, small tile, seed 1: .*there is a run with other settings; give another --output/,
    );
    expect(run.stderr).toMatch(/epochs: 2 there, 3 in the plan/);
    expect(text("mixed/baseline/cdo_small_last.csv")).toMatch(/\naverage \(0\/2\),--/);
    expect(JSON.parse(text("mixed/errors.json"))).toHaveLength(2);
  });
});

test("a class that fails is told, the rest go on, and a scheduler's array gives out the parts", async () => {
  await smallData("broken");
  await smallData("broken", "tile");
  rmSync(file("broken/tile/train"), { recursive: true });
  const flags = ["--backbone", "resnet18", "--weights", "random", "--image-size", "24"];
  const more = ["--batch-size", "2", "--epochs", "1", "--no-detour", "--output", "failing"];
  const args = ["run", "cdo", "--data", "sets=broken", ...flags, ...more, "--shards", "2"];
  const task = (id: number, ...rest: string[]) =>
    start([...args, ...rest], { SLURM_ARRAY_TASK_ID: String(id) }).done;
  const failed = await task(0);
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(/part 1 of 2 \(SLURM_ARRAY_TASK_ID=0\): 1 of 2 jobs/);
  expect(failed.stderr).toMatch(
    /error: \[1\/1\] cdo-resnet18, sets tile, seed 1: .*no normal images/,
  );
  expect(text("failing/cdo-resnet18/cdo_sets_last.csv")).toMatch(/\naverage \(0\/2\),--/);
  const trained = await task(1);
  expect(trained.code).toBe(0);
  expect(trained.stdout).toMatch(/1 of 2 runs finished\n.*sets tile, seed 1: failed, .*no normal/);
  const [error] = JSON.parse(text("failing/errors.json"));
  expect(error).toMatchObject({ setting: "cdo-resnet18", class: "tile", state: "failed" });

  cpSync(file("data/tile/train"), file("broken/tile/train"), { recursive: true });
  const repaired = await task(2); // 2 modulo 2 is part 1 again
  expect(repaired.code).toBe(0);
  expect(repaired.stdout).toMatch(/2 of 2 runs finished/);
  expect(existsSync(file("failing/errors.json"))).toBe(false);
  expect(readdirSync(file("failing/cdo-resnet18/sets-tile"))).toEqual(["seed1"]);
});
