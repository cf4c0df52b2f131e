import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  fetchWeights,
  findWeights,
  listWeights,
  loadWeights,
  readSafetensors,
  type WeightsEntry,
  weightsHome,
  weightsTable,
} from "../../../src/models/checkpoint/index.ts";
import { fixture } from "./fixtures.ts";

const pth = fixture("plain.pth");
const safe = fixture("plain.safetensors");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let home: string;
let server: Server;
let answer: RequestListener;
let requests: number;
let base: string;

beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), "loupe-weights-")), "cache");
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = (request, response) => response.end(request.url?.endsWith(".pth") ? pth : safe);
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(join(home, ".."), { recursive: true, force: true });
  vi.unstubAllEnvs();
});

function entry(file: string, prefix?: string): WeightsEntry {
  const name = file.replace(/\.[^.]+$/, "");
  return {
    name,
    backbone: name,
    url: `${base}/${file}`,
    file,
    format: file.endsWith(".pth") ? "pth" : "safetensors",
    sha256Prefix: prefix,
    licence: "none",
    parameters: 1,
    note: "",
  };
}

test("weights are fetched once, checked, recorded, and then read from the cache", async () => {
  const table = [entry("a.pth", sha256(pth).slice(0, 8))];
  const first = await loadWeights("a", { table, home });
  expect(first.bytes).toEqual(Buffer.from(pth));
  expect(first.sha256).toBe(sha256(pth));
  await loadWeights("a", { table, home });
  await fetchWeights("a", { table, home });
  expect(requests).toBe(1);
  expect((await readdir(home)).sort()).toEqual(["a.pth", "a.pth.sha256"]);
  expect(await readFile(join(home, "a.pth.sha256"), "utf8")).toBe(`${sha256(pth)}  a.pth\n`);
});

test("progress counts up to the size the server states", async () => {
  const table = [entry("a.pth")];
  const seen: (number | undefined)[][] = [];
  await fetchWeights("a", { table, home, onProgress: (p) => seen.push([p.received, p.total]) });
  expect(seen.at(-1)).toEqual([pth.length, pth.length]);
});

test("a download whose hash does not begin as the publisher says never enters the cache", async () => {
  const table = [entry("a.pth", "00000000")];
  await expect(fetchWeights("a", { table, home })).rejects.toThrow(
    `weights: a: SHA-256 of what ${base}/a.pth sent begins with ${sha256(pth).slice(0, 8)} but a.pth must begin with 00000000`,
  );
  expect(await readdir(home)).toEqual([]);
});

test("a file that changed in the cache is noticed at the next use", async () => {
  const table = [entry("b.safetensors")];
  await fetchWeights("b", { table, home });
  await writeFile(join(home, "b.safetensors"), fixture("dtypes.safetensors"));
  await expect(loadWeights("b", { table, home })).rejects.toThrow(
    `${sha256(safe)} was recorded when it was first used; if the change is wanted, delete ${join(home, "b.safetensors.sha256")}`,
  );
});

test("a publisher's file that changed since the first download is refused", async () => {
  const table = [entry("b.safetensors")];
  await fetchWeights("b", { table, home });
  await rm(join(home, "b.safetensors"));
  answer = (_, response) => response.end(fixture("dtypes.safetensors"));
  await expect(fetchWeights("b", { table, home })).rejects.toThrow(
    "was recorded when it was first",
  );
  expect(await readdir(home)).toEqual(["b.safetensors.sha256"]);
});

test("a file put there by hand is taken without network, checked and recorded", async () => {
  const table = [entry("a.pth", sha256(pth).slice(0, 8)), entry("c.pth", "00000000")];
  await fetchWeights("a", { table, home });
  await rm(join(home, "a.pth.sha256"));
  await writeFile(join(home, "c.pth"), pth);
  server.close();
  server.closeAllConnections();
  const { sha256: hash } = await loadWeights("a", { table, home });
  expect(await readFile(join(home, "a.pth.sha256"), "utf8")).toBe(`${hash}  a.pth\n`);
  await expect(loadWeights("c", { table, home })).rejects.toThrow("must begin with 00000000");
});

