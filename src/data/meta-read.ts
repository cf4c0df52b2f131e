/**
 * Reads a metadata file of CDO 2025, made by the reference or by `indexDataset`. The file comes from outside: it can name
 * nothing but files that were listed below the root, which no symbolic link leaves.
 */
import { readFile } from "#codec";
import { LoupeError } from "../error.ts";
import type { Dataset, Folder, Sample } from "./dataset.ts";
import type { Finding } from "./finding.ts";
import { baseName, sortedSet } from "./layouts/names.ts";
import { trainable } from "./modes.ts";
import { openFolder } from "./scan.ts";

/** Real-IAD's images twice are about 80 MiB. */
const mostBytes = 128 * 2 ** 20;
const shown = 5;

/**
 * The data set that a metadata file describes, its lists in the order of the file. `classes`: only these.
 * Throws `LoupeError("io")` when file or folder can't be read, `"data"` for what is wrong in it: the first entry that makes
 * no sense, or the number of missing files and the first of them.
 */
export async function readMeta(
  root: string,
  file: string,
  options: { readonly classes?: readonly string[] } = {},
): Promise<Dataset> {
  const text = new TextDecoder().decode(await readFile(file, mostBytes));
  return metaDataset(await openFolder(root), text, file, options.classes);
}

/** As `readMeta`, from the text of the file. `file` is its name, for messages. */
export function metaDataset(
  folder: Folder,
  text: string,
  file: string,
  wanted?: readonly string[],
): Dataset {
  const reader = new Reader(folder, file);
  const { train, test } = reader.parse(text);
  const found = sortedSet([...train.keys(), ...test.keys()]);
  if (found.length === 0) throw reader.error("it names no class; is it the right file?");
  const strange = wanted?.find((name) => !found.includes(name));
  if (strange !== undefined) {
    throw reader.error(`no class "${strange}"; there is ${found.join(", ")}`);
  }
  const classes = found.filter((name) => wanted?.includes(name) ?? true);
  const samples = (lists: ReadonlyMap<string, readonly Entry[]>) =>
    classes.flatMap((name) => (lists.get(name) ?? []).map((entry) => reader.sample(name, entry)));
  const lists = { train: samples(train), test: samples(test) };
  reader.requireFiles();
  const { samples: used, findings } = trainable(lists.train);
  const twice = [...repeated(used), ...repeated(lists.test)];
  const noticed = [...folder.findings, ...findings, ...twice];
  return {
    root: folder.root,
    layout: "meta",
    classes,
    train: used,
    test: lists.test,
    findings: noticed,
  };
}

function repeated(samples: readonly Sample[]): Finding[] {
  const seen = new Set<string>();
  const again = samples.filter(({ path }) => seen.size === seen.add(path).size);
  const message = "named more than once in a list, each time it counts";
  return again.map(({ path }) => ({ level: "warning", file: path, message }));
}

/** One entry, with the words for its place. */
type Entry = { readonly at: string; readonly value: Readonly<Record<string, unknown>> };

class Reader {
  readonly #folder: Folder;
  readonly #file: string;
  readonly #known: ReadonlySet<string>;
  readonly #missing = new Set<string>();

  constructor(folder: Folder, file: string) {
    this.#folder = folder;
    this.#file = file;
    this.#known = new Set(folder.files);
  }

  error(rule: string): LoupeError {
    return new LoupeError("data", `meta: ${this.#file}: ${rule}`);
  }

  parse(text: string): Record<"train" | "test", Map<string, Entry[]>> {
    const value = this.#json(text);
    const form = '{ "train": { class: [entries] }, "test": … }';
    if (!isObject(value)) throw this.error(`must be ${form}, got ${show(value)}`);
    const part = (name: "train" | "test") => {
      const lists = value[name];
      if (!isObject(lists)) {
        throw this.error(`${name} must be an object of classes as in ${form}, got ${show(lists)}`);
      }
      return new Map(
        Object.entries(lists).map(([key, list]) => [key, this.#list(name, key, list)]),
      );
    };
    return { train: part("train"), test: part("test") };
  }

  #json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new LoupeError("data", `meta: ${this.#file}: is not JSON: ${reason}`, { cause });
    }
  }

  #list(part: string, name: string, list: unknown): Entry[] {
    const where = `${part}, class ${show(name)}`;
    if (name === "") throw this.error(`${where}: a class needs a name`);
    if (!Array.isArray(list)) throw this.error(`${where}: must be a list, got ${show(list)}`);
    return list.map((value: unknown, i) => {
      const at = `${where}, entry ${i + 1}`;
      if (!isObject(value)) throw this.error(`${at}: must be an object, got ${show(value)}`);
      return { at, value };
    });
  }

  sample(className: string, { at, value }: Entry): Sample {
    const { img_path: image, mask_path: mask = "", cls_name: own = className } = value;
    const { specie_name: kind = "", anomaly } = value;
    if (own !== className)
      throw this.error(`${at}: cls_name is ${show(own)}, not that of its list`);
    if (anomaly !== 0 && anomaly !== 1) {
      throw this.error(`${at}: anomaly must be 0 or 1, got ${show(anomaly)}`);
    }
    if (typeof kind !== "string") {
      throw this.error(`${at}: specie_name must be a text, got ${show(kind)}`);
    }
    const path = this.#path(at, "img_path", image);
    if (anomaly === 0) return { path, label: 0, defect: "good", className };
    const sample = { path, label: 1, defect: kind || "defective", className } as const;
    return mask === "" ? sample : { ...sample, maskPath: this.#path(at, "mask_path", mask) };
  }

  /** A path below the root; whether the file is there is said for all of them at once. */
  #path(at: string, key: string, value: unknown): string {
    if (typeof value !== "string" || value === "") {
      throw this.error(`${at}: ${key} must be a path, got ${show(value)}`);
    }
    const parts = value.split(/[/\\]/);
    const absolute = parts[0] === "" || /^[A-Za-z]:/.test(value);
    if (absolute || parts.includes("..")) {
      const rule = "must lie in the folder of the data set and be relative to it";
      throw this.error(`${at}: ${key} ${rule}, got ${show(value)}`);
    }
    const joined = (names: readonly string[]) =>
      names.filter((part) => part !== "" && part !== ".").join("/");
    const own = joined(value.split("/"));
    const path = this.#known.has(own) ? own : joined(parts); // Windows separates by backslashes
    if (!this.#known.has(path)) this.#missing.add(path);
    return `${this.#folder.root}/${path}`;
  }

  /** Throws `data` naming files that are not there, or that only a symbolic link out of the folder leads to. */
  requireFiles(): void {
    const { root, findings } = this.#folder;
    if (this.#missing.size === 0) return;
    const why = (path: string) => {
      const file = `${root}/${path}`;
      const above = findings.find((f) => file === f.file || file.startsWith(`${f.file}/`));
      return above ? `${show(path)} (${above.message})` : show(path);
    };
    const first = [...this.#missing].slice(0, shown).map(why).join(", ");
    const more = this.#missing.size > shown ? ` and ${this.#missing.size - shown} more` : "";
    const many =
      this.#missing.size === 1 ? "1 file it names is" : `${this.#missing.size} files it names are`;
    const next = `is ${baseName(root)} the folder it was made for?`;
    throw this.error(`${many} not in ${root}: ${first}${more}; ${next}`);
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value in a message; long ones are cut. */
function show(value: unknown): string {
  const text = Array.isArray(value)
    ? "a list"
    : isObject(value)
      ? "an object"
      : JSON.stringify(value);
  if (text === undefined) return "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
