/**
 * Small copies of published data sets, with their folders, names, lists and mask values, written into a temporary folder:
 * stripes and noise with a disc or a line as defect, the same pixels on every run.
 */
import { encode as encodeBmp } from "fast-bmp";
import jpeg from "jpeg-js";
import { encodePng } from "../../src/data/encode.ts";
import { type Image, makeImage } from "../../src/data/image.ts";
import { type Random, seededRandom } from "../../src/data/random.ts";
import { makeTree } from "./tree.ts";

/** A file of a tree: its path and contents. */
export type TreeFile = readonly [string, Uint8Array | string];
type Scene = { image: Image; mask: Image };

/** A class has its own stripes; `ids` are the grey values of the defects, a disc for the first and a line for the second. */
function scene(name: string, width: number, height: number, ids: readonly number[] = []): Scene {
  const random = seededRandom(...Array.from(name, (letter) => letter.charCodeAt(0)));
  const pitch = 4 + (name.charCodeAt(0) % 5);
  const image = makeImage(width, height, 3);
  const noise = new Uint8Array(width * height * 3);
  random.fill(noise, 0, 40);
  for (let i = 0; i < noise.length; i++) {
    const x = Math.floor(i / 3) % width;
    image.data[i] = noise[i]! + (x % pitch < pitch / 2 ? 150 : 90);
  }
  const mask = makeImage(width, height, 1);
  ids.forEach((id, i) => {
    paste({ image, mask }, id, i === 0 ? disc(random, width, height) : line(random, height));
  });
  return { image, mask };
}

type Inside = (x: number, y: number) => boolean;

function disc(random: Random, width: number, height: number): Inside {
  const [x0, y0] = [random.int(8, width - 8), random.int(14, height - 8)];
  return (x, y) => (x - x0) ** 2 + (y - y0) ** 2 < 36;
}

function line(random: Random, height: number): Inside {
  const y0 = random.int(1, Math.min(6, height));
  return (_, y) => Math.abs(y - y0) < 1.5;
}

function paste({ image, mask }: Scene, id: number, inside: Inside): void {
  for (let i = 0; i < mask.data.length; i++) {
    if (!inside(i % image.width, Math.floor(i / image.width))) continue;
    mask.data[i] = id;
    image.data.fill(20, i * 3, i * 3 + 3);
  }
}

