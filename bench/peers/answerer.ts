/** An engine's side of the protocol, in a process or in a page. */
import type { Engine, Opened, Reply, Request } from "./protocol.ts";

/** From requests to replies, one at a time. Never rejects. */
export function answerer(engine: Engine): (request: Request) => Promise<Reply> {
  let opened: Opened | undefined;
  const close = () => {
    opened?.close();
    opened = undefined;
  };
  const serve = async (request: Request): Promise<Reply> => {
    if (request.do === "open" || request.do === "close") close();
    if (request.do === "close") return {};
    if (request.do === "open") {
      const open = engine.tasks[request.task];
      if (!open) throw new Error("has no such task");
      opened = await open();
      return { firstMs: await timed(opened) };
    }
    if (!opened) throw new Error("nothing is open");
    if (request.do === "values") {
      const answer = await opened.answer();
      return { values: request.at.map((at) => answer[at] ?? Number.NaN) };
    }
    const ms: number[] = [];
    const cpu: number[] = [];
    for (let i = 0; i < request.runs; i++) {
      const before = cpuTime();
      ms.push(await timed(opened));
      if (before !== undefined) cpu.push((cpuTime() as number) - before);
    }
    return { ms, ...(cpu.length ? { cpuMs: Math.min(...cpu) } : {}) };
  };
  return async (request) => {
    try {
      const reply = await serve(request);
      const failure = engine.failure();
      return failure === undefined ? reply : { error: failure };
    } catch (error) {
      return { error: (error instanceof Error ? error.message : String(error)).slice(0, 400) };
    }
  };
}

/** Milliseconds that all threads of this process have worked; a page does not know. */
function cpuTime(): number | undefined {
  if (typeof process === "undefined") return undefined;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function timed(opened: Opened): Promise<number> {
  const start = performance.now();
  await opened.run();
  return performance.now() - start;
}
