/** `loupe compare` on run folders: what is found, what is written where, and what it says of what can't be compared. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compare } from "../../src/cli/compare.ts";
import { runCommandLine } from "../../src/cli/program.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { decodeImage } from "../../src/data/index.ts";
import { logOf, recordOf, type Written } from "../report/compare/runs.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "loupe-compare-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A run folder as a training leaves it. */
function put(path: string, written: Written): string {
  const full = join(folder, path);
  mkdirSync(full, { recursive: true });
  writeFileSync(join(full, "run.json"), recordOf(written));
  writeFileSync(join(full, "log.jsonl"), logOf(written));
  return full;
}

async function loupe(...args: readonly string[]) {
  let [stdout, stderr] = ["", ""];
  const terminal = new Terminal({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    now: () => 0,
  });
  const code = await runCommandLine(["compare", ...args], [compare], terminal, "0");
  return { code, stdout, stderr };
}

/** Three experiments, two classes; one run is missing. */
function small(): string {
  put("runs/base/bottle", { name: "baseline", class: "bottle", values: [0.5, 0.7] });
  put("runs/base/cable", { name: "baseline", class: "cable", values: [0.4, 0.6] });
  put("runs/freq/bottle", { name: "freq", class: "bottle", values: [0.8, 0.8] });
  put("runs/freq/cable", { name: "freq", class: "cable", values: [0.6, 0.6] });
  put("runs/amp/bottle", { name: "amp", class: "bottle", values: [0.1, 0.3] });
  return join(folder, "runs");
}

test("without -o the tables are on the terminal and nothing is written", async () => {
  const runs = small();
  const { code, stdout } = await loupe(runs);
  expect(code).toBe(0);
  expect(stdout).toMatch(/baseline +60\.00 +50\.00 +55\.00\n/);
  expect(stdout).toMatch(/amp +20\.00 +-- +20\.00 1\/2\n/);
  expect(stdout).toMatch(/freq +\*80\.00 +\*60\.00 +\*70\.00\n/);
  expect(readdirSync(folder)).toEqual(["runs"]);
});

test("--peak and --final say other numbers, and can't be asked for together", async () => {
  const runs = small();
  expect((await loupe(runs, "--peak")).stdout).toMatch(/baseline +70\.00 +60\.00 +65\.00/);
  expect((await loupe("--logdir", runs, "--peak")).stdout).toContain("chosen on the test images");
  expect((await loupe(runs, "--final")).stdout).toMatch(/amp +30\.00/);
  const both = await loupe(runs, "--final", "--peak");
  expect([both.code, both.stderr]).toEqual([2, "error: compare: --peak or --final, not both\n"]);
});

describe("files", () => {
  test("every format is written, folders are made, and the curves are linked from Markdown", async () => {
    const runs = small();
    const out = (name: string) => join(folder, "new/deep", name);
    const files = ["t.png", "t.svg", "t.md", "t.csv", "t.HTML"].flatMap((n) => ["-o", out(n)]);
    const { code, stdout } = await loupe(...files, "--curves", out("c.png"), runs);
    expect(code).toBe(0);
    const names = ["c.png", "t.HTML", "t.csv", "t.md", "t.png", "t.svg"];
    expect(readdirSync(join(folder, "new/deep")).sort()).toEqual(names);
    for (const name of names) expect(stdout).toContain(`written to ${out(name)}\n`);
    const image = await decodeImage(readFileSync(out("t.png")));
    expect(image.width).toBeGreaterThan(800);
    expect(readFileSync(out("t.md"), "utf8")).toContain("![curves](<c.png>)");
    expect(readFileSync(out("t.csv"), "utf8")).toContain("mean,freq,1,80.00,60.00,70.00,2\n");
    expect(readFileSync(out("t.svg"), "utf8")).toContain(">freq</text>");
    expect(readFileSync(out("t.HTML"), "utf8")).toContain("<h1>Comparison:");
  });

  test("a file that is there stays as it is: the next is _1, then _2, and the path is told", async () => {
    const runs = small();
    const path = join(folder, "table.csv");
    writeFileSync(path, "mine");
    expect((await loupe(runs, "-o", path)).stdout).toBe(
      `written to ${join(folder, "table_1.csv")}\n`,
    );
    const both = await loupe(runs, "-o", path, "-o", path);
    expect(both.stdout).toContain("table_2.csv");
    expect(both.stdout).toContain("table_3.csv");
    expect(readFileSync(path, "utf8")).toBe("mine");
    const again = (n: number) => readFileSync(join(folder, `table_${n}.csv`), "utf8");
    expect(again(2)).toBe(again(1));
  });

  test("a link that leads nowhere is not written through", async () => {
    const runs = small();
    symlinkSync(join(folder, "elsewhere.csv"), join(folder, "table.csv"));
    await loupe(runs, "-o", join(folder, "table.csv"));
    expect(existsSync(join(folder, "elsewhere.csv"))).toBe(false);
    expect(existsSync(join(folder, "table_1.csv"))).toBe(true);
  });

  test("an unknown ending is refused before anything is read", async () => {
    const { code, stderr } = await loupe("-o", "table.pdf", "nowhere");
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error: --output: "table.pdf" must end in one of .png, .svg, .md, .csv, .html\n',
    );
    const curves = await loupe("nowhere", "--curves", "c.html");
    expect(curves.stderr).toBe('error: --curves: "c.html" must end in one of .png, .svg\n');
  });

  test("a place where nothing can be written is an error that names it", async () => {
    const runs = small();
    writeFileSync(join(folder, "file"), "");
    const { code, stderr } = await loupe(runs, "-o", join(folder, "file/table.csv"));
    expect(code).toBe(5);
    expect(stderr).toContain("file/table.csv: can't be written: ");
  });
});

