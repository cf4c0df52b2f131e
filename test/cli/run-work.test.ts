/** Working through jobs when the GPU is lost, when something unexpected happens, and when there is no GPU. Trainings are stood in for. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { Interrupted } from "../../src/cli/interrupt.ts";
import { jobsOf } from "../../src/cli/run-jobs.ts";
import { checkPlan } from "../../src/cli/run-plan.ts";
import { workThrough } from "../../src/cli/run-work.ts";
import type { SharedGpu } from "../../src/cli/shared-gpu.ts";
import { Terminal } from "../../src/cli/terminal.ts";
import { beginRun } from "../../src/cli/train-begin.ts";
import { LoupeError } from "../../src/error.ts";

vi.mock("../../src/cli/train-begin.ts", () => ({ beginRun: vi.fn() }));

const begin = vi.mocked(beginRun);
const output = mkdtempSync(join(tmpdir(), "loupe-work-"));
afterAll(() => rmSync(output, { recursive: true }));

const base = { backbone: "resnet18", weights: "random" };
const data = [{ name: "d", root: "/nowhere" }];
const plan = checkPlan({ base, data, settings: [{ name: "s" }] }, "p", "/", []);
const jobs = jobsOf(plan, new Map([["d", ["a", "b", "c"]]]));
const failure = (name: string) => join(output, `s/d-${name}/seed1.failed.json`);

let said = "";
let opened = 0;
let gpu: SharedGpu;

beforeEach(() => {
  begin.mockReset();
  said = "";
  opened = 0;
  let isOpen = false;
  gpu = {
    async open() {
      if (!isOpen) opened++;
      isOpen = true;
      return {} as Awaited<ReturnType<SharedGpu["open"]>>;
    },
    afterError(error) {
      if (error instanceof LoupeError && error.code === "device") isOpen = false;
    },
    close() {},
  };
});

function go(signal = new AbortController().signal) {
  const stderr = { write: (text: string) => (said += text) };
  const terminal = new Terminal({ stdout: stderr, stderr, now: () => 0 });
  const check = (message: string) => {
    if (signal.aborted) throw new Interrupted(message);
  };
  const interrupt = { signal, check, [Symbol.dispose]() {} };
  return workThrough(jobs, output, gpu, { terminal, interrupt, stopped: "stopped" });
}

const states = (outcomes: Awaited<ReturnType<typeof go>>) =>
  [...outcomes.values()].map(({ state }) => state);

test("a lost GPU is opened anew and the job tried once more", async () => {
  begin.mockRejectedValueOnce(new LoupeError("device", "the GPU was lost"));
  expect(states(await go())).toEqual(["trained", "trained", "trained"]);
  expect(opened).toBe(2);
  expect(said).toContain("warning: s, d a, seed 1: the GPU was lost; trying once more");
});

test("a GPU that is lost twice fails the job, and the next one gets a new one", async () => {
  const lost = new LoupeError("device", "the GPU was lost");
  begin.mockRejectedValueOnce(lost).mockRejectedValueOnce(lost);
  expect(states(await go())).toEqual(["failed", "trained", "trained"]);
  expect(opened).toBe(3);
  expect(JSON.parse(readFileSync(failure("a"), "utf8"))).toMatchObject({ code: "device", exit: 4 });
});

test("a failure of any kind is noted beside the folder until the job succeeds, and the others go on", async () => {
  begin.mockResolvedValueOnce({} as never).mockRejectedValueOnce(new RangeError("no such luck"));
  const outcomes = await go();
  expect(states(outcomes)).toEqual(["trained", "failed", "trained"]);
  expect(existsSync(failure("a"))).toBe(false); // that of the test before
  const { time: _, ...noted } = JSON.parse(readFileSync(failure("b"), "utf8"));
  expect(noted).toEqual({ code: "unexpected", message: "no such luck", exit: 1 });
  expect(said).toContain("error: [2/3] s, d b, seed 1: no such luck");
  await go();
  expect(existsSync(failure("b"))).toBe(false);
});

test("without any GPU nothing is noted as failed", async () => {
  const none = new LoupeError("device", "no adapter");
  gpu = { ...gpu, open: () => Promise.reject(none) };
  await expect(go()).rejects.toBe(none);
  expect(existsSync(failure("a"))).toBe(false);
});

test("when asked to stop it says how far it came, and gives the lock back", async () => {
  const controller = new AbortController();
  begin.mockResolvedValueOnce({} as never).mockImplementationOnce(async () => {
    controller.abort();
    throw new Interrupted("saved");
  });
  await expect(go(controller.signal)).rejects.toThrow("stopped with 1 of 3 jobs finished");
  expect(begin).toHaveBeenCalledTimes(2);
  expect(existsSync(join(output, "s/d-b/seed1.lock"))).toBe(false);
});
