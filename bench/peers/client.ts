/** An engine's process as seen by the referee: one request at a time, with a limit on how long it may take. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { marker, type Player, type Reply, type Request } from "./protocol.ts";

/** A command line. */
export type Command = readonly [program: string, ...args: string[]];

export class Client implements Player {
  readonly #process: ChildProcessWithoutNullStreams;
  #answer: ((reply: Reply) => void) | undefined;
  #errors = "";
  #ended = false;

  constructor([program, ...args]: Command) {
    this.#process = spawn(program, args);
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      if (line.startsWith(marker)) this.#reply(JSON.parse(line.slice(marker.length)) as Reply);
    });
    this.#process.stderr.on("data", (data) => {
      this.#errors = (this.#errors + data).slice(-2000);
    });
    this.#process.on("error", (error) => this.#end(error.message));
    this.#process.on("exit", (code, signal) => this.#end(`ended with ${signal ?? code}`));
    this.#process.stdin.on("error", () => {}); // told by its end
  }

  ready(ms: number): Promise<Reply> {
    return this.#next(ms);
  }

  ask(request: Request, ms: number): Promise<Reply> {
    if (this.#ended) return Promise.resolve({ error: "is not running" });
    const reply = this.#next(ms);
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    return reply;
  }

  stop(): void {
    this.#process.stdin.end();
    this.#process.kill();
  }

  #next(ms: number): Promise<Reply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#process.kill("SIGKILL");
        this.#reply({ error: `took longer than ${ms / 1000} s` });
      }, ms);
      this.#answer = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
      if (this.#ended) this.#end("ended");
    });
  }

  #reply(reply: Reply): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(reply);
  }

  #end(how: string): void {
    this.#ended = true;
    const last = this.#errors.trim().split("\n").slice(-3).join(" ");
    this.#reply({ error: `${how}${last ? `: ${last}` : ""}`.slice(0, 400) });
  }
}
