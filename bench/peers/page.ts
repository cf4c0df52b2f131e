/**
 * An engine in a page of a headless Chromium on SwiftShader, seen by the referee as a process is. The page is a bundle; files of
 * ONNX Runtime are answered from their folder, so that no server is needed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Browser, Page, Route } from "playwright-core";
import type { EngineName } from "./engines.ts";
import { peersHome } from "./home.mjs";
import type { Engine, Player, Reply, Request } from "./protocol.ts";

const here = import.meta.dirname;
const origin = "http://localhost:4711"; // a secure context; nothing listens there
const modules: Readonly<Partial<Record<EngineName, string>>> = {
  tensorloupe: "./ours.ts",
  "jax-js": "./jax-js.mjs",
  tfjs: "./tfjs.mjs",
  onnxruntime: "./onnxruntime.mjs",
};

/** Modules of this folder that have a twin for a page. */
const twins: Plugin = {
  name: "twins",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/(home|dawn)\.mjs$/ }, ({ path }) => ({
      path: join(here, path.replace(".mjs", ".browser.mjs")),
    }));
  },
};

async function bundle(module: string): Promise<string> {
  const result = await build({
    stdin: {
      contents: `
        import { start } from ${JSON.stringify(module)};
        import { answerer } from "./answerer.ts";
        const engine = await start({});
        window.ask = answerer(engine);
        window.engine = { about: engine.about, adapter: engine.adapter };`,
      resolveDir: here,
      loader: "ts",
    },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    conditions: ["source"],
    mainFields: ["browser", "module", "main"],
    nodePaths: [join(peersHome(), "node_modules")],
    target: "es2023",
    plugins: [twins],
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

/** What the bundle leaves in the page. */
interface InPage {
  readonly ask: (request: Request) => Promise<Reply>;
  readonly engine: Pick<Engine, "about" | "adapter">;
}

/** A script without types. */
const load = (
  file: string,
): Promise<{ findChromium(): string | undefined; readonly SWITCHES: string[] }> => import(file);

export class PagePlayer implements Player {
  #browser: Browser | undefined;
  #page: Page | undefined;
  readonly #name: EngineName;

  constructor(name: EngineName) {
    this.#name = name;
  }

  async ready(ms: number): Promise<Reply> {
    const module = modules[this.#name];
    if (!module) return { error: "does not run in a page" };
    return this.#within(ms, async () => {
      const page = await this.#open(await bundle(module));
      const engine = await page.waitForFunction(
        () => (globalThis as unknown as InPage).engine,
        null,
        { timeout: ms },
      );
      const { about, adapter } = await engine.jsonValue();
      return { ready: true, about: `${about}, Chromium`, ...(adapter ? { adapter } : {}) };
    });
  }

  ask(request: Request, ms: number): Promise<Reply> {
    const page = this.#page;
    if (!page) return Promise.resolve({ error: "is not running" });
    return this.#within(ms, () =>
      page.evaluate((r) => (globalThis as unknown as InPage).ask(r), request),
    );
  }

  stop(): void {
    this.#page = undefined;
    void this.#browser?.close().catch(() => {});
  }

  async #open(script: string): Promise<Page> {
    const { chromium } = await import("playwright-core");
    const { findChromium, SWITCHES } = await load("../../scripts/browser/chromium.mjs");
    const executablePath = findChromium();
    if (!executablePath) throw new Error("there is no Chromium; set CHROME to its path");
    this.#browser = await chromium.launch({
      executablePath,
      args: SWITCHES,
      chromiumSandbox: false,
    });
    const page = await this.#browser.newPage();
    await page.route(`${origin}/**`, (route) => answer(route, script));
    const failed = new Promise<never>((_, reject) => page.once("pageerror", reject));
    failed.catch(() => {});
    await Promise.race([page.goto(`${origin}/`), failed]);
    this.#page = page;
    return page;
  }

  /** A page that hangs is closed: its GPU process would go on disturbing the others. */
  async #within(ms: number, work: () => Promise<Reply>): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Reply>((resolve) => {
      timer = setTimeout(() => {
        this.stop();
        resolve({ error: `took longer than ${ms / 1000} s` });
      }, ms);
    });
    const result = work().catch((error: Error) => ({ error: error.message.slice(0, 400) }));
    return Promise.race([result, late]).finally(() => clearTimeout(timer));
  }
}

function answer(route: Route, script: string): Promise<void> {
  const { pathname } = new URL(route.request().url());
  const headers = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  const send = (contentType: string, body: string | Buffer) =>
    route.fulfill({ contentType, body, headers });
  if (pathname === "/")
    return send("text/html", '<!doctype html><script type="module" src="/x.js"></script>');
  if (pathname === "/x.js") return send("text/javascript", script);
  const file = pathname.match(/^\/onnxruntime-web\/([\w.-]+)$/)?.[1];
  if (!file) return route.fulfill({ status: 404 });
  const type = file.endsWith(".wasm") ? "application/wasm" : "text/javascript";
  return send(type, readFileSync(join(peersHome(), "node_modules/onnxruntime-web/dist", file)));
}
