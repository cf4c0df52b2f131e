import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WeightsEntry } from "../../../src/models/checkpoint/index.ts";
import { fetchWeights, listWeights, loadWeights } from "../../../src/models/weights.browser.ts";
import { fixture } from "./fixtures.ts";

const bytes = fixture("plain.safetensors");
const sha256 = createHash("sha256").update(bytes).digest("hex");
const entry: WeightsEntry = {
  name: "a.tag",
  backbone: "a",
  url: "https://weights.example/a.safetensors",
  file: "a.safetensors",
  format: "safetensors",
  sha256Prefix: undefined,
  licence: "none",
  parameters: 1,
  note: "",
};
const table = [entry];

/** What Cache Storage does, in a map. */
let kept: Map<string, Response>;
let sent: Uint8Array | Error;
let requests: number;

beforeEach(() => {
  kept = new Map();
  sent = bytes;
  requests = 0;
  vi.stubGlobal("fetch", async () => {
    requests++;
    if (sent instanceof Error) throw sent;
    return new Response(new Uint8Array(sent));
  });
  vi.stubGlobal("caches", {
    open: async () => ({
      match: async (url: string) => kept.get(url)?.clone(),
      put: async (url: string, response: Response) => void kept.set(url, response),
    }),
  });
});
afterEach(() => vi.unstubAllGlobals());

test("weights are fetched once and then come from Cache Storage with their hash", async () => {
  expect((await listWeights({ table })).map((s) => s.cached)).toEqual([false]);
  const first = await loadWeights("a", { table });
  expect([first.name, first.sha256, first.bytes]).toEqual(["a.tag", sha256, bytes]);
  const status = await fetchWeights("a", { table });
  expect([status.cached, status.bytes, status.sha256]).toEqual([true, bytes.length, sha256]);
  expect(requests).toBe(1);
});

test("a copy that changed is refused", async () => {
  await loadWeights("a", { table });
  const url = entry.url as string;
  const headers = kept.get(url)!.headers;
  kept.set(url, new Response("other", { headers }));
  await expect(loadWeights("a", { table })).rejects.toThrow(
    `SHA-256 of the browser's copy is ${createHash("sha256").update("other").digest("hex")} but ${sha256} was recorded`,
  );
});

test("without Cache Storage, or with a full one, the weights still load", async () => {
  vi.stubGlobal("caches", undefined);
  expect((await loadWeights("a", { table })).sha256).toBe(sha256);
  const full = { match: async () => undefined, put: async () => Promise.reject(new Error("full")) };
  vi.stubGlobal("caches", { open: async () => full });
  expect((await loadWeights("a", { table })).sha256).toBe(sha256);
  expect(requests).toBe(2);
});

test("offline, the message says where to get the file and what to do with it", async () => {
  sent = new TypeError("Failed to fetch");
  await expect(loadWeights("a", { table })).rejects.toThrow(
    `weights: a.tag could not be fetched (Failed to fetch)\n  from ${entry.url}\n  offline: download that file elsewhere and drop it on the page\n  or without any download: --backbone resnet10_half, whose weights come with the package`,
  );
  await expect(loadWeights("./a.safetensors", { table })).rejects.toThrow("neither a file nor a");
});

const packaged: WeightsEntry = {
  ...entry,
  url: undefined,
  packaged: new URL("https://page.example/assets/a.safetensors"),
  sha256Prefix: sha256,
};

test("packaged weights are fetched from beside the module or from the given folder, and checked", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return new Response(new Uint8Array(bytes));
  });
  const loaded = await loadWeights("a", { table: [packaged] });
  expect([loaded.name, loaded.sha256, loaded.bytes]).toEqual(["a.tag", sha256, bytes]);
  await loadWeights("a", { table: [packaged], assets: "https://cdn.example/weights" });
  expect(asked).toEqual([
    "https://page.example/assets/a.safetensors",
    "https://cdn.example/weights/a.safetensors",
  ]);
  expect(kept.size).toBe(0);
  const [status] = await listWeights({ table: [packaged] });
  expect([status?.cached, status?.path, status?.sha256]).toEqual([true, asked[0], sha256]);
  const other = { ...packaged, sha256Prefix: "0".repeat(64) };
  await expect(loadWeights("a", { table: [other] })).rejects.toThrow(
    `SHA-256 of what ${asked[0]} sent begins with ${sha256} but a.safetensors must begin with 000`,
  );
});
