/** All methods on the same data through the command line: trained, stopped by nothing, gone on with, compared. On a GPU. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type Finished, folder, loupe, prepareLoupe, smallData } from "./loupe.ts";

prepareLoupe();

const file = (...path: string[]) => join(folder, ...path);
const shared = ["--backbone", "resnet10_half", "--image-size", "24", "--batch-size", "2"];
const all = ["train", "all", "--class", "washer", ...shared, "--epochs", "1", "--seed", "3"];
const titles = ["cdo-resnet10_half", "cfa-resnet10_half", "fod-resnet10_half"];
const runOf = (title: string) => file("runs/all-washer-1", title, "data-washer/seed3");
const read = (path: string) => readFileSync(path, "utf8");

let first: Finished;

beforeAll(async () => {
  const data = await smallData("data");
  first = await loupe(...all, "--data", data, "--no-images");
}, 120_000);

test("each method has a run of its own defaults, and one table has them all", () => {
  expect(first.code).toBe(0);
  const records = titles.map((title) => JSON.parse(read(join(runOf(title), "run.json"))));
  expect(records.map(({ name, method, seed }) => [name, method, seed])).toEqual(
    titles.map((title) => [title, title.slice(0, 3), 3]),
  );
  expect(records.map(({ config }) => [config.epochs, config.imageSize, config.batchSize])).toEqual(
    titles.map(() => [1, 24, 2]),
  );
  expect(records.map(({ config }) => config.learningRate)).toEqual([0.0000625, 1e-3, 1e-4]);
  const lines = first.stdout.split("\n");
  expect(lines[1]).toMatch(
    /image AUROC +pixel AUROC +pixel AP +AUPRO +training, s +ms\/image +GPU MiB/,
  );
  for (const [i, title] of titles.entries()) {
    const cells = (lines[i + 3] as string).trim().split(/ +/);
    expect(cells[0]).toBe(title);
    expect(cells).toHaveLength(8);
    expect(cells.slice(1).every((cell) => Number(cell.replace("*", "")) >= 0)).toBe(true);
  }
  expect(first.stdout).toMatch(
    /each method has its own image size: .*24 cut from 27 \(cfa-resnet10_half\)/,
  );
  expect(existsSync(join(runOf(titles[1] as string), "maps"))).toBe(true);
  expect(existsSync(join(runOf(titles[1] as string), "images"))).toBe(false);
});

test("compare shows the same table later, as text, Markdown, HTML, CSV and picture", async () => {
  const files = ["t.md", "t.html", "t.csv", "t.png"].flatMap((name) => ["-o", name]);
  const text = await loupe("compare", "runs/all-washer-1", "--final");
  const table = first.stdout.slice(0, first.stdout.indexOf("\n\n"));
  expect(text.stdout).toContain(table);
  expect(text.stderr).not.toMatch(/not comparable/);
  expect((await loupe("compare", "runs/all-washer-1", "--final", ...files)).code).toBe(0);
  expect(read(file("t.md"))).toContain("| fod-resnet10\\_half |");
  expect(read(file("t.html"))).toContain("GPU MiB");
  expect(read(file("t.csv"))).toMatch(/ms_per_image,,mean,cdo-resnet10_half,3,\d/);
  expect(existsSync(file("t.png"))).toBe(true);
});

test("what is finished is not done again, and a run that is missing is made up for", async () => {
  const log = join(runOf(titles[0] as string), "log.jsonl");
  const before = read(log);
  rmSync(runOf(titles[1] as string), { recursive: true });
  const again = await loupe("train", "all", "--resume", "runs/all-washer-1", "--json");
  expect(again.code).toBe(0);
  expect(again.stderr).toMatch(/1 finished before/);
  expect(read(log)).toBe(before);
  const { output, comparison, failed } = JSON.parse(again.stdout);
  expect({ output, failed }).toEqual({ output: "runs/all-washer-1", failed: [] });
  expect(comparison.runs.map((run: { experiment: string }) => run.experiment).sort()).toEqual(
    titles,
  );
}, 60_000);

test("a method that fails is told, and the others go on", async () => {
  const data = file("data");
  const args = ["train", "all", "--data", data, ...shared, "--epochs", "1", "--no-maps"];
  const run = await loupe(...args, "--image-size", "8", "--no-images", "--output", "few", "--json");
  expect(run.code).toBe(2);
  const { comparison, failed } = JSON.parse(run.stdout);
  expect(comparison.runs.map((r: { experiment: string }) => r.experiment)).toEqual([titles[0]]);
  expect(failed).toMatchObject([
    {
      method: "cfa",
      class: "washer",
      error: expect.stringMatching(/the memory bank has 4 centres/),
    },
    { method: "fod", class: "washer", error: expect.stringMatching(/imageSize is 8/) },
  ]);
}, 60_000);

test("flags of one method, or for one training, are refused by name before any work", async () => {
  const data = ["--data", file("data"), "--output", "never"];
  const own = await loupe(...all, ...data, "--gamma-c", "2", "--no-mom", "--profile", "p.json");
  expect(own.code).toBe(2);
  expect(own.stderr).toMatch(
    /--gamma-c: is a setting of cfa, not of all methods; give it to: loupe train cfa/,
  );
  expect(own.stderr).toMatch(/--mom: is a setting of cdo/);
  expect(own.stderr).toMatch(/--profile: is for one training/);
  const mode = await loupe(...all, ...data, "--mode", "semi5");
  expect(mode.stderr).toMatch(/--mode semi5: brings defective images, but cfa/);
  const backbone = await loupe(...all, ...data, "--backbone", "nothing");
  expect(backbone.stderr).toMatch(/there is no backbone "nothing"/);
  expect(existsSync(file("never"))).toBe(false);
});

test("a folder of runs is not written into again, and going on takes no other settings", async () => {
  const taken = await loupe(...all, "--data", file("data"), "--output", "runs/all-washer-1");
  expect(taken.code).toBe(5);
  expect(taken.stderr).toMatch(/there are runs already; --resume goes on with it/);
  const other = await loupe("train", "all", "--resume", "runs/all-washer-1", "--epochs", "2");
  expect(other.stderr).toMatch(/--epochs: .*plan\.json says it already; leave it out to go on/);
  const none = await loupe("train", "all", "--resume", "nowhere");
  expect(none.code).toBe(5);
  expect(none.stderr).toMatch(/nowhere.plan\.json: there is no such file/);
  writeFileSync(file("c.json"), JSON.stringify({ gammaC: 3 }));
  const config = await loupe(...all, "--data", file("data"), "--config", "c.json");
  expect(config.stderr).toMatch(/gammaC in c\.json: is a setting of cfa, not of all methods; /);
  expect(config.code).toBe(2);
  writeFileSync(file("d.json"), JSON.stringify({ epoch: 3 }));
  const unknown = await loupe(...all, "--data", file("data"), "--config", "d.json");
  expect(unknown.stderr).toMatch(/d\.json: there is no setting "epoch"; did you mean "epochs"/);
});
