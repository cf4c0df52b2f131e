/** Locks of jobs: one process wins, and what a dead one left is taken over. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { awaitLock, lockHolder, takeLock } from "../../src/cli/run-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));
let path = "";
beforeEach((context) => {
  path = join(folder, context.task.id, "seed1.lock");
});

const space = existsSync("/proc/self/ns/pid") ? readlinkSync("/proc/self/ns/pid") : "";
const since = "2026-01-01T00:00:00.000Z";
const left = (holder: object) =>
  writeFileSync(path, JSON.stringify({ host: hostname(), space, since, token: "t", ...holder }));
const deadPid = () => spawnSync(process.execPath, ["-e", ""]).pid;

async function taken() {
  const result = await takeLock(path);
  return "lock" in result ? result.lock : undefined;
}

test("one of many takes it, the others are told who, and it is free again when given back", async () => {
  const results = await Promise.all(Array.from({ length: 8 }, () => takeLock(path)));
  const won = results.filter((r) => "lock" in r);
  expect(won).toHaveLength(1);
  const lost = results.find((r) => "holder" in r) as { holder: string };
  expect(lost.holder).toMatch(new RegExp(`process ${process.pid} on .*, since 20|another process`));
  expect(await lockHolder(path)).toContain(`process ${process.pid}`);
  await (won[0] as { lock: { release(): Promise<void> } }).lock.release();
  expect(await lockHolder(path)).toBeUndefined();
  expect(readdirSync(join(path, ".."))).toEqual([]);
});

test("what a process left that is gone is taken over by exactly one", async () => {
  await (await taken())?.release();
  left({ pid: deadPid() });
  expect(await lockHolder(path)).toBeUndefined();
  const results = await Promise.all(Array.from({ length: 8 }, () => takeLock(path)));
  expect(results.filter((r) => "lock" in r)).toHaveLength(1);
  expect(readdirSync(join(path, ".."))).toEqual(["seed1.lock"]);
});

test("a lock with this process's number that it does not hold is an earlier process's", async () => {
  await (await taken())?.release();
  left({ pid: process.pid });
  expect(await taken()).toBeDefined();
});

test("of another machine or container only one that nobody touches any more is taken over", async () => {
  await (await taken())?.release();
  for (const other of [{ host: "elsewhere" }, { space: "pid:[1]" }]) {
    left({ pid: deadPid(), ...other });
    expect(await taken()).toBeUndefined();
    const old = new Date(Date.now() - 4 * 60_000);
    utimesSync(path, old, old);
    const lock = await taken();
    expect(lock).toBeDefined();
    await lock?.release();
  }
});

test("a torn lock counts as held until it is old", async () => {
  await (await taken())?.release();
  writeFileSync(path, "{");
  expect(await takeLock(path)).toEqual({ holder: "another process" });
});

test("giving back does not remove a lock that somebody else took meanwhile", async () => {
  const lock = await taken();
  left({ pid: process.ppid, token: "other" });
  await lock?.release();
  expect(JSON.parse(readFileSync(path, "utf8")).token).toBe("other");
});

test("who was taken for dead learns that the lock is another's now", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const lock = await taken();
  left({ pid: process.ppid, token: "other" });
  vi.advanceTimersByTime(20_000);
  await vi.waitFor(() => expect(lock?.lost.aborted).toBe(true));
  await lock?.release();
  vi.useRealTimers();
});

test("who waits gets it when it is given back, and is told who has it when patience ends", async () => {
  const lock = await taken();
  await expect(awaitLock(path, 150)).rejects.toThrow(/is held by process \d+ on .*; wait for it/);
  setTimeout(() => lock?.release(), 100);
  await (await awaitLock(path, 5000)).release();
});
