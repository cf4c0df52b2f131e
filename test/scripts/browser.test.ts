/** The frame of the browser tests, as far as it can be tested without a browser. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { folderWith, root, script } from "./load.ts";

const { bundle, testFiles } = await script("browser/bundle.mjs");
const { findChromium, withoutChromium } = await script("browser/chromium.mjs");
const { fixtureAt, serve } = await script("browser/server.mjs");
const { runAll } = await script("browser/page.js");

afterEach(() => vi.unstubAllGlobals());

test("CHROME wins over the usual places, and no browser is no path", () => {
  const only = (path: string) => (asked: string) => asked === path;
  expect(findChromium({ CHROME: "/my/chrome" }, only("/usr/bin/chromium"))).toBe("/my/chrome");
  expect(findChromium({}, only("/usr/bin/google-chrome"))).toBe("/usr/bin/google-chrome");
  expect(findChromium({}, () => false)).toBeUndefined();
});

test("without a browser CI fails with the command to run, and a desk is told what was skipped", () => {
  const ci = withoutChromium({ CI: "true" }, true);
  expect(ci.code).toBe(1);
  expect(ci.text).toContain(
    "apt-get update && apt-get install -y --no-install-recommends chromium",
  );
  const desk = withoutChromium({}, false);
  expect(desk.code).toBe(0);
  expect(desk.text).toMatch(/SKIPPED, no Chromium found.*install Chromium or Chrome/);
});

test("the tests are bundled with the browser twins, and what runs only in Node is refused", async () => {
  const folder = folderWith({
    "package.json": JSON.stringify({
      imports: { "#gpu": { browser: { source: "./src/web.ts" }, source: "./src/node.ts" } },
    }),
    "src/web.ts": 'export const twin: string = "the browser twin";',
    "src/node.ts": 'export const twin: string = "the Node twin";',
    "test/browser/a.ts":
      'import { twin } from "#gpu";\nexport const tests = { [twin]: async () => {} };',
    "test/browser/bad.ts": 'import "node:fs";\nexport const tests = {};',
  });
  symlinkSync(join(root, "scripts"), join(folder, "scripts"));
  expect(testFiles(join(folder, "test/browser"))).toEqual(["a.ts", "bad.ts"]);
  const code = await bundle(folder, ["a.ts"]);
  expect(code).toContain("the browser twin");
  expect(code.split("//# sourceMappingURL")[0]).not.toContain("the Node twin");
  await expect(bundle(folder, ["bad.ts"])).rejects.toThrow('Could not resolve "node:fs"');
});

test("fixtures are served, and nothing outside their folder", async () => {
  const folder = folderWith({ "fixtures/ops/a.json": "[1]", "secret.txt": "no" });
  symlinkSync(join(folder, "secret.txt"), join(folder, "fixtures/link"));
  const fixtures = join(folder, "fixtures");
  expect(fixtureAt(fixtures, "/fixtures/ops/a.json")).toContain("ops/a.json");
  for (const path of [
    "/fixtures/../secret.txt",
    "/fixtures/%2e%2e/secret.txt",
    "/fixtures/link",
    "/fixtures/ops",
    "/fixtures/%",
    "/secret.txt",
  ]) {
    expect(fixtureAt(fixtures, path), path).toBeUndefined();
  }
  const reports: unknown[] = [];
  const onReport = (result: unknown) => reports.push(result);
  const { url, close } = await serve({ script: "run()", fixtures, onReport });
  expect(await (await fetch(`${url}fixtures/ops/a.json`)).json()).toEqual([1]);
  expect(await (await fetch(`${url}tests.js`)).text()).toBe("run()");
  expect((await fetch(`${url}fixtures/none`)).status).toBe(404);
  await fetch(`${url}report`, { method: "POST", body: '{"done":true}' });
  expect((await fetch(`${url}report`, { method: "POST", body: "no JSON" })).status).toBe(400);
  close();
  expect(reports).toEqual([{ done: true }]);
});

test("the page reports every test, a throw and an error nobody caught, and then that it is done", async () => {
  const target = new EventTarget();
  const posted: { name?: string; ok?: boolean; error?: string; done?: boolean }[] = [];
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
  vi.stubGlobal("fetch", async (_: string, { body }: { body: string }) =>
    posted.push(JSON.parse(body)),
  );
  const stray = () =>
    target.dispatchEvent(Object.assign(new Event("error"), { error: new Error("stray") }));
  const tests = {
    good: async () => {},
    bad: async () => {
      throw new Error("bad luck");
    },
    loud: async () => void stray(),
    after: async () => {},
  };
  await runAll({ one: tests, two: { good: async () => {} } }, "");
  expect(posted.map(({ name, ok }) => [name, ok])).toEqual([
    ["one: good", true],
    ["one: bad", false],
    ["one: loud", false],
    ["one: after", true],
    ["two: good", true],
    [undefined, undefined],
  ]);
  expect(posted[1]?.error).toContain("bad luck");
  expect(posted[2]?.error).toContain("stray");
  expect(posted.at(-1)).toEqual({ done: true });

  posted.length = 0;
  await runAll({ one: tests }, "one: go");
  expect(posted).toHaveLength(2);
});