/** A picture in the format of its path's ending. */
function encoded(path: string, { width, height, channels, data }: Image): TreeFile {
  if (/\.png$/i.test(path)) return [path, encodePng(makeImage(width, height, channels, data))];
  if (/\.bmp$/i.test(path)) {
    return [path, encodeBmp({ width, height, data, bitsPerPixel: 24, components: 3, channels: 3 })];
  }
  const rgba = new Uint8Array(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(data.subarray(i * 3, i * 3 + 3), i * 4);
  return [path, jpeg.encode({ width, height, data: rgba }, 90).data];
}

const padded = (i: number, digits: number) => String(i).padStart(digits, "0");

/** MVTec 3D-AD: 64x48, per class 4 train, 2 validation, 2 good, 2 cuts and 2 combined, of which the first holds two ids. */
export function mvtec3dFiles(...names: string[]): TreeFile[] {
  return names.flatMap((name) => {
    const kinds = { "255": "contamination", "254": "cut", "0": "good" };
    const files: TreeFile[] = [
      [`${name}/calibration/camera_parameters.json`, '{"focus": 10}'],
      [`${name}/class_ids.json`, JSON.stringify(kinds)],
      [`${name}/license.txt`, "a licence"],
    ];
    const add = (folder: string, i: number, ids: readonly number[], gt: boolean) => {
      const stem = padded(i, 3);
      const { image, mask } = scene(`${name}${folder}${stem}`, 64, 48, ids);
      files.push(encoded(`${name}/${folder}/rgb/${stem}.png`, image));
      files.push([`${name}/${folder}/xyz/${stem}.tiff`, "II*\0points"]);
      if (gt) files.push(encoded(`${name}/${folder}/gt/${stem}.png`, mask));
    };
    for (let i = 0; i < 4; i++) add("train/good", i, [], false);
    for (let i = 0; i < 2; i++) add("validation/good", i, [], false);
    for (let i = 0; i < 2; i++) {
      add("test/good", i, [], true);
      add("test/cut", i, [254], true);
      add("test/combined", i, i === 0 ? [255, 254] : [255], true);
    }
    return files;
  });
}

/** BTAD: three classes of 4 train, 2 ok and 2 ko, images and masks bmp/png, png/png and bmp/bmp, the last one not square. */
export function btadFiles(): TreeFile[] {
  const classes = [
    ["01", "bmp", "png", 48],
    ["02", "png", "png", 48],
    ["03", "bmp", "bmp", 36],
  ] as const;
  return classes.flatMap(([name, ending, maskEnding, height]) => {
    const files: TreeFile[] = [];
    const add = (folder: string, i: number, ids: readonly number[]) => {
      const stem = padded(i, 4);
      const { image, mask } = scene(`${name}${folder}${stem}`, 48, height, ids);
      files.push(encoded(`${name}/${folder}/${stem}.${ending}`, image));
      if (ids.length === 0) return;
      const shown = maskEnding === "bmp" ? blue(mask) : mask;
      files.push(encoded(`${name}/ground_truth/ko/${stem}.${maskEnding}`, shown));
    };
    for (let i = 0; i < 4; i++) add("train/ok", i, []);
    for (let i = 0; i < 2; i++) add("test/ok", i, []);
    for (let i = 0; i < 2; i++) add("test/ko", i + 2, [200]);
    return files;
  });
}

/** A mask of three channels, only one of which is marked. */
function blue({ width, height, data }: Image): Image {
  const out = makeImage(width, height, 3);
  data.forEach((value, i) => {
    out.data[i * 3 + 2] = value;
  });
  return out;
}

/** VisA: per object 5 normal and 3 anomalous JPEGs, masks with the ids 1 and 3; without its list. */
export function visaFiles(...objects: string[]): TreeFile[] {
  return objects.flatMap((object) => {
    const files: TreeFile[] = [[`${object}/image_anno.csv`, "image,label,mask\n"]];
    for (let i = 0; i < 8; i++) {
      const [folder, stem, ids] =
        i < 5 ? ["Normal", padded(i, 4), []] : ["Anomaly", padded(i - 5, 3), [1, 3]];
      const { image, mask } = scene(`${object}${i}`, 40, 32, ids as number[]);
      files.push(encoded(`${object}/Data/Images/${folder}/${stem}.JPG`, image));
      if (i >= 5) files.push(encoded(`${object}/Data/Masks/Anomaly/${stem}.png`, mask));
    }
    return files;
  });
}

/** The list of `visaFiles`: 3 normal images train, 2 normal and 3 anomalous ones test. */
export function visaList(...objects: string[]): TreeFile {
  const rows = objects.flatMap((object) => [
    ...[0, 1, 2, 3, 4].map((i) => {
      const image = `${object}/Data/Images/Normal/${padded(i, 4)}.JPG`;
      return `${object},${i < 3 ? "train" : "test"},normal,${image},`;
    }),
    ...[0, 1, 2].map((i) => {
      const [image, mask] = [
        `Images/Anomaly/${padded(i, 3)}.JPG`,
        `Masks/Anomaly/${padded(i, 3)}.png`,
      ];
      return `${object},test,anomaly,${object}/Data/${image},${object}/Data/${mask}`;
    }),
  ]);
  return ["split_csv/1cls.csv", `object,split,label,image,mask\n${rows.join("\n")}\n`];
}

export type RealiadEntry = {
  category: string;
  anomaly_class: string;
  image_path: string;
  mask_path: string | null;
};
export type RealiadLists = Record<string, { train: RealiadEntry[]; test: RealiadEntry[] }>;

/**
 * Real-IAD: one class, 2 OK and 2 NG objects of 5 views; of the second NG object the views C3 and C4 show nothing, so they are
 * "OK" and have no mask. `home`: where the images of the class lie.
 */
export function realiadFiles(name = "audiojack", home = `realiad_64/${name}`) {
  const files: TreeFile[] = [];
  const objects = ["OK/S0001", "OK/S0002", "NG/HS/S0064", "NG/AK/S0065"].map((object) => {
    return [1, 2, 3, 4, 5].map((view): RealiadEntry => {
      const parts = object.split("/");
      const kind = parts.slice(0, -1).join("_");
      const stem = `${object}/${name}_${parts.at(-1)!.slice(1)}_${kind}_C${view}_2023092516481${view}`;
      const good = parts[0] === "OK" || (object.endsWith("S0065") && (view === 3 || view === 4));
      const { image, mask } = scene(`${name}${stem}`, 64, 64, good ? [] : [255]);
      files.push(encoded(`${home}/${stem}.jpg`, image));
      if (!good) files.push(encoded(`${home}/${stem}.png`, mask));
      const anomaly = good ? "OK" : parts[1]!;
      return {
        category: name,
        anomaly_class: anomaly,
        image_path: `${stem}.jpg`,
        mask_path: good ? null : `${stem}.png`,
      };
    });
  });
  const [ok1, ok2, scratched, pitted] = objects as [
    RealiadEntry[],
    RealiadEntry[],
    RealiadEntry[],
    RealiadEntry[],
  ];
  const top = (entries: RealiadEntry[]) => entries.slice(0, 1);
  const lists: RealiadLists = {
    realiad_jsons: { train: ok1, test: [...ok2, ...scratched, ...pitted] },
    realiad_jsons_sv: { train: top(ok1), test: [...top(ok2), ...top(scratched), ...top(pitted)] },
    "realiad_jsons_fuiad_0.4": { train: [...ok1, ...pitted], test: [...ok2, ...scratched] },
  };
  return { files, lists };
}

/** The lists as files, by default in the folders in which they are published. */
export function realiadJsons(
  lists: RealiadLists,
  name = "audiojack",
  home = "realiad_jsons/",
): TreeFile[] {
  return Object.entries(lists).map(([set, parts]) => {
    const meta = { prefix: `${name}/`, normal_class: "OK", pre_transform: null };
    return [`${home}${set}/${name}.json`, JSON.stringify({ meta, ...parts })];
  });
}

/** Writes the files; see `makeTree`. */
export const makePublished = (...files: readonly (readonly TreeFile[])[]) => makeTree(files.flat());
