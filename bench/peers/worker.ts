/** One engine in its own process, which serves the referee's requests until its input ends. */
import { createInterface } from "node:readline";
import type { Options } from "../options.ts";
import { type Engine, marker, type Opened, type Reply, type Request } from "./protocol.ts";

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
  say({ ready: true, about: engine.about });
  let opened: Opened | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const request = JSON.parse(line) as Request;
      if (request.do === "open") {
        opened?.close();
        opened = undefined; // should opening fail
        const open = engine.tasks[request.task];
        if (!open) throw new Error("has no such task");
        opened = await open();
      }
      if (request.do === "close") opened?.close();
      const reply = request.do === "close" ? {} : await serve(request, opened as Opened);
      if (request.do === "close") opened = undefined;
      const failure = engine.failure();
      say(failure === undefined ? reply : { error: failure });
    } catch (error) {
      say({ error: textOf(error) });
    }
  }
  process.exit(0); // libraries leave threads and timers behind
}

async function serve(request: Exclude<Request, { do: "close" }>, opened: Opened): Promise<Reply> {
  if (!opened) throw new Error("nothing is open");
  if (request.do === "open") return { firstMs: await timed(opened) };
  if (request.do === "values") {
    const answer = await opened.answer();
    return { values: request.at.map((at) => answer[at] ?? Number.NaN) };
  }
  const ms: number[] = [];
  for (let i = 0; i < request.runs; i++) ms.push(await timed(opened));
  return { ms };
}

async function timed(opened: Opened): Promise<number> {
  const start = performance.now();
  await opened.run();
  return performance.now() - start;
}

function say(reply: Reply): void {
  process.stdout.write(`\n${marker}${JSON.stringify(reply)}\n`);
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 400);
}
