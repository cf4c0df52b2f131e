/** Plans measured earlier: kept whole in one file per adapter, used by the next device, ignored with one warning where unusable. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import {
  conv2d,
  type Device,
  type DeviceOptions,
  keepPlans,
  openDevice,
  parsePlanTable,
  planCachePlace,
  planTable,
} from "../../src/core/index.ts";
import { planPlace } from "../../src/core/planner-store.node.ts";

const folder = mkdtempSync(join(tmpdir(), "loupe-plans-"));
const cache = join(folder, "cache/deep");
const before = process.env.LOUPE_PLANS_DIR;
beforeEach(() => {
  rmSync(join(folder, "cache"), { recursive: true, force: true });
  process.env.LOUPE_PLANS_DIR = cache;
});
afterAll(() => {
  process.env.LOUPE_PLANS_DIR = before;
  rmSync(folder, { recursive: true });
});

/** Opens a device for `use`; returns what was warned of, but for the software adapter. */
async function withDevice(
  use: (device: Device) => void | Promise<void>,
  options: DeviceOptions = {},
): Promise<string[]> {
  const said: string[] = [];
  const device = await openDevice({ onWarning: (text) => said.push(text), ...options });
  try {
    await use(device);
  } finally {
    device.close();
  }
  return said.filter((text) => !text.includes("is a software adapter"));
}

const choices = { "conv2d a": "plain", "matmul b": "handed" };
const keep = async (what = choices): Promise<string> => {
  let place = "";
  await withDevice((device) => {
    place = keepPlans(device, what) ?? "";
  });
  return place;
};

test("what is kept is used by the next device on the same adapter, and only by those that want it", async () => {
  const place = await keep();
  expect(place.startsWith(cache)).toBe(true);
  expect(readdirSync(cache)).toEqual([basename(place)]);
  expect(await withDevice((d) => expect(d.planner.choices).toEqual(choices))).toEqual([]);
  await withDevice((d) => expect(d.planner.choices).toEqual({}), { planTable: "none" });
  const other = await withDevice((d) => expect(planCachePlace(d)).not.toBe(place), {
    subgroups: false,
  });
  expect(other).toEqual([]); // other abilities, another file
});

test("new measurements go over the old ones, and the file is the same for the same choices", async () => {
  const place = await keep();
  const text = readFileSync(place, "utf8");
  await keep({ "matmul b": "handed", "conv2d a": "plain" });
  expect(readFileSync(place, "utf8")).toBe(text);
  await keep({ "conv2d a": "other" } as typeof choices);
  expect(parsePlanTable(place, readFileSync(place, "utf8")).choices).toEqual({
    "conv2d a": "other",
    "matmul b": "handed",
  });
  expect(readdirSync(cache)).toEqual([basename(place)]);
});

test.each([
  ["is cut off", (text: string) => text.slice(0, 100), /is not JSON: /],
  ["is another file", () => "[]", /is no table of plans/],
  [
    "is huge",
    (text: string) => text + " ".repeat(2 ** 20),
    /has \d+ bytes, at most 1048576 are read/,
  ],
  [
    "is of another adapter",
    (text: string) => text.replace(/"driver": "[^"]*"/, '"driver": "\\u001b[2J 565.57"'),
    /ignored: it was measured on "\\u001b\[2J 565\.57", this is "/,
  ],
  [
    "is of other kernels",
    (text: string) => text.replace(/"generation": \d+/, '"generation": 999'),
    /ignored: it was measured with other kernels/,
  ],
])(
  "a kept file that %s is ignored with one warning that names it, and replaced",
  async (_, change, message) => {
    const place = await keep();
    writeFileSync(place, change(readFileSync(place, "utf8")));
    const said = await withDevice((device) => expect(device.planner.choices).toEqual({}));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(message);
    expect(said[0]).toContain(place);
    await keep();
    expect(await withDevice((d) => expect(d.planner.choices).toEqual(choices))).toEqual([]);
  },
);

test("where nothing can be written the error names the file, and half a file is never left", async () => {
  const place = await keep();
  rmSync(place);
  mkdirSync(join(place, "in-the-way"), { recursive: true });
  await withDevice((device) =>
    expect(() => keepPlans(device, choices)).toThrow(`${place}: cannot be written: `),
  );
  expect(readdirSync(cache)).toEqual([basename(place)]);
  const said = await withDevice((d) => expect(d.planner.choices).toEqual({}));
  expect(said).toEqual([`${place}: is not a file (it is ignored)`]);
});

test("kept files lie in the folder asked for, else in the user's cache", () => {
  const place = () => planPlace("plans-x");
  expect(place()).toBe(join(cache, "plans-x.json"));
  const { XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  try {
    delete process.env.LOUPE_PLANS_DIR;
    process.env.XDG_CACHE_HOME = folder;
    expect(place()).toBe(join(folder, "tensorloupe/plans-x.json"));
    delete process.env.XDG_CACHE_HOME;
    process.env.HOME = folder;
    const own = { darwin: "Library/Caches", linux: ".cache" }[process.platform as "linux"];
    if (own) expect(place()).toBe(join(folder, own, "tensorloupe/plans-x.json"));
  } finally {
    for (const [name, value] of Object.entries({ XDG_CACHE_HOME: xdg, HOME: home })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test("a table of one's own is used instead, with a warning where it is from elsewhere", async () => {
  await keep();
  await withDevice(async (device) => {
    const own = planTable(device, { "conv2d a": "own" });
    const use = (d: Device) => expect(d.planner.choices).toEqual({ "conv2d a": "own" });
    expect(await withDevice(use, { planTable: own })).toEqual([]);
    const foreign = { ...own, adapter: { ...own.adapter, name: "RTX 9000" } };
    expect(await withDevice(use, { planTable: foreign })).toEqual([
      `the table of plans may be slow here: it was measured on "RTX 9000", this is "${device.adapter.name}"; \`loupe tune\` makes another`,
    ]);
  });
});

test("plans are forced when a device is opened, and an unknown one is refused where it is asked for", async () => {
  const run = (device: Device) =>
    device.scope(() => conv2d(device.ones([1, 4, 4, 4]), device.ones([1, 1, 4, 4])));
  await withDevice((d) => void run(d).dispose(), { plans: { conv2d: "plain" } });
  await withDevice(
    (d) => void expect(() => run(d)).toThrow(/^conv2d 1x1 4-4 @16 f32: no plan "x"/),
    {
      plans: { conv2d: "x" },
    },
  );
});
