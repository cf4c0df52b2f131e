/** One engine in its own process, which serves the referee's requests until its input ends. */
import { createInterface } from "node:readline";
import type { Options } from "../options.ts";
import { answerer } from "./answerer.ts";
import { type Engine, marker, type Reply, type Request } from "./protocol.ts";

/** How an engine is made; `adapter` is part of an adapter's name. */
type Start = (options: { readonly adapter: string | undefined }) => Promise<Engine>;

/** Modules of engines, by the names that the referee gives. */
const engines: Readonly<Record<string, () => Promise<{ start: Start }>>> = {
  tensorloupe: () => import("./ours.ts"),
  "jax-js": () => load("./jax-js.mjs"),
  tfjs: () => load("./tfjs.mjs"),
  onnxruntime: () => load("./onnxruntime.mjs"),
};

/** The others are JavaScript: their packages, and so their types, are not installed here. */
const load = (file: string): Promise<{ start: Start }> => import(file);

export async function work({ worker, adapter }: Options): Promise<void> {
  const module = engines[worker ?? ""];
  if (!module) throw new Error(`--worker ${worker}: there is no such engine`);
  const engine = await (await module()).start({ adapter });
  const answer = answerer(engine);
  const { about, adapter: found } = engine;
  say({ ready: true, about, ...(found ? { adapter: found } : {}) });
  for await (const line of createInterface({ input: process.stdin })) {
    say(await answer(JSON.parse(line) as Request));
  }
  process.exit(0); // libraries leave threads and timers behind
}

function say(reply: Reply): void {
  process.stdout.write(`\n${marker}${JSON.stringify(reply)}\n`);
}
