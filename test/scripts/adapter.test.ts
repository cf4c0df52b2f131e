/** How setup asks for an adapter, what it remembers of the answer, and the environment it leaves to others. */
import { chmodSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, script } from "./load.ts";

const { fingerprint, isSoftware, nameOf, probe } = await script("setup/adapter.mjs");
const { gpuEnv, privateFolder } = await script("setup/environment.mjs");
const { findSwiftShader } = await script("setup/swiftshader.mjs");
const { readState, writeState } = await script("setup/state.mjs");

function probing(code: string, limit = 10_000) {
  return probe({ EXTRA: "yes" }, join(folderWith({ "probe.mjs": code }), "probe.mjs"), limit);
}

test("the probe's answer is its last line, whatever a driver printed before", () => {
  const answer = { ok: true, description: "A GPU", software: false };
  const code = `console.log("noise"); console.log(${JSON.stringify(JSON.stringify(answer))});`;
  expect(probing(code)).toEqual({ ok: true, name: "A GPU", software: false });
});

test("a driver that crashes, even after its answer, or hangs is no adapter", () => {
  expect(probing('console.log(\'{"ok":true}\'); process.kill(process.pid, "SIGSEGV")')).toEqual({
    ok: false,
    why: "the driver crashed (SIGSEGV)",
  });
  expect(probing("setInterval(() => {}, 1000)", 500)).toEqual({
    ok: false,
    why: "the driver hung for 0.5 s",
  });
});

test("a probe that says nothing is no adapter, and its last words are passed on", () => {
  const { ok, why } = probing('console.error("bad luck"); process.exit(3)');
  expect(ok).toBe(false);
  expect(why).toBe("the probe ended with code 3: bad luck");
});

test("the probe sees the extra variables and a runtime folder", () => {
  const code = `
    const { EXTRA, XDG_RUNTIME_DIR } = process.env;
    console.log(JSON.stringify({ ok: false, why: [EXTRA, Boolean(XDG_RUNTIME_DIR)].join() }));`;
  expect(probing(code).why).toBe("yes,true");
});

test("a CPU that plays a GPU is told from a GPU, and both have a name", () => {
  const llvmpipe = { vendor: "mesa", description: "llvmpipe: Mesa 25.0.7", software: true };
  const gpu = {
    vendor: "nvidia",
    architecture: "hopper",
    device: "h100",
    description: "",
    software: false,
  };
  expect(isSoftware(llvmpipe)).toBe(true);
  expect(isSoftware({ ...llvmpipe, software: false })).toBe(true);
  expect(isSoftware(gpu)).toBe(false);
  expect(nameOf(llvmpipe)).toBe("llvmpipe: Mesa 25.0.7");
  expect(nameOf(gpu)).toBe("nvidia hopper h100");
  expect(nameOf({})).toBe("unnamed");
});

test("the fingerprint changes with the driver files, the webgpu package and the loader's variables only", () => {
  const folder = folderWith({
    "icd/lvp.json": "{}",
    "node_modules/webgpu/package.json": '{"version":"1"}',
  });
  const of = (env = {}, dir = folder) => fingerprint(dir, env, [join(folder, "icd")]);
  const first = of();
  expect(of({ HOME: "/elsewhere" })).toBe(first);
  expect(of({ VK_DRIVER_FILES: "/x.json" })).not.toBe(first);
  expect(of({}, folderWith({ "node_modules/webgpu/package.json": '{"version":"2"}' }))).not.toBe(
    first,
  );
  utimesSync(join(folder, "icd/lvp.json"), 1, 1);
  expect(of()).not.toBe(first);
});

test("SwiftShader is found beside a browser, in playwright's cache and beside CHROME", () => {
  const icd = "vk_swiftshader_icd.json";
  const home = folderWith({
    [`chromium/${icd}`]: "{}",
    [`cache/chromium-1200/chrome-linux/${icd}`]: "{}",
    "cache/firefox-1/firefox/x": "",
    [`mine/${icd}`]: "{}",
  });
  const env = { PLAYWRIGHT_BROWSERS_PATH: join(home, "cache"), CHROME: join(home, "mine/chrome") };
  expect(findSwiftShader(env, [join(home, "nothing"), join(home, "chromium")])).toEqual([
    join(home, "mine", icd),
    join(home, "chromium", icd),
    join(home, "cache/chromium-1200/chrome-linux", icd),
  ]);
  expect(findSwiftShader({ HOME: join(home, "nobody") }, [])).toEqual([]);
});

test("a stored driver file is set, but never over the user's own", () => {
  const state = { env: { VK_DRIVER_FILES: "/swiftshader.json" } };
  const env = { XDG_RUNTIME_DIR: "/run/user/1" };
  expect(gpuEnv(state, env, "linux")).toEqual({ VK_DRIVER_FILES: "/swiftshader.json" });
  expect(gpuEnv(state, { ...env, VK_DRIVER_FILES: "/mine.json" }, "linux")).toEqual({});
  expect(gpuEnv({}, env, "linux")).toEqual({});
});

test("only on Linux a missing runtime folder is replaced by a private one", () => {
  expect(gpuEnv({}, {}, "darwin")).toEqual({});
  expect(gpuEnv({}, { XDG_RUNTIME_DIR: "" }, "linux").XDG_RUNTIME_DIR).toMatch(/tensorloupe-/);
});

test("the private folder is made once, and not shared with who got there first", () => {
  const base = folderWith({});
  const folder = privateFolder(base);
  expect(privateFolder(base)).toBe(folder);
  chmodSync(folder, 0o777);
  expect(privateFolder(base)).not.toBe(folder);

  const trap = folderWith({});
  symlinkSync(folder, join(trap, `tensorloupe-${process.getuid?.()}`));
  expect(privateFolder(trap)).toMatch(/tensorloupe-\w{6}$/);
});

test("what setup remembers is merged; a spoilt file is an empty memory", () => {
  const folder = folderWith({ "node_modules/.tensorloupe.json": "[1" });
  expect(readState(folder)).toEqual({});
  writeState({ a: 1, b: 1 }, folder);
  writeState({ b: 2 }, folder);
  expect(readState(folder)).toEqual({ a: 1, b: 2 });
});
