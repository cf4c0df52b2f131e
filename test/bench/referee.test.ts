/** Engines taking turns, with made-up ones: who plays, who fails and why, and that nobody is asked out of turn. */
import { expect, test } from "vitest";
import { answerer } from "../../bench/peers/answerer.ts";
import type { EngineName } from "../../bench/peers/engines.ts";
import type { Engine, Opened, Player } from "../../bench/peers/protocol.ts";
import { playTask } from "../../bench/peers/referee.ts";
import type { SharedTask } from "../../bench/peers/tasks.ts";

const task: SharedTask = {
  key: "matmul",
  ours: { name: "three", work: { flops: 1 }, open: () => expect.fail("is never opened here") },
  points: () => [[1, 3]],
  rtol: 0,
  atol: 0.1,
  call: 3,
};

/** An engine whose answer is how often it ran, plus something. */
function counting(log: string[], name: string, more = 0, failure?: string): Player {
  let runs = 0;
  const opened: Opened = {
    run: async () => {
      runs++;
      log.push(name);
    },
    answer: async () => [0, runs + more],
    close: () => void log.push(`${name} closed`),
  };
  const engine: Engine = { about: name, tasks: { matmul: () => opened }, failure: () => failure };
  const ask = answerer(engine);
  return { ready: async () => ({ ready: true }), ask, stop: () => {} };
}

test("engines run in turns, are checked at the call that counts, and closed", async () => {
  const log: string[] = [];
  const players = new Map<EngineName, Player>([
    ["tensorloupe", counting(log, "a")],
    ["jax-js", counting(log, "b")],
  ]);
  const rows = await playTask(task, players, 2);
  expect(rows.map((row) => row.peer)).toEqual(["tensorloupe", "jax-js"]);
  for (const row of rows) expect(row).toMatchObject({ task: "three", runs: 40 });
  const turns = log.filter((name, i) => name !== log[i - 1]);
  expect(turns).toEqual(["a", "b", "a", "b", "a", "b", "a closed", "b closed"]);
});

test("a wrong answer, an error of the GPU and a lacking task are told apart", async () => {
  const none: Engine = { about: "", tasks: {}, failure: () => undefined };
  const players = new Map<EngineName, Player>([
    ["tensorloupe", counting([], "a", 5)],
    ["jax-js", counting([], "b", 0, "the GPU refused something")],
    ["tfjs", { ready: async () => ({}), ask: answerer(none), stop: () => {} }],
  ]);
  expect(await playTask(task, players, 1)).toEqual([
    { task: "three", peer: "tensorloupe", error: "wrong answer at 1: got 8, expected 3" },
    { task: "three", peer: "jax-js", error: "the GPU refused something" },
  ]);
});

test("an engine that throws answers with the error, and may be asked again", async () => {
  const ask = answerer({
    about: "",
    failure: () => undefined,
    tasks: {
      matmul: () => {
        throw new Error("no memory");
      },
    },
  });
  expect(await ask({ do: "open", task: "matmul" })).toEqual({ error: "no memory" });
  expect(await ask({ do: "run", runs: 1 })).toEqual({ error: "nothing is open" });
  expect(await ask({ do: "close" })).toEqual({});
});
