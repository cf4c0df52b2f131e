/** The log of a command and the checkpoints of its run: what was logged before a checkpoint stays when the run goes on from it. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunLog } from "../../src/cli/run-log.ts";
import { RunFolder } from "../../src/detector/index.ts";

test("events that were written right before a checkpoint are counted in it", async () => {
  const path = await mkdtemp(join(tmpdir(), "loupe-run-log-"));
  const empty = { config: {}, data: {}, weights: {}, environment: {} };
  const run = await RunFolder.create(path, { method: "cdo", seed: 1, ...empty });
  const log = new RunLog(run);
  for (let iteration = 0; iteration < 50; iteration++) log.write("step", { iteration });
  const progress = { epoch: 0, step: 50 };
  await run.saveCheckpoint({ progress, model: new Map(), training: new Map(), extra: {} });
  const checkpoint = await run.loadCheckpoint();
  expect(checkpoint?.logBytes).toBe((await stat(run.file("log.jsonl"))).size);
  log.write("step", { iteration: 50 });
  await log.flush();
  await run.goOn(checkpoint);
  const lines = (await readFile(run.file("log.jsonl"), "utf8")).trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as { iteration: number }).iteration)).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
  await rm(path, { recursive: true });
});
