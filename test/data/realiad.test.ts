import { expect, test } from "vitest";
import { checkFolder } from "../../src/data/check.ts";
import { readDataset, scanFolder } from "../../src/data/scan.ts";
import {
  makePublished,
  type RealiadLists,
  realiadFiles,
  realiadJsons,
  type TreeFile,
} from "./published.ts";
import { countsOf, expectMasksFit, problemsOf, rowsOf } from "./shown.ts";

const { files, lists } = realiadFiles();
const json = (contents: unknown): TreeFile => {
  const text = typeof contents === "string" ? contents : JSON.stringify(contents);
  return ["realiad_jsons/realiad_jsons/audiojack.json", text];
};
const only = (...names: string[]): RealiadLists =>
  Object.fromEntries(names.map((name) => [name, lists[name]!]));

test("Real-IAD is read as its JSON says, and a defect that a view hides is normal", async () => {
  const root = await makePublished(files, realiadJsons(only("realiad_jsons")));
  const { dataset, findings } = await checkFolder(root);
  expect([dataset.layout, countsOf(dataset)]).toEqual(["realiad", { audiojack: [5, 7, 8] }]);
  expect(findings.filter(({ level }) => level !== "info")).toEqual([]);
  await expectMasksFit(dataset);
  const hidden = dataset.test.filter(({ path }) => /NG.*S0065.*_C[34]_/.test(path));
  expect(
    hidden.map(({ label, defect, maskPath, view, sampleId }) => {
      return [label, defect, maskPath, view, sampleId];
    }),
  ).toEqual([
    [0, "good", undefined, "C3", "NG/AK/S0065"],
    [0, "good", undefined, "C4", "NG/AK/S0065"],
  ]);
  const stem = "realiad_64/audiojack/NG/AK/S0065/audiojack_0065_NG_AK_C1_20230925164811";
  expect(rowsOf(dataset, dataset.test)[0]).toEqual([`${stem}.jpg`, 1, "AK", `${stem}.png`]);
  expect(new Set(dataset.test.map(({ sampleId }) => sampleId))).toEqual(
    new Set(["OK/S0002", "NG/HS/S0064", "NG/AK/S0065"]),
  );
  expect(dataset.train.map(({ view }) => view)).toEqual(["C1", "C2", "C3", "C4", "C5"]);
});

test("each set of lists is a layout, the standard one is the default, a single other one is found", async () => {
  const root = await makePublished(files, realiadJsons(lists));
  expect(countsOf(await scanFolder(root))).toEqual({ audiojack: [5, 7, 8] });
  const top = await scanFolder(root, { layout: "realiad_sv" });
  expect([top.layout, countsOf(top)]).toEqual(["realiad_sv", { audiojack: [1, 1, 2] }]);
  expect(problemsOf(top)).toEqual([
    "info .: images and masks that the lists do not name or mark, left out: 22 files",
  ]);
  const alone = await makePublished(files, realiadJsons(only("realiad_jsons_sv")));
  expect((await scanFolder(alone)).layout).toBe("realiad_sv");
  const two = await makePublished(
    files,
    realiadJsons(only("realiad_jsons_sv", "realiad_jsons_fuiad_0.4")),
  );
  await expect(scanFolder(two)).rejects.toThrow(
    "there is no realiad_jsons/<class>.json and no <class>.json beside the images; " +
      "choose --layout realiad_fuiad_0.4 or realiad_sv",
  );
});

test("defects among the training images of a fuiad list train as normal, known by their kind", async () => {
  const root = await makePublished(files, realiadJsons(lists));
  const dataset = await scanFolder(root, { layout: "realiad_fuiad_0.4" });
  expect(countsOf(dataset)).toEqual({ audiojack: [10, 5, 5] });
  expect(dataset.train.every(({ label, maskPath }) => label === 0 && !maskPath)).toBe(true);
  const impure = dataset.train.filter(({ contaminated }) => contaminated);
  expect(impure.map(({ defect, view }) => [defect, view])).toEqual([
    ["AK", "C1"],
    ["AK", "C2"],
    ["AK", "C5"],
  ]);
  expect(problemsOf(dataset)[1]).toBe(
    "info realiad_jsons/realiad_jsons_fuiad_0.4/audiojack.json: training images that show a defect " +
      "count as normal, as this list means it: 3 of 10 of audiojack",
  );
});