describe("what is found", () => {
  test("runs are found at any depth, once each, and links are not followed", async () => {
    const runs = small();
    symlinkSync(join(folder, "runs/base"), join(folder, "runs/link"));
    put("outside/run", { name: "outside", class: "bottle", values: [0.9] });
    symlinkSync(join(folder, "outside"), join(folder, "runs/out"));
    const { stdout, stderr } = await loupe(
      runs,
      join(runs, "freq"),
      join(runs, "freq/cable"),
      "--json",
    );
    const { rows, runs: listed } = JSON.parse(stdout);
    expect(rows.map((row: { name: string }) => row.name)).toEqual(["baseline", "amp", "freq"]);
    expect(listed).toHaveLength(5);
    expect(stderr).toBe("");
  });

  test("what is missing, damaged or unfinished is told, and the rest is compared", async () => {
    const runs = small();
    mkdirSync(join(runs, "broken"));
    writeFileSync(join(runs, "broken/run.json"), "{");
    put("runs/late", { name: "late", values: [0.5], config: { epochs: 30 }, last: "interrupted" });
    const { code, stdout, stderr } = await loupe(runs, join(folder, "nowhere"), "--json");
    expect(code).toBe(0);
    expect(stderr).toContain(`warning: ${join(folder, "nowhere")}: there is no such folder\n`);
    expect(stderr).toContain("broken: run.json is not a JSON object; the run is left out\n");
    expect(stderr).toContain("late (stopped after epoch 1 of 30)\n");
    expect(JSON.parse(stdout).problems).toHaveLength(2);
    const all = await loupe(runs, "--unfinished");
    expect(all.stdout).toMatch(/late +50\.00/);
  });

  test("with nothing to compare it is an error that says what to give", async () => {
    const none = await loupe();
    expect(none.code).toBe(2);
    expect(none.stderr).toBe(
      "error: compare: nothing to compare; give run folders, or folders above them: loupe compare runs\n",
    );
    const empty = await loupe(folder);
    expect(empty.code).toBe(2);
    expect(empty.stderr).toBe(`warning: ${folder}: holds no run\nerror: compare: no runs\n`);
  });

  test("a run.json or log that is a link is not read", async () => {
    const full = put("runs/a", { name: "a", values: [0.5] });
    rmSync(join(full, "log.jsonl"));
    symlinkSync("/dev/zero", join(full, "log.jsonl"));
    const { stderr } = await loupe(join(folder, "runs"));
    expect(stderr).toContain("log.jsonl: is not a plain file; left out");
  });
});

test("runs that can't be compared are a warning, with --strict an error", async () => {
  put("runs/a", { name: "a", values: [0.5], config: { imageSize: 64 } });
  put("runs/b", { name: "b", values: [0.5], config: { imageSize: 256 } });
  const runs = join(folder, "runs");
  const warned = await loupe(runs);
  expect(warned.code).toBe(0);
  expect(warned.stderr).toBe("warning: not comparable: image size differ: 64 (a); 256 (b)\n");
  const strict = await loupe(runs, "--strict", "-o", join(folder, "t.csv"));
  expect(strict.code).toBe(2);
  expect(strict.stderr).toContain("these runs can't be compared: image size differ");
  expect(existsSync(join(folder, "t.csv"))).toBe(false);
});

test("metrics and baselines are chosen by name, with commas or one by one", async () => {
  const runs = small();
  const { stdout } = await loupe("--metrics", "loss,i_roc", "--baseline", "freq", runs, "--json");
  const json = JSON.parse(stdout);
  expect(json.metrics).toEqual(["loss", "image_auroc"]);
  expect(json.baseline).toBe("freq");
  const wrong = await loupe(runs, "--baseline", "fraq");
  expect(wrong.stderr).toContain(
    'no experiment "fraq" to be the baseline; there are amp, baseline, freq',
  );
});
