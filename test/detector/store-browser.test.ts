/** The browser's twin of the store: the same doors, each with a word about what to do instead. */
import { expect, test } from "vitest";
import * as browser from "../../src/detector/store.browser.ts";
import * as node from "../../src/detector/store.node.ts";

test("both stores have the same functions", () => {
  expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort());
});

test("in a browser nothing is there, and whatever needs a folder says so", async () => {
  expect(await browser.exists("run")).toBe(false);
  expect(await browser.isLink("run")).toBe(false);
  expect(await browser.sizeOfFile("run/log.jsonl")).toBe(0);
  expect(browser.joinPath("run", "maps", "a.npy")).toBe("run/maps/a.npy");
  const works = [
    browser.readBytes,
    browser.makeFolder,
    browser.listFolder,
    browser.removeFile,
    browser.removeEmptyFolder,
    (path: string) => browser.writeWhole(path, ""),
    (path: string) => browser.appendLine(path, ""),
  ];
  for (const work of works) {
    await expect(work("run")).rejects.toThrow(
      "run: a browser has no run folders; keep states in memory",
    );
  }
});
