/** Writing whole files while the disk fails: the old file stays, nothing half-written is left, and the message says what to do. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RunFolder, type RunRecord } from "../../src/detector/index.ts";
import { LoupeError } from "../../src/error.ts";
import { stateOf } from "./fakes.ts";

/** What goes wrong in the next write: after half of the bytes, at `sync`, or at `rename`. */
const broken = vi.hoisted(() => ({ at: "", code: "" }));
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof import("node:fs/promises")>();
  const failure = () => Object.assign(new Error(`${broken.code}: failed`), { code: broken.code });
  return {
    ...real,
    async open(...args: Parameters<typeof real.open>) {
      if (broken.at === "open") throw failure();
      const file = await real.open(...args);
      const { writeFile: write, sync } = file;
      file.writeFile = async (data) => {
        if (broken.at !== "write") return write.call(file, data);
        await write.call(file, Buffer.from(data as Uint8Array).subarray(0, 10));
        throw failure();
      };
      file.sync = async () => {
        if (broken.at === "sync") throw failure();
        await sync.call(file);
      };
      return file;
    },
    async rename(...args: Parameters<typeof real.rename>) {
      if (broken.at === "rename") throw failure();
      await real.rename(...args);
    },
  };
});

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "loupe-store-"));
});
afterEach(async () => {
  broken.at = "";
  await rm(path, { recursive: true });
});

const record: RunRecord = {
  method: "cdo",
  config: {},
  data: {},
  seed: 1,
  weights: {},
  environment: {},
};
const checkpoint = (step: number) => ({
  progress: { epoch: 0, step },
  model: stateOf("x", 100, step),
  training: stateOf("y", 100, step),
  extra: {},
});

for (const [at, code, advice] of [
  ["open", "EACCES", "permission denied; choose another --output"],
  ["open", "EROFS", "the file system is read-only; choose another --output"],
  ["write", "ENOSPC", "the disk is full; free some space and resume"],
  ["write", "EDQUOT", "the disk quota is used up; free some space and resume"],
  ["sync", "EIO", "EIO: failed"],
  ["rename", "EPERM", "permission denied; choose another --output"],
] as const) {
  test(`a checkpoint that fails with ${code} at ${at} leaves the one before it, and nothing else`, async () => {
    const run = await RunFolder.create(path, record);
    await run.saveCheckpoint(checkpoint(1));
    const before = await readFile(run.file("checkpoint.safetensors"));
    Object.assign(broken, { at, code });
    const error = await run.saveCheckpoint(checkpoint(2)).then(
      () => undefined,
      (e: unknown) => e,
    );
    broken.at = "";
    expect(error).toBeInstanceOf(LoupeError);
    expect((error as LoupeError).code).toBe("io");
    expect((error as LoupeError).message).toBe(
      `${join(path, "checkpoint.safetensors")}: cannot be written: ${advice}`,
    );
    expect((await readdir(path)).sort()).toEqual(["checkpoint.safetensors", "run.json"]);
    expect(Buffer.compare(before, await readFile(run.file("checkpoint.safetensors")))).toBe(0);
    await run.saveCheckpoint(checkpoint(3));
    expect((await run.loadCheckpoint())?.progress.step).toBe(3);
  });
}

test("a folder in a file's place is told, and stays", async () => {
  const run = await RunFolder.create(path, record);
  await mkdir(join(path, "metrics.json"));
  await writeFile(join(path, "metrics.json", "mine"), "mine");
  await expect(run.writeJson("metrics.json", {})).rejects.toThrow(
    "metrics.json: cannot be written: a folder is in its place",
  );
  expect((await readdir(path)).sort()).toEqual(["metrics.json", "run.json"]);
});

test("a process that dies while it writes leaves the old checkpoint, and going on cleans up", async () => {
  const run = await RunFolder.create(path, record);
  await run.saveCheckpoint(checkpoint(1));
  await writeFile(join(path, ".checkpoint.safetensors.deadbeef.tmp"), "half");
  await writeFile(join(path, ".checkpoint.safetensors.mine.tmp"), "not ours");
  await writeFile(join(path, ".photo.jpg.deadbeef.tmp"), "not ours");
  const again = await RunFolder.open(path);
  const loaded = await again.loadCheckpoint();
  expect(loaded?.progress.step).toBe(1);
  await again.goOn(loaded);
  expect((await readdir(path)).sort()).toEqual([
    ".checkpoint.safetensors.mine.tmp",
    ".photo.jpg.deadbeef.tmp",
    "checkpoint.safetensors",
    "run.json",
  ]);
});
