/** `loupe features`: the feature maps that a method sees, as a file another program can check or use. */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { type Device, type Precision, Rng, withPrecision } from "../core/index.ts";
import { normalise, readImage, resize } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import {
  createBackbone,
  FeatureExtractor,
  findBackbone,
  type HostTensor,
  hostTensor,
  readSafetensors,
  type StateDict,
  toFloat32,
  writeSafetensors,
} from "../models/index.ts";
import type { CommandSpec } from "./command.ts";
import { writeWhole } from "./files.ts";
import { flag } from "./flags.ts";
import {
  adapter,
  backbone,
  imageSize,
  memoryLimit,
  output,
  plans,
  precision,
  profile,
  seed,
  weights,
} from "./options.ts";
import { choosePrecision } from "./precision.ts";
import { loadTeacher, type Teacher, withDevice, withWeightsNamed } from "./session.ts";
import { toNCHW, toNHWC } from "./tensor-order.ts";

const text = () => z.string().min(1);
const settings = z.strictObject({
  backbone,
  weights,
  input: flag(
    text(),
    "an image, stretched and normalised as cdo does; or a .safetensors file with a tensor [N, 3, H, W], taken as it is",
    { value: "file" },
  ),
  tensor: flag(text(), "name of the tensor in the input; default: the only one, or `input`", {
    value: "name",
  }),
  imageSize,
  output: output(
    "where the feature maps go: level0, level1, … of [N, C, H, W]",
    "file.safetensors",
  ),
  seed,
  adapter,
  memoryLimit,
  plans,
  precision,
  profile,
});

export const features: CommandSpec = {
  name: "features",
  summary: "Writes the feature maps of a backbone for an image or a tensor",
  description:
    "Tensors in files are NCHW, as PyTorch's. An image becomes 256 × 256 unless --image-size says otherwise.",
  examples: [
    "loupe features --backbone resnet18 --input photo.png --output features.safetensors",
    "loupe features --backbone hrnet_w32 --weights hrnet.pth --input tensor.safetensors --output f.safetensors",
  ],
  settings,
  async run({ read, terminal }) {
    const { settings: told } = await read(settings);
    const { backbone: asked, input, output: target } = told;
    if (asked === undefined || input === undefined || target === undefined) {
      throw new LoupeError("config", "features: --backbone, --input and --output are needed");
    }
    const { name } = findBackbone(asked);
    const images = await readInput(input, told.tensor, told.imageSize);
    const teacher = await loadTeacher(told.weights ?? name, name, terminal);
    const { seed = 1 } = told;
    const levels = await withDevice(told, terminal, (device) => {
      const precision = choosePrecision(told.precision, device, terminal);
      return extract(device, teacher, { name, seed, images, precision });
    });
    const { source, sha256 = "" } = teacher.record;
    const metadata = { backbone: name, weights: source, weights_sha256: String(sha256), input };
    await writeWhole(target, writeSafetensors(levels, new Map(Object.entries(metadata))));
    const shapes = [...levels].map(([level, { shape }]) => ({ name: level, shape }));
    const lines = shapes.map((s) => `${s.name} [${s.shape.join(", ")}]`);
    return {
      text: `${lines.join("\n")}\nwritten to ${target}`,
      json: { output: target, levels: shapes },
    };
  },
};

interface Job {
  /** Of the backbone. */
  readonly name: string;
  readonly seed: number;
  readonly images: Images;
  readonly precision: Precision;
}

/** Channels last. */
interface Images {
  readonly shape: readonly [n: number, h: number, w: number, c: number];
  readonly data: Float32Array;
}

async function extract(device: Device, teacher: Teacher, job: Job): Promise<StateDict> {
  const { name, seed, images, precision } = job;
  const source = teacher.state
    ? { weights: teacher.state }
    : { rng: new Rng(seed).fork("teacher"), zeroInitLast: false };
  using extractor = withWeightsNamed(
    teacher,
    () => new FeatureExtractor(createBackbone(name, { device, ...source })),
  );
  const shapes: (readonly number[])[] = [];
  const maps = await device.read(() => {
    const data = images.data as Float32Array<ArrayBuffer>;
    const input = device.tensor(data, images.shape);
    const levels = withPrecision(precision, () => extractor.forward(input));
    shapes.push(...levels.map(({ shape }) => shape));
    return levels;
  });
  const entries = maps.map((map, i): [string, HostTensor] => {
    const { data, shape } = toNCHW(map as Float32Array, shapes[i] as Images["shape"]);
    return [`level${i}`, hostTensor("f32", shape, data)];
  });
  return new Map(entries);
}

async function readInput(
  path: string,
  tensor: string | undefined,
  size: number | undefined,
): Promise<Images> {
  if (!/\.safetensors$/i.test(path)) {
    if (tensor !== undefined) throw new LoupeError("config", "--tensor: the input is an image");
    const side = size ?? 256;
    const image = resize(await readImage(path), { width: side, height: side }, "bilinear");
    return { shape: [1, side, side, 3], data: normalise(image) };
  }
  if (size !== undefined) {
    throw new LoupeError("config", "--image-size: a tensor is taken as it is; leave it out");
  }
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "there is no such file" : cause.message;
    throw new LoupeError("io", `${path}: can't be read: ${reason}`, { cause });
  });
  return imagesOf(path, readTensors(path, bytes), tensor);
}

function readTensors(path: string, bytes: Uint8Array): StateDict {
  try {
    return readSafetensors(bytes).tensors;
  } catch (cause) {
    if (!(cause instanceof LoupeError)) throw cause;
    throw new LoupeError("data", `${path}: ${cause.message}`, { cause });
  }
}

function imagesOf(path: string, tensors: StateDict, wanted: string | undefined): Images {
  const name = wanted ?? (tensors.size === 1 ? [...tensors.keys()][0] : "input");
  const tensor = tensors.get(name as string);
  if (!tensor) {
    const held = [...tensors.keys()].slice(0, 8).join(", ");
    throw new LoupeError(
      "data",
      `${path}: holds no tensor "${name}"; choose one with --tensor: ${held}`,
    );
  }
  const { shape } = tensor;
  if (shape.length !== 4 || shape[1] !== 3 || shape.some((n) => n < 1)) {
    throw new LoupeError(
      "data",
      `${path}: tensor "${name}" is [${shape.join(", ")}]; images are [N, 3, H, W], normalised`,
    );
  }
  return toNHWC(toFloat32(tensor), shape as unknown as Images["shape"]);
}