test("the class folder may be there twice, the JSON may lie beside the images, either may be the root", async () => {
  const double = realiadFiles("audiojack", "realiad_256/audiojack/audiojack");
  const nested = await makePublished(double.files, realiadJsons(only("realiad_jsons")));
  expect(countsOf(await scanFolder(nested))).toEqual({ audiojack: [5, 7, 8] });
  const [[, text]] = realiadJsons(only("realiad_jsons")) as [TreeFile];
  for (const place of ["realiad_64", "realiad_64/audiojack"]) {
    const root = await makePublished(files, [[`${place}/audiojack.json`, text]]);
    expect(countsOf(await scanFolder(root))).toEqual({ audiojack: [5, 7, 8] });
    expect(countsOf(await scanFolder(`${root}/${place}`))).toEqual({ audiojack: [5, 7, 8] });
  }
});

test("a prefix may be empty, with the class in every path", async () => {
  const set = lists.realiad_jsons!;
  const named = (entries: typeof set.train) =>
    entries.map((entry) => ({
      ...entry,
      image_path: `audiojack/${entry.image_path}`,
      mask_path: entry.mask_path && `./audiojack/${entry.mask_path}`,
    }));
  const list = { meta: { prefix: "" }, train: named(set.train), test: named(set.test) };
  const dataset = await scanFolder(await makePublished(files, [json(list)]));
  expect(countsOf(dataset)).toEqual({ audiojack: [5, 7, 8] });
  await expectMasksFit(dataset);
});

test("lists without any of their images are an error", async () => {
  const root = await makePublished(realiadJsons(lists));
  await expect(scanFolder(root)).rejects.toThrow(
    "none of its 3 files is an image at a place of layout realiad; expected realiad_jsons/<class>.json",
  );
});

test("of two resolutions the smaller is read, with a warning", async () => {
  const large = realiadFiles("audiojack", "realiad_1024/audiojack");
  const root = await makePublished(files, large.files, realiadJsons(only("realiad_jsons")));
  const dataset = await scanFolder(root);
  expect(dataset.test.every(({ path }) => path.startsWith(`${root}/realiad_64/`))).toBe(true);
  expect(problemsOf(dataset).find((problem) => problem.startsWith("warning"))).toBe(
    "warning realiad_1024/audiojack: the images are there more than once, these are not used " +
      "(give each set a folder of its own): audiojack is read from realiad_64/audiojack",
  );
});

test("several classes come in code-point order, one that is not downloaded is left out, one can be chosen", async () => {
  const zipper = realiadFiles("zipper__a");
  const jsons = [
    ...realiadJsons(zipper.lists, "zipper__a"),
    ...realiadJsons(lists),
    ...realiadJsons(lists, "absent"),
  ];
  const root = await makePublished(zipper.files, files, jsons);
  const dataset = await scanFolder(root);
  expect(countsOf(dataset)).toEqual({ audiojack: [5, 7, 8], zipper__a: [5, 7, 8] });
  expect(dataset.classes).toEqual(["audiojack", "zipper__a"]);
  expect(problemsOf(dataset)).toContain(
    "info realiad_jsons/realiad_jsons/absent.json: a class without any of its images, left out: absent",
  );
  const one = await scanFolder(root, { classes: ["zipper__a"] });
  expect(countsOf(one)).toEqual({ zipper__a: [5, 7, 8] });
  await expect(scanFolder(root, { classes: ["absent"] })).rejects.toThrow(
    'absent.json: none of the images of class "absent" is in the folder',
  );
  await expect(scanFolder(root, { classes: ["jack"] })).rejects.toThrow(
    `scan: ${root}: no class "jack"; there is absent, audiojack, zipper__a`,
  );
});

