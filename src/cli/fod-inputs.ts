/** Reference features that FOD's training takes from a file instead of computing them: made once, used for many trainings. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { LoupeError } from "../error.ts";
import { type FodConfig, type ReferenceOrigin, readReference } from "../fod/index.ts";
import { flag } from "./flags.ts";
import type { Inputs, InputsOf } from "./method.ts";
import { safeName } from "./train-folder.ts";

/** Beyond it no file of reference features can be one: 4096 × 4096 images have 1.9 GiB. */
const mostBytes = 2 ** 31;

/** The file of a class in a folder of them. */
export const referenceFile = (folder: string, className: string): string =>
  join(folder, `${safeName(className)}.safetensors`);

export const referenceInputs: Inputs = {
  settings: z.strictObject({
    referenceFeatures: flag(
      z.string().min(1),
      "reference features of `loupe fod reference-features`, a file or a folder of one for each class; default: computed from the training images",
      { value: "file|folder" },
    ),
  }),
  async load(of) {
    const given = of.settings.referenceFeatures;
    if (typeof given !== "string") return undefined;
    const isFolder = (await stat(given).catch(() => undefined))?.isDirectory();
    const path = resolve(isFolder ? referenceFile(given, of.className) : given);
    const bytes = await read(path);
    const { features } = readReference(path, bytes, originOf(of));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { state: features, record: { referenceFeatures: { path, sha256 } } };
  },
};

/** What a file of reference features has to be of. */
export function originOf({
  config,
  className,
  weights,
}: Pick<InputsOf, "config" | "className" | "weights">): ReferenceOrigin {
  const { backbone, imageSize, fit } = config as unknown as FodConfig;
  return { className, backbone, weights, imageSize, fit };
}

async function read(path: string): Promise<Uint8Array> {
  const fail = (reason: string, cause?: unknown) => {
    const next = "make it with `loupe fod reference-features`, or leave it out";
    const text = `${path}: the reference features can't be read: ${reason}; ${next}`;
    return new LoupeError("io", text, { cause });
  };
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw fail(`${size} bytes are too many`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof LoupeError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw fail(code === "ENOENT" ? "there is no such file" : message, cause);
  }
}
