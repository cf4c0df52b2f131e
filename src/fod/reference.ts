/**
 * The reference: at each cell of a level the mean of all training images' tokens. It is summed image by image, on the GPU, and kept
 * under the reference code's names, `layer0` to `layer2` of `[C, h · w]`, in a safetensors file that says what it was made from.
 */
import { add, copyElements, type Device, mul, noGrad, sum, type Tensor } from "../core/index.ts";
import type { Batch } from "../data/index.ts";
import { upload } from "../detector/index.ts";
import { LoupeError } from "../error.ts";
import {
  type HostTensor,
  hostTensor,
  readSafetensors,
  type StateDict,
  toFloat32,
  writeSafetensors,
} from "../models/index.ts";
import { tokensOf } from "./tokens.ts";

/** What reference features depend on besides the images themselves. */
export interface ReferenceOrigin {
  readonly className: string;
  readonly backbone: string;
  /** SHA-256 of the weights' file, or what else tells them from others. */
  readonly weights: string;
  /** Side of the square image, pixels. */
  readonly imageSize: number;
  readonly fit: string;
}

/** A reference and how many images it is the mean of. */
export interface Reference {
  /** `layer<k>`: f32 `[C, h · w]`. */
  readonly features: StateDict;
  readonly images: number;
}

/** The name of a level's features. */
export const layerName = (level: number) => `layer${level}`;

/**
 * Means of the tokens of all images.
 * @param features the frozen network: `[N, S, S, 3]` to its levels, finest first
 * @param levels which of them
 */
export async function streamReference(
  device: Device,
  features: (images: Tensor) => readonly Tensor[],
  levels: readonly number[],
  batches: AsyncIterable<Batch>,
): Promise<Reference> {
  const sums = new Map<number, Tensor>();
  let images = 0;
  try {
    for await (const batch of batches) {
      await device.read(() => {
        const maps = features(upload(device, batch)[0]);
        for (const level of levels) include(sums, level, maps[level] as Tensor);
        return [];
      });
      images += batch.size;
    }
    if (images === 0) {
      throw new LoupeError("data", "fod: reference features need one training image or more");
    }
    const entries = levels.map(async (level): Promise<[string, HostTensor]> => {
      const total = sums.get(level) as Tensor;
      const [mean] = await device.read(() => [mul(total, 1 / images)]);
      return [layerName(level), channelsFirst(mean as Float32Array, total.shape)];
    });
    return { features: new Map(await Promise.all(entries)), images };
  } finally {
    for (const total of sums.values()) total.dispose();
  }
}

/** Adds a batch's tokens to the sum of a level, `[1, L, C]`. */
function include(sums: Map<number, Tensor>, level: number, features: Tensor): void {
  noGrad(() => {
    const more = sum(tokensOf(features), 0, true);
    const sofar = sums.get(level);
    if (sofar) copyElements(add(sofar, more), sofar);
    else sums.set(level, more.keep());
  });
}

function channelsFirst(data: Float32Array, shape: readonly number[]): HostTensor {
  const [, length, channels] = shape as [number, number, number];
  return hostTensor("f32", [channels, length], transposed(data, length, channels));
}

/** `[rows, columns]` to `[columns, rows]`. */
export function transposed(
  data: Float32Array,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] as number;
  }
  return out;
}

/** A file of reference features. */
export function writeReference(
  { features, images }: Reference,
  origin: ReferenceOrigin,
): Uint8Array {
  const { className, imageSize, ...rest } = origin;
  const numbers = { imageSize: String(imageSize), images: String(images) };
  return writeSafetensors(
    features,
    new Map(Object.entries({ class: className, ...rest, ...numbers })),
  );
}

/**
 * Reads a file of reference features and checks that they are those that are wanted.
 * @param file for messages
 * @throws LoupeError `checkpoint` with every value that differs, or for a file that is none of reference features
 */
export function readReference(
  file: string,
  bytes: Uint8Array,
  wanted: ReferenceOrigin,
): Reference & { readonly origin: ReferenceOrigin } {
  const { tensors, metadata } = read(file, bytes);
  const text = (key: string) => metadata.get(key) ?? "unknown";
  const origin: ReferenceOrigin = {
    className: text("class"),
    backbone: text("backbone"),
    weights: text("weights"),
    imageSize: Number(text("imageSize")),
    fit: text("fit"),
  };
  const differing = (Object.keys(labels) as (keyof ReferenceOrigin)[])
    .filter((key) => origin[key] !== wanted[key])
    .map((key) => `${labels[key]} ${shown(origin[key])} instead of ${shown(wanted[key])}`);
  if (differing.length > 0) {
    throw unfit(file, `these reference features are of ${differing.join(", of ")}`);
  }
  if (tensors.size === 0) throw unfit(file, "there are no reference features in it");
  const images = Number(metadata.get("images"));
  return { features: tensors, images: Number.isSafeInteger(images) ? images : 0, origin };
}

const labels: Readonly<Record<keyof ReferenceOrigin, string>> = {
  className: "class",
  backbone: "backbone",
  weights: "weights",
  imageSize: "image size",
  fit: "fit",
};

const shown = (value: string | number) =>
  Number.isNaN(value) ? '"unknown"' : JSON.stringify(value).slice(0, 100);

function read(file: string, bytes: Uint8Array) {
  try {
    return readSafetensors(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("checkpoint", `${file}: ${reason}; ${next}`, { cause });
  }
}

const next =
  "make them with `loupe fod reference-features` for this class, backbone, weights and size";

function unfit(file: string, what: string): LoupeError {
  return new LoupeError("checkpoint", `${file}: ${what}; ${next}`);
}

/**
 * One level's features as tokens, `[L, C]`.
 * @param file for messages
 * @throws LoupeError `checkpoint` where they are missing, of another shape or not finite
 */
export function referenceTokens(
  file: string,
  features: StateDict,
  name: string,
  [length, channels]: readonly [number, number],
): Float32Array<ArrayBuffer> {
  const found = features.get(name);
  if (!found) throw unfit(file, `there are no reference features ${name}`);
  if (found.shape.join() !== [channels, length].join()) {
    const got = `[${found.shape.join(", ")}] instead of [${channels}, ${length}]`;
    throw unfit(file, `reference features ${name} are ${got}`);
  }
  const values = toFloat32(found);
  if (!values.every(Number.isFinite)) {
    throw unfit(file, `reference features ${name} hold numbers that are NaN or infinite`);
  }
  return transposed(values, channels, length);
}
