/** log.jsonl follows the checkpoints: what is logged again after a resume stands there once. */
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunFolder, type RunRecord } from "../../src/detector/index.ts";
import { stateOf } from "./fakes.ts";

let path: string;
let run: RunFolder;
const record: RunRecord = {
  method: "cdo",
  config: {},
  data: {},
  seed: 1,
  weights: {},
  environment: {},
};
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "loupe-log-"));
  run = await RunFolder.create(path, record);
});
afterEach(() => rm(path, { recursive: true }));

const log = () => join(path, "log.jsonl");
const text = () => readFile(log(), "utf8");
/** `step 3` for a step, the name of another event, the line itself when it is no JSON. */
async function lines(): Promise<string[]> {
  const all = (await text()).split("\n");
  expect(all.pop()).toBe("");
  return all.map((line) => {
    if (!line.startsWith("{")) return line;
    const { event, step } = JSON.parse(line) as { event: string; step?: number };
    return step === undefined ? event : `${event} ${step}`;
  });
}

const step = (n: number) => run.log({ event: "step", step: n, loss: 1.5 });
const save = (n: number) =>
  run.saveCheckpoint({
    progress: { epoch: 0, step: n },
    model: stateOf("x", 1),
    training: stateOf("y", 1),
    extra: {},
  });
const isStep = ({ event }: Readonly<Record<string, unknown>>) => event === "step";
const goOn = async (again?: typeof isStep) => run.goOn(await run.loadCheckpoint(), again);

test("lines are whole and in the order of the calls, however fast they come", async () => {
  await Promise.all(Array.from({ length: 200 }, (_, n) => step(n)));
  expect(await lines()).toEqual(Array.from({ length: 200 }, (_, n) => `step ${n}`));
});

test("a checkpoint waits for the lines before it and notes the length of the log", async () => {
  const written = [step(0), step(1)];
  await save(2);
  expect((await run.loadCheckpoint())?.logBytes).toBe((await stat(log())).size);
  expect(await lines()).toEqual(["step 0", "step 1"]);
  await Promise.all(written);
});

test("steps after the checkpoint go, and everything up to it stays byte for byte", async () => {
  for (const n of [0, 1]) await step(n);
  await save(2);
  const before = await text();
  for (const n of [2, 3, 4]) await step(n);
  await goOn();
  expect(await text()).toBe(before);
  for (const n of [2, 3]) await step(n);
  expect(await lines()).toEqual(["step 0", "step 1", "step 2", "step 3"]);
});

test("what happens once, such as an error or a test, stays where it is", async () => {
  await step(0);
  await save(1);
  await run.log({ event: "checkpoint" });
  await step(1);
  await run.log({ event: "error", message: "GPU lost" });
  await goOn(isStep);
  await run.log({ event: "resume" });
  await step(1);
  expect(await lines()).toEqual(["step 0", "checkpoint", "error", "resume", "step 1"]);
  // a second crash, and again from the same checkpoint
  await step(2);
  await goOn(isStep);
  await step(1);
  expect(await lines()).toEqual(["step 0", "checkpoint", "error", "resume", "step 1"]);
});

test("without a checkpoint a run begins again, and so does its log", async () => {
  await run.log({ event: "start" });
  for (const n of [0, 1]) await step(n);
  await goOn(isStep);
  expect(await lines()).toEqual(["start"]);
  await goOn();
  expect(await text()).toBe("");
});

test("a line that a crash cut off goes, and the next one begins a line", async () => {
  await step(0);
  await save(1);
  await step(1);
  await appendFile(log(), '{"event":"st');
  await goOn(isStep);
  await step(1);
  expect(await lines()).toEqual(["step 0", "step 1"]);
});

test("lines that are no events stay, and a log that was edited is cut between lines", async () => {
  await step(0);
  await save(1);
  await step(1);
  await appendFile(log(), "# a note\n[1]\n");
  await goOn();
  expect(await lines()).toEqual(["step 0", "# a note", "[1]"]);
  // longer lines before the checkpoint: its length falls into the middle of one
  await writeFile(log(), `${"#".repeat(200)}\n`);
  await step(5);
  await goOn();
  expect(await lines()).toEqual(["#".repeat(200)]);
});

test("a log that is gone or shorter than at the checkpoint is left alone", async () => {
  await step(0);
  await save(1);
  await writeFile(log(), "short\n");
  await goOn();
  expect(await text()).toBe("short\n");
  await rm(log());
  await goOn();
  await expect(text()).rejects.toThrow("ENOENT");
});

test("a log that can't be written is told, and does not keep a checkpoint from being saved", async () => {
  await rm(path, { recursive: true });
  const failed = step(0);
  await expect(failed).rejects.toThrow(/log\.jsonl: cannot be written: there is no such file/);
  await save(1);
  expect((await run.loadCheckpoint())?.logBytes).toBe(0);
  await step(1);
  expect(await lines()).toEqual(["step 1"]);
});
