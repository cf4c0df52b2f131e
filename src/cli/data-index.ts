/** `loupe data index`: the metadata files of CDO for a folder of images, one for each training mode. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import {
  grouped,
  indexDataset,
  type MetaFile,
  type MetaIndex,
  type Mode,
  metaName,
  modes,
  scanFolder,
} from "../data/index.ts";
import { LoupeError } from "../error.ts";
import { formatTable } from "../report/index.ts";
import type { CommandSpec } from "./command.ts";
import { defined } from "./defined.ts";
import { writeWhole } from "./files.ts";
import { reportFindings } from "./findings.ts";
import { flag, whole } from "./flags.ts";
import { classes, layout, output, testFraction } from "./options.ts";

const settings = z.strictObject({
  class: classes,
  layout,
  testFraction,
  seed: flag(whole(0), "seed of what the modes draw; default 0", { value: "number" }),
  mode: flag(
    z.array(z.enum(modes as readonly [Mode, ...Mode[]])).min(1),
    "only the files of these modes; default: all that there are images enough for",
    { value: "mode" },
  ),
  output: output("where the files go; default the data folder"),
  overwrite: flag(z.boolean(), "replace files that are there and differ"),
});

export const dataIndex: CommandSpec = {
  name: "data index",
  arguments: "<folder>",
  summary:
    "Writes metadata files of a data set, as CDO reads them: the images of each training mode",
  description: "The same images and seed give the same files; train with --mode draws the same.",
  examples: [
    "loupe data index data/mvtec_ad",
    "loupe data index my-photos --output splits --mode few_shot4 semi5 --seed 3",
  ],
  settings,
  async run({ args, read, terminal }) {
    const { settings: told } = await read(settings);
    const { class: names, seed = 0, mode: wanted } = told;
    const dataset = await scanFolder(resolve(args[0] as string), {
      seed,
      ...defined({ classes: names, layout: told.layout, testFraction: told.testFraction }),
    });
    reportFindings(dataset.findings, dataset.root, terminal);
    const index = chosen(indexDataset(dataset, seed), wanted);
    for (const [reason, left] of grouped(index.skipped, (skip) => skip.reason)) {
      const names = left.map(({ mode }) => mode).join(", ");
      terminal.warn(`mode${left.length === 1 ? "" : "s"} ${names}: ${reason}`);
    }
    const folder = told.output ?? dataset.root;
    await writeFiles(folder, index.files, told.overwrite ?? false);
    const files = index.files.map(({ name, train, test }) => ({
      file: join(folder, name),
      train,
      test,
    }));
    const { root, layout: kind } = dataset;
    const table = formatTable(files, [{ key: "file" }, { key: "train" }, { key: "test" }]);
    return {
      text: `${root}: ${kind}, ${dataset.classes.join(", ")}\n\n${table}`,
      json: { root, layout: kind, classes: dataset.classes, seed, files, skipped: index.skipped },
    };
  },
};

/** All modes, or those asked for: then each must be possible. */
function chosen({ files, skipped }: MetaIndex, wanted: readonly Mode[] | undefined): MetaIndex {
  if (!wanted) return { files, skipped };
  const short = skipped.find(({ mode }) => wanted.includes(mode));
  if (short) throw new LoupeError("data", `mode ${short.mode}: ${short.reason}`);
  const names = wanted.map(metaName);
  return { files: files.filter(({ name }) => names.includes(name)), skipped: [] };
}

/** A file that is there and differs, perhaps the reference's, is not replaced unasked. */
async function writeFiles(
  folder: string,
  files: readonly MetaFile[],
  overwrite: boolean,
): Promise<void> {
  const differing: string[] = [];
  for (const { name, text } of overwrite ? [] : files) {
    const path = join(folder, name);
    if (existsSync(path) && (await readFile(path, "utf8")) !== text) differing.push(path);
  }
  if (differing.length > 0) {
    const next = "--overwrite replaces them, --output writes elsewhere";
    throw new LoupeError(
      "io",
      `data index: ${differing.join(", ")}: there with other contents; ${next}`,
    );
  }
  for (const { name, text } of files) await writeWhole(join(folder, name), text);
}