test("a listed image that is not there is an error with its entry, a mask a warning", async () => {
  const gone = [lists.realiad_jsons!.test[1]!.image_path, lists.realiad_jsons!.test[5]!.mask_path];
  const rest = files.filter(([path]) => !gone.some((end) => path.endsWith(end!)));
  const dataset = await scanFolder(await makePublished(rest, realiadJsons(only("realiad_jsons"))));
  expect(countsOf(dataset)).toEqual({ audiojack: [5, 6, 8] });
  const [missing, unmasked] = problemsOf(dataset).filter((problem) => !problem.startsWith("info"));
  expect(missing).toMatch(
    /^error realiad_64\/audiojack\/OK\/S0002\/\S+_C2_\d+\.jpg: a list .* not there.*: realiad_jsons\/realiad_jsons\/audiojack.json, test entry 2$/,
  );
  expect(unmasked).toMatch(
    /^warning \S+S0064\/\S+_C1_\d+\.jpg: its mask is not there, it counts for image scores only: NG\/HS\/S0064\/\S+.png$/,
  );
});

test.each([
  [
    { image_path: "../../secret.jpg" },
    'image_path must be a path below the data set, got "../../secret.jpg"',
  ],
  [
    { image_path: "/etc/passwd" },
    'image_path must be a path below the data set, got "/etc/passwd"',
  ],
  [{ image_path: 7 }, "image_path must be text, got 7"],
  [
    { mask_path: "NG/../../a.png", anomaly_class: "AK" },
    "mask_path must be a path below the data set",
  ],
  [{ mask_path: ["a"], anomaly_class: "AK" }, "mask_path must be text, got a list"],
  [{ anomaly_class: null }, "anomaly_class must be text, got null"],
  [{ anomaly_class: "" }, "anomaly_class is empty"],
])("an entry that makes no sense is refused with its number: %j", async (wrong, message) => {
  const [first, second] = lists.realiad_jsons!.test;
  const root = await makePublished(files, [
    json({ train: [], test: [first, { ...second, ...wrong }] }),
  ]);
  await expect(scanFolder(root)).rejects.toThrow(
    `scan: ${root}/realiad_jsons/realiad_jsons/audiojack.json: test entry 2: ${message}`,
  );
});

test.each([
  ["{", "it is not JSON ("],
  [[], "the file must be an object, got a list"],
  [{ test: [] }, "train must be a list of entries, got nothing"],
  [
    { meta: { prefix: "../x/" }, train: [], test: [] },
    'meta.prefix must be a folder below the images, got "../x/"',
  ],
  [{ meta: { normal_class: 0 }, train: [], test: [] }, "meta.normal_class must be text, got 0"],
  [{ train: [3], test: [] }, "train entry 1 must be an object, got 3"],
])("a JSON that is no list is refused: %j", async (contents, message) => {
  const root = await makePublished(files, [json(contents)]);
  await expect(scanFolder(root)).rejects.toThrow(message);
});

test("without any JSON nothing is guessed from the folders", async () => {
  await expect(scanFolder(await makePublished(files))).rejects.toThrow(
    "Real-IAD needs its lists, and there is no realiad_jsons/<class>.json and no <class>.json beside " +
      "the images; copy them into the folder; labels can't be told from paths",
  );
});

test("150 000 files are sorted in seconds", async () => {
  const entries = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => {
      const id = String(from + Math.floor(i / 5)).padStart(4, "0");
      const image_path = `OK/S${id}/c_${id}_OK_C${(i % 5) + 1}_2023.jpg`;
      return { category: "c", anomaly_class: "OK", image_path, mask_path: null };
    });
  const names = Array.from({ length: 30 }, (_, i) => `class${i}`);
  const list = new TextEncoder().encode(
    JSON.stringify({ train: entries(1500, 0), test: entries(3500, 300) }),
  );
  const images = [...entries(1500, 0), ...entries(3500, 300)].map((entry) => entry.image_path);
  const folder = {
    root: "/r",
    files: names.flatMap((name) => [
      ...images.map((path) => `realiad_256/${name}/${path}`),
      `realiad_jsons/realiad_jsons/${name}.json`,
    ]),
    findings: [],
    read: () => Promise.resolve(list),
  };
  const begin = performance.now();
  const dataset = await readDataset(folder);
  expect([dataset.train.length, dataset.test.length]).toEqual([45_000, 105_000]);
  expect(performance.now() - begin).toBeLessThan(20_000);
});
