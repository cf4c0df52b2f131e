/** What goes where, and how progress looks with and without a terminal. */
import { expect, test } from "vitest";
import { z } from "zod";
import type { CommandSpec } from "../../src/cli/index.ts";
import { runCommandLine, Terminal } from "../../src/cli/index.ts";
import { Interrupted } from "../../src/cli/interrupt.ts";
import { formatRate, formatSeconds } from "../../src/cli/meter.ts";
import { LoupeError } from "../../src/error.ts";

function fake({ isTTY = false, colour = false, columns = 80 } = {}) {
  let out = "";
  let err = "";
  let time = 0;
  const terminal = new Terminal({
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text), isTTY, columns },
    now: () => time,
    colour,
  });
  return {
    terminal,
    out: () => out,
    err: () => err,
    clear: () => {
      err = "";
    },
    wait: (ms: number) => {
      time += ms;
    },
  };
}

test("only the result goes to stdout", () => {
  const { terminal, out, err } = fake();
  terminal.info("looking");
  terminal.warn("careful");
  terminal.error("no");
  terminal.result("42");
  expect(out()).toBe("42\n");
  expect(err()).toBe("looking\nwarning: careful\nerror: no\n");
});

test("a name from outside can't steer the terminal, and JSON stays JSON", () => {
  const { terminal, out, err } = fake({ isTTY: true, colour: true });
  const name = "\u001b[2Ja\u202eb\r\u009bc.png";
  const shown = "\\u001b[2Ja\\u202eb\\u000d\\u009bc.png";
  terminal.info(name);
  terminal.warn(name);
  terminal.error(name);
  expect(
    err()
      .split("\n")
      .map((line) => line.slice(-shown.length)),
  ).toEqual([shown, shown, shown, ""]);
  terminal.result(JSON.stringify({ name, lines: "a\n\tb" }, null, 2));
  expect(out()).not.toContain("\u009b");
  expect(JSON.parse(out())).toEqual({ name, lines: "a\n\tb" });
  terminal.meter({ label: name, total: 2, unit: "images" }).update(1);
  expect(err()).toContain(`${shown}: 1/2`);
});

test("colours are used only where they are wanted", () => {
  const plain = fake();
  plain.terminal.warn("x");
  expect(plain.err()).not.toContain("\x1b");
  const coloured = fake({ colour: true });
  coloured.terminal.warn("x");
  expect(coloured.err()).toContain("\x1b[33mwarning:\x1b[39m x");
});

test("listeners hear infos and warnings until they stop", () => {
  const { terminal } = fake();
  const heard: string[] = [];
  const stop = terminal.listen((level, message) => heard.push(`${level} ${message}`));
  terminal.info("a");
  terminal.warn("b");
  stop();
  terminal.warn("c");
  expect(heard).toEqual(["info a", "warning b"]);
});

test("on a terminal progress is one line that is rewritten, with rate and time left", () => {
  const { terminal, err, wait } = fake({ isTTY: true });
  const meter = terminal.meter({ label: "epoch 1/2", total: 100, unit: "images" });
  wait(2000);
  meter.update(20, "loss 1.5");
  expect(err()).toBe(
    "\r\x1b[2K███░░░░░░░░░░░░░ epoch 1/2: 20/100 images, loss 1.5, 10.0 images/s, 8 s left",
  );
  terminal.info("hello");
  expect(err().endsWith("\r\x1b[2Khello\n")).toBe(true);
});

test("on a narrow terminal the line is cut, so that it stays one", () => {
  const { terminal, err, wait } = fake({ isTTY: true, columns: 30 });
  const meter = terminal.meter({ label: "a long label indeed", total: 10, unit: "images" });
  wait(1000);
  meter.update(5);
  expect(err().replace("\r\x1b[2K", "").length).toBe(29);
});

test("without a terminal there is a plain line now and then, and no control characters", () => {
  const { terminal, err, wait } = fake();
  const meter = terminal.meter({ label: "training", total: 100, unit: "images" });
  for (let i = 1; i <= 40; i++) {
    wait(1000);
    meter.update(i);
  }
  meter.end();
  expect(err()).toBe(
    "training: 15/100 images, 1.00 images/s, 1:25 min left\ntraining: 30/100 images, 1.00 images/s, 1:10 min left\n",
  );
});

test("the rate is that of the last stretch, so a slow start is forgotten", () => {
  const { terminal, wait } = fake();
  const meter = terminal.meter({ label: "x", total: 1000, unit: "images", start: 100 });
  wait(60_000);
  meter.update(101);
  for (let i = 1; i <= 40; i++) {
    wait(1000);
    meter.update(101 + 10 * i);
  }
  expect(meter.rate()).toBeCloseTo(10, 1);
});

test("rates and times are short", () => {
  expect([0.1234, 4.567, 78.91, 123.4].map(formatRate)).toEqual(["0.123", "4.57", "78.9", "123"]);
  expect([7.4, 59.6, 83, 7500].map(formatSeconds)).toEqual([
    "7 s",
    "1:00 min",
    "1:23 min",
    "2:05 h",
  ]);
});

async function outcomeOf(run: CommandSpec["run"], ...args: readonly string[]) {
  const { terminal, out, err } = fake();
  const spec: CommandSpec = {
    name: "work",
    summary: "Works",
    examples: ["loupe work"],
    settings: z.strictObject({}),
    run,
  };
  const code = await runCommandLine(["work", ...args], [spec], terminal, "1.2.3");
  return { code, out: out(), err: err() };
}

test("an outcome is printed as text, or with --json as one document", async () => {
  const run = async () => ({ text: "three", json: { n: 3, bad: Number.NaN }, exit: 3 as const });
  expect(await outcomeOf(run)).toEqual({ code: 3, out: "three\n", err: "" });
  const { out } = await outcomeOf(run, "--json");
  expect(JSON.parse(out)).toEqual({ n: 3, bad: null });
});

test("each kind of error has its exit code and is one line", async () => {
  const codes = {
    shape: 2,
    config: 2,
    data: 3,
    device: 4,
    memory: 4,
    checkpoint: 5,
    io: 5,
    numeric: 6,
  } as const;
  for (const [kind, code] of Object.entries(codes)) {
    const result = await outcomeOf(async () => {
      throw new LoupeError(kind as keyof typeof codes, "where: rule; next step");
    });
    expect(result).toEqual({ code, out: "", err: "error: where: rule; next step\n" });
  }
});

test("an unexpected error asks to be reported; --verbose shows the stack and the causes", async () => {
  const fail = async () => {
    throw new TypeError("x is not a function", { cause: new Error("deeper") });
  };
  const brief = await outcomeOf(fail);
  expect(brief.code).toBe(1);
  expect(brief.err).toMatch(
    /^error: unexpected: x is not a function\nthis is a bug; please report it/,
  );
  const long = await outcomeOf(fail, "--verbose");
  expect(long.err).toMatch(/TypeError: x is not a function\n +at .*caused by: Error: deeper/s);
});

test("an interruption is no error: 130 and what to do", async () => {
  const result = await outcomeOf(async () => {
    throw new Interrupted("stopped; go on with: x");
  });
  expect(result).toEqual({ code: 130, out: "", err: "stopped; go on with: x\n" });
});