test("offline, the message has the reason, the URL and the place for the file", async () => {
  const table = [entry("a.pth")];
  await new Promise((done) => server.close(done));
  const failed = fetchWeights("a", { table, home });
  await expect(failed).rejects.toThrow(/weights: a could not be fetched \(.*ECONNREFUSED/);
  await expect(failed).rejects.toThrow(
    `\n  from ${base}/a.pth\n  offline: download that file elsewhere and put it at ${join(home, "a.pth")}, or pass its path to --weights\n  or without any download: --backbone resnet10_half, whose weights come with the package`,
  );
  await expect(failed).rejects.toMatchObject({ code: "io" });
});

const bad: [string, RequestListener, string][] = [
  ["answers 404", (_, r) => r.writeHead(404).end("no"), "the server answered 404 Not Found"],
  [
    "sends a web page",
    (_, r) => r.end("<html>log in</html>"),
    "sent is no checkpoint, expected pth",
  ],
  ["sends the other format", (_, r) => r.end(safe), "sent is safetensors, expected pth"],
  [
    "breaks off",
    (_, r) => {
      r.writeHead(200, { "content-length": pth.length });
      r.write(pth.subarray(0, 100), () => r.destroy());
    },
    "could not be fetched",
  ],
  ["sends nothing", (_, r) => r.end(), "sent is no checkpoint"],
];
for (const [what, listener, message] of bad) {
  test(`a server that ${what} leaves nothing in the cache`, async () => {
    answer = listener;
    await expect(fetchWeights("a", { table: [entry("a.pth")], home })).rejects.toThrow(message);
    expect(await readdir(home)).toEqual([]);
  });
}

test("an abort stops the download and leaves nothing", async () => {
  const stop = new AbortController();
  answer = (_, response) => {
    response.writeHead(200, { "content-length": 1000 });
    response.write("PK", () => stop.abort());
  };
  const options = { table: [entry("a.pth")], home, signal: stop.signal };
  await expect(fetchWeights("a", options)).rejects.toMatchObject({ name: "AbortError" });
  expect(await readdir(home)).toEqual([]);
});

test("two fetches at once end in one good file", async () => {
  const table = [entry("a.pth")];
  await Promise.all([1, 2, 3].map(() => fetchWeights("a", { table, home })));
  expect((await readdir(home)).sort()).toEqual(["a.pth", "a.pth.sha256"]);
  expect(await readFile(join(home, "a.pth"))).toEqual(Buffer.from(pth));
});

test("the list says what is cached, and touches neither disk nor network", async () => {
  const table = [entry("a.pth"), entry("b.safetensors")];
  expect((await listWeights({ table, home })).map((s) => s.cached)).toEqual([false, false]);
  expect(existsSync(home)).toBe(false);
  await fetchWeights("b", { table, home });
  const [a, b] = await listWeights({ table, home });
  expect([a?.cached, a?.bytes, a?.path]).toEqual([false, undefined, join(home, "a.pth")]);
  expect([b?.cached, b?.bytes, b?.sha256]).toEqual([true, safe.length, sha256(safe)]);
});

test("a path is read as it is, and an unknown name lists the known ones", async () => {
  const table = [entry("a.pth")];
  await fetchWeights("a", { table, home });
  const own = await loadWeights(join(home, "a.pth"), { table, home });
  expect([own.entry, own.bytes.length]).toEqual([undefined, pth.length]);
  await expect(loadWeights("resnet19", { table, home })).rejects.toThrow(
    "weights: resnet19 is neither a file nor a known name (known: a)",
  );
});

test("a damaged record is named instead of being trusted", async () => {
  const table = [entry("a.pth")];
  await fetchWeights("a", { table, home });
  await writeFile(join(home, "a.pth.sha256"), "");
  await expect(loadWeights("a", { table, home })).rejects.toThrow("holds no SHA-256; delete it");
});

test("the cache folder follows LOUPE_WEIGHTS_DIR, then XDG_CACHE_HOME, then the home folder", () => {
  vi.stubEnv("LOUPE_WEIGHTS_DIR", "/x/own");
  vi.stubEnv("XDG_CACHE_HOME", "/x/cache");
  expect(weightsHome()).toBe("/x/own");
  expect(weightsHome({ home: "/y" })).toBe("/y");
  vi.stubEnv("LOUPE_WEIGHTS_DIR", "");
  expect(weightsHome()).toBe("/x/cache/tensorloupe");
  vi.stubEnv("XDG_CACHE_HOME", "");
  vi.stubEnv("HOME", "/x/me");
  expect(weightsHome()).toBe("/x/me/.cache/tensorloupe");
});

test("the table: a backbone's name means torchvision's weights, or HRNet's from timm", () => {
  expect(findWeights("resnet18")?.file).toBe("resnet18-f37072fd.pth");
  expect(findWeights("resnet18.a1_in1k")?.file).toBe("resnet18.a1_in1k.safetensors");
  expect(findWeights("hrnet_w32")?.url).toBe(
    "https://huggingface.co/timm/hrnet_w32.ms_in1k/resolve/main/model.safetensors",
  );
  expect(findWeights("resnet32")).toBeUndefined();
  expect(new Set(weightsTable.map((e) => e.file)).size).toBe(weightsTable.length);
  for (const e of weightsTable.filter((e) => !e.packaged)) {
    expect(e.url).toMatch(
      /^https:\/\/(download\.pytorch\.org\/models|huggingface\.co\/timm|github\.com\/(lukemelas|huggingface))\//,
    );
    // A publisher's hash is known only where its first digits are in the file name.
    const inName = /-([0-9a-f]{8})\.pth$/.exec(e.url as string)?.[1];
    expect(e.sha256Prefix).toBe(inName);
  }
});

test("CFA's and FOD's networks have their names, and hold what the whole published networks do", () => {
  expect(findWeights("vgg19_bn")?.file).toBe("vgg19_bn-c79401a0.pth");
  expect(findWeights("efficientnet_b5")?.url).toBe(
    "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0/efficientnet-b5-b6417697.pth",
  );
  expect(findWeights("tf_efficientnet_b6")?.url).toBe(
    "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b6_aa-80ba17e4.pth",
  );
  expect(findWeights("wide_resnet50_2.racm_in1k")?.backbone).toBe("wide_resnet50_2");
  // what the state dicts of the references hold, and the classifiers
  expect(findWeights("efficientnet_b5")?.parameters).toBe(28_340_784 + 2048 * 1000 + 1000);
  const head = 576 * 2304 + 2 * 2304 + 2304 * 1000 + 1000;
  expect(findWeights("tf_efficientnet_b6")?.parameters).toBe(39_403_992 + head);
  const classifier = 25_088 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000;
  expect(findWeights("vgg19_bn")?.parameters).toBe(20_035_392 + classifier);
});

test("a backbone without published weights is answered with the one that may be meant", async () => {
  await expect(loadWeights("efficientnet_b6", { home })).rejects.toThrow(
    "weights: nobody has published weights of efficientnet_b6; choose backbone tf_efficientnet_b6, which has them, or give a file of your own or `random`",
  );
});

test("the packaged weights need no network and no cache, and are what the table says", async () => {
  vi.stubGlobal("fetch", () => expect.fail("nothing may be fetched"));
  for (const name of ["resnet10_half", "resnet10_half.textures"]) {
    const loaded = await loadWeights(name, { home });
    expect(loaded.entry?.name).toBe("resnet10_half.textures");
    expect(loaded.entry?.sha256Prefix).toBe(loaded.sha256);
    expect(loaded.entry?.url).toBeUndefined();
    const { tensors, metadata } = readSafetensors(loaded.bytes);
    const trained = [...tensors].filter(([tensor]) => !/running/.test(tensor));
    const count = trained.reduce((n, [, { data }]) => n + data.length, 0);
    expect(count).toBe(loaded.entry?.parameters);
    expect(metadata.get("licence")).toBe(loaded.entry?.licence);
    expect(loaded.bytes.length).toBeLessThan(2 ** 20);
  }
  const status = await fetchWeights("resnet10_half", { home });
  expect([status.cached, status.bytes]).toEqual([true, (await readFile(status.path)).length]);
  expect((await listWeights({ home }))[0]).toEqual(status);
  expect(existsSync(home)).toBe(false);
  vi.unstubAllGlobals();
});

test("packaged weights that are missing or damaged are refused", async () => {
  await mkdir(home, { recursive: true });
  const path = join(home, "a.safetensors");
  const hash = sha256(safe);
  const table = [
    { ...entry("a.safetensors", hash), url: undefined, packaged: pathToFileURL(path) },
  ];
  await expect(loadWeights("a", { table })).rejects.toThrow(
    `weights: a should have come with the package but ${path} is missing; install it again`,
  );
  expect((await listWeights({ table }))[0]?.cached).toBe(false);
  await writeFile(path, safe);
  expect((await loadWeights("a", { table })).sha256).toBe(hash);
  await writeFile(path, pth);
  await expect(loadWeights("a", { table })).rejects.toThrow(
    `SHA-256 of ${path} begins with ${sha256(pth)} but a.safetensors must begin with ${hash}`,
  );
});
