import { expect, test } from "vitest";
import { checkFolder } from "../../src/data/check.ts";
import { scanFolder } from "../../src/data/scan.ts";
import { btadFiles, makePublished, mvtec3dFiles } from "./published.ts";
import { countsOf, expectMasksFit, problemsOf, rowsOf } from "./shown.ts";

test("the RGB images of MVTec 3D-AD are read, everything else is left out in one line", async () => {
  const root = await makePublished(mvtec3dFiles("bagel", "rope"));
  const { dataset, findings } = await checkFolder(root);
  expect([dataset.layout, countsOf(dataset)]).toEqual([
    "mvtec3d",
    { bagel: [4, 2, 4], rope: [4, 2, 4] },
  ]);
  expect(findings).toEqual([
    {
      level: "info",
      file: root,
      message: "only RGB images and masks are read, left out: 30 files",
    },
    { level: "info", file: root, message: "the validation images are not used, left out: 4 files" },
  ]);
  expect(rowsOf(dataset, dataset.test).slice(0, 6)).toEqual([
    ["bagel/test/combined/rgb/000.png", 1, "combined", "bagel/test/combined/gt/000.png"],
    ["bagel/test/combined/rgb/001.png", 1, "combined", "bagel/test/combined/gt/001.png"],
    ["bagel/test/cut/rgb/000.png", 1, "cut", "bagel/test/cut/gt/000.png"],
    ["bagel/test/cut/rgb/001.png", 1, "cut", "bagel/test/cut/gt/001.png"],
    ["bagel/test/good/rgb/000.png", 0, "good", undefined],
    ["bagel/test/good/rgb/001.png", 0, "good", undefined],
  ]);
  await expectMasksFit(dataset);
});

test("one class of MVTec 3D-AD may be the folder itself, and copies may lack point clouds", async () => {
  const files = mvtec3dFiles("bagel").filter(([path]) => /\/(rgb|gt)\//.test(path));
  const root = await makePublished(files);
  const dataset = await scanFolder(`${root}/bagel`);
  expect([dataset.layout, countsOf(dataset)]).toEqual(["mvtec3d", { bagel: [4, 2, 4] }]);
  await expect(scanFolder(root, { classes: ["tire"] })).rejects.toThrow(
    `scan: ${root}: no class "tire"; there is bagel`,
  );
});

test("a mask of MVTec 3D-AD that is missing or left over is told, and defects do not train", async () => {
  const rename = (path: string) => path.replace("test/cut/gt/000", "test/cut/gt/009");
  const files = mvtec3dFiles("bagel").map(([path, bytes]) => [rename(path), bytes] as const);
  const [, picture] = files.find(([path]) => path.endsWith("test/cut/rgb/000.png"))!;
  const root = await makePublished(files, [["bagel/train/cut/rgb/000.PNG", picture]]);
  const dataset = await scanFolder(root);
  expect(problemsOf(dataset).filter((problem) => !problem.startsWith("info"))).toEqual([
    "warning bagel/test/cut/rgb/000.png: no mask of its name, it counts for image scores only: 000_mask.* or 000.*",
    "warning bagel/train/cut/rgb/000.PNG: only train/good is used for training, left out",
    "warning bagel/test/cut/gt/009.png: mask without an image of its name, left out",
  ]);
  expect(rowsOf(dataset, dataset.test)[3]).toEqual([
    "bagel/test/cut/rgb/001.png",
    1,
    "cut",
    "bagel/test/cut/gt/001.png",
  ]);
});

test("BTAD is read with its three pairs of endings, and masks of three channels count", async () => {
  const root = await makePublished(btadFiles());
  const { dataset, classes, findings } = await checkFolder(root);
  expect([dataset.layout, findings]).toEqual(["btad", []]);
  expect(countsOf(dataset)).toEqual({ "01": [4, 2, 2], "02": [4, 2, 2], "03": [4, 2, 2] });
  expect(classes.map(({ sizes }) => Object.keys(sizes).join())).toEqual([
    "48x48",
    "48x48",
    "48x36",
  ]);
  expect(rowsOf(dataset, dataset.test).filter(([, label]) => label === 1)).toEqual([
    ["01/test/ko/0002.bmp", 1, "ko", "01/ground_truth/ko/0002.png"],
    ["01/test/ko/0003.bmp", 1, "ko", "01/ground_truth/ko/0003.png"],
    ["02/test/ko/0002.png", 1, "ko", "02/ground_truth/ko/0002.png"],
    ["02/test/ko/0003.png", 1, "ko", "02/ground_truth/ko/0003.png"],
    ["03/test/ko/0002.bmp", 1, "ko", "03/ground_truth/ko/0002.bmp"],
    ["03/test/ko/0003.bmp", 1, "ko", "03/ground_truth/ko/0003.bmp"],
  ]);
  await expectMasksFit(dataset);
});

test("a missing mask and upper-case endings of BTAD shift nothing", async () => {
  const files = btadFiles()
    .filter(([path]) => path !== "01/ground_truth/ko/0002.png")
    .map(([path, bytes]) => [path.replace(".bmp", ".BMP"), bytes] as const);
  const root = await makePublished(files);
  const dataset = await scanFolder(root, { classes: ["01"] });
  expect(rowsOf(dataset, dataset.test).map((row) => row[3])).toEqual([
    undefined,
    "01/ground_truth/ko/0003.png",
    undefined,
    undefined,
  ]);
  expect(problemsOf(dataset)[0]).toBe(
    "warning 01/test/ko/0002.BMP: no mask of its name, it counts for image scores only: 0002_mask.* or 0002.*",
  );
  expect((await scanFolder(`${root}/01`)).layout).toBe("btad");
});
