/**
 * The JSON of a class of Real-IAD: `{ meta: { prefix, normal_class }, train: [entry], test: [entry] }`, an entry being
 * `{ category, anomaly_class, image_path, mask_path }` with paths from the folder that `prefix` names.
 */
import type { Folder } from "../dataset.ts";
import { listError, pathBelow, readList, shown } from "./lists.ts";

/** One entry. `defect` is absent for a normal image; `place`: `test entry 17`, counted from 1; paths below the class folder. */
export type RealiadEntry = {
  readonly place: string;
  readonly image: string;
  readonly defect?: string;
  readonly mask?: string;
};

/** A list; `prefix`: the folder of the class without slashes at its ends. */
export type RealiadList = {
  readonly prefix: string;
  readonly train: readonly RealiadEntry[];
  readonly test: readonly RealiadEntry[];
};

type Fail = (message: string) => Error;

/** Reads and checks a list. Throws `LoupeError("data")` naming the file and the entry. */
export async function readRealiadList(
  folder: Folder,
  file: string,
  className: string,
): Promise<RealiadList> {
  const text = await readList(folder, file);
  const fail: Fail = (message) =>
    listError(folder, file, `${message}; correct it or download the list again`);
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    throw listError(folder, file, `it is not JSON (${String(cause)}); download it again`, {
      cause,
    });
  }
  const root = objectAt(whole, "the file", fail);
  const meta = root.meta === undefined ? {} : objectAt(root.meta, "meta", fail);
  const given = textAt(meta.prefix ?? `${className}/`, "meta.prefix", fail);
  const normal = textAt(meta.normal_class ?? "OK", "meta.normal_class", fail);
  const prefix = given === "" ? "" : pathBelow("", given);
  if (prefix === undefined)
    throw fail(`meta.prefix must be a folder below the images, got "${given}"`);
  const entries = (name: "train" | "test") => {
    const list = root[name];
    if (!Array.isArray(list)) throw fail(`${name} must be a list of entries, got ${shown(list)}`);
    return list.map((entry, i) => entryOf(entry, `${name} entry ${i + 1}`, normal, fail));
  };
  return { prefix, train: entries("train"), test: entries("test") };
}

function entryOf(value: unknown, place: string, normal: string, fail: Fail): RealiadEntry {
  const entry = objectAt(value, place, fail);
  const kind = textAt(entry.anomaly_class, `${place}: anomaly_class`, fail);
  if (kind === "") throw fail(`${place}: anomaly_class is empty`);
  const image = pathAt(entry.image_path, `${place}: image_path`, fail);
  if (kind === normal) return { place, image };
  const named = entry.mask_path ?? "";
  if (named === "") return { place, image, defect: kind };
  return { place, image, defect: kind, mask: pathAt(named, `${place}: mask_path`, fail) };
}

function objectAt(value: unknown, what: string, fail: Fail): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw fail(`${what} must be an object, got ${shown(value)}`);
}

function textAt(value: unknown, what: string, fail: Fail): string {
  if (typeof value === "string") return value;
  throw fail(`${what} must be text, got ${shown(value)}`);
}

function pathAt(value: unknown, what: string, fail: Fail): string {
  const path = pathBelow("", textAt(value, what, fail));
  if (path) return path;
  throw fail(`${what} must be a path below the data set, got ${shown(value)}`);
}
