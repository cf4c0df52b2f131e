/**
 * Runs test/browser/*.ts in a headless Chromium. A file there exports `tests: Record<string, () => Promise<void>>`,
 * sentences to functions that throw when the sentence is not true; files in test/fixtures/ are at `/fixtures/…`.
 * `node scripts/test-browser.mjs [part of a name]` runs some of them. Exit code 0 only if all that ran passed.
 */
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import { bundle, testFiles } from "./browser/bundle.mjs";
import { findChromium, SWITCHES, withoutChromium } from "./browser/chromium.mjs";
import { serve } from "./browser/server.mjs";
import { root } from "./setup/state.mjs";

const LIMIT_MS = 10 * 60_000;

const executablePath = findChromium();
process.exitCode = executablePath ? await main(process.argv[2] ?? "") : skip();

function skip() {
  const { code, text } = withoutChromium();
  console.error(text);
  return code;
}

/** Runs the tests whose name contains `only`, prints each result and the sum; returns the exit code. */
async function main(only) {
  const results = [];
  const add = (result) => {
    results.push(result);
    const { ok, name, ms, error } = result;
    console.log(ok ? `  ok    ${name} (${ms} ms)` : `  FAIL  ${name}\n${indent(error)}`);
  };
  let browser = "";
  try {
    const script = await bundle(root, testFiles(join(root, "test/browser")), only);
    browser = await runPage(script, add);
    if (results.length === 0)
      throw new Error(`no test ${only ? `has "${only}" in its name` : "in test/browser"}`);
  } catch (error) {
    add({
      ok: false,
      name: "the browser tests run to their end",
      error: String(error?.message ?? error),
    });
  }
  const failed = results.filter((result) => !result.ok).length;
  console.log(
    `browser: ${results.length - failed} passed, ${failed} failed (${browser || executablePath})`,
  );
  return failed === 0 ? 0 : 1;
}

function indent(text) {
  return text.replace(/^/gm, "        ");
}

/** Opens the page in a browser and waits until it has reported its last test; returns the browser's name. */
async function runPage(script, add) {
  const { chromium } = await import("playwright-core");
  const events = new EventEmitter(); // "done", or "error" when the page can't go on
  const onReport = (result) => (result.done ? events.emit("done") : add(result));
  const fixtures = join(root, "test/fixtures");
  const server = await serve({ script, fixtures, weights: join(root, "weights"), onReport });
  const options = { executablePath, args: SWITCHES, chromiumSandbox: false };
  const browser = await chromium.launch(options).catch((error) => {
    server.close();
    throw new Error(`${executablePath} does not start: ${error.message.split("\n")[0]}`);
  });
  const late = new Error(`not finished after ${LIMIT_MS / 60_000} minutes`);
  const timer = setTimeout(() => events.emit("error", late), LIMIT_MS);
  try {
    const page = await browser.newPage();
    const end = once(events, "done");
    page.on("pageerror", (error) => events.emit("error", error));
    page.on("crash", () => events.emit("error", new Error("the page crashed")));
    browser.on("disconnected", () => events.emit("error", new Error("the browser ended")));
    page.on("console", (message) => console.log(indent(`${message.type()}: ${message.text()}`)));
    await Promise.all([end, page.goto(server.url)]);
    return `Chromium ${browser.version()}`;
  } finally {
    events.on("error", () => {}); // what happens while closing is no news
    clearTimeout(timer);
    await browser.close();
    server.close();
  }
}
