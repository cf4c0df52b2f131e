/**
 * The weights that `--weights` knows by name: where they lie, under which licence, and what is known of their hash. One set comes with
 * the package; the others are published ImageNet weights.
 * torchvision, lukemelas and timm's releases put the first 8 hex digits of the SHA-256 into the file name, so those are checked; for
 * timm's files on Hugging Face no hash is known here, so the hash of the first download is recorded beside the file and checked from
 * then on.
 */
import { LoupeError } from "../error.ts";
import { type CheckpointFormat, sniffCheckpoint } from "./checkpoint/checkpoint.ts";

/** One set of published weights. */
export interface WeightsEntry {
  /** As given to `--weights`: timm's name, with its tag for the training recipe. */
  readonly name: string;
  /** Network the weights belong to; it is also a short name for its first entry in the table. */
  readonly backbone: string;
  /** Where to download it; undefined for weights that come with the package. */
  readonly url: string | undefined;
  /** The file in the package. */
  readonly packaged?: URL;
  /** File name in the cache, or in the package. */
  readonly file: string;
  readonly format: CheckpointFormat;
  /** First hex digits of the SHA-256 that the publisher states, or all of them; undefined where none is stated. */
  readonly sha256Prefix: string | undefined;
  readonly licence: string;
  /** Trained parameters of the whole published network, heads included. */
  readonly parameters: number;
  readonly note: string;
}

const imageNet = "trained on ImageNet-1k, whose own terms ask for non-commercial research use";

function torchvision(
  backbone: string,
  hash: string,
  parameters: number,
  use = "CDO's 2023 code uses",
): WeightsEntry {
  const file = `${backbone}-${hash}.pth`;
  return {
    name: `${backbone}.tv_in1k`,
    backbone,
    url: `https://download.pytorch.org/models/${file}`,
    file,
    format: "pth",
    sha256Prefix: hash,
    licence: "BSD-3-Clause (torchvision)",
    parameters,
    note: `torchvision IMAGENET1K_V1, as ${use}; ${imageNet}`,
  };
}

function timm(
  backbone: string,
  tag: string,
  licence: string,
  parameters: number,
  use: string,
): WeightsEntry {
  const name = `${backbone}.${tag}`;
  return {
    name,
    backbone,
    url: `https://huggingface.co/timm/${name}/resolve/main/model.safetensors`,
    file: `${name}.safetensors`,
    format: "safetensors",
    sha256Prefix: undefined,
    licence,
    parameters,
    note: `${use}; ${imageNet}`,
  };
}

/** A file of a release on GitHub. */
function released(
  [backbone, tag]: readonly [string, string],
  release: string,
  [stem, hash]: readonly [string, string],
  parameters: number,
  use: string,
): WeightsEntry {
  const file = `${stem}-${hash}.pth`;
  return {
    name: `${backbone}.${tag}`,
    backbone,
    url: `https://github.com/${release}/${file}`,
    file,
    format: "pth",
    sha256Prefix: hash,
    licence: "Apache-2.0",
    parameters,
    note: `${use}; ${imageNet}`,
  };
}

const hrnet = "HRNet-C of the paper's authors, as CDO's HRNet teachers";
const recent = "timm's own recipe, as CDO's 2025 code uses";

/** What comes with the package; made by `npm run pretrain`. The folder lies as deep below src/ as below dist/. */
const textures: WeightsEntry = {
  name: "resnet10_half.textures",
  backbone: "resnet10_half",
  url: undefined,
  packaged: new URL("../../weights/resnet10_half.textures.safetensors", import.meta.url),
  file: "resnet10_half.textures.safetensors",
  format: "safetensors",
  sha256Prefix: "14d50bf6b2e93ec5f13ccced93eb973014d6e203d5299ba1df4a31b9f429ccd4",
  licence: "MIT",
  parameters: 311_200,
  note: "our own, trained on procedural textures (npm run pretrain); comes with the package",
};

/** The table. For a bare backbone name the first entry counts. Sizes: 4 bytes a parameter. */
export const weightsTable: readonly WeightsEntry[] = [
  textures,
  torchvision("resnet18", "f37072fd", 11_689_512),
  torchvision("resnet34", "b627a593", 21_797_672),
  torchvision("resnet50", "0676ba61", 25_557_032),
  torchvision("wide_resnet50_2", "95faca4d", 68_883_240, "CDO's 2023 code and CFA use"),
  torchvision("vgg19_bn", "c79401a0", 143_678_248, "CFA uses"),
  released(
    ["efficientnet_b5", "lukemelas"],
    "lukemelas/EfficientNet-PyTorch/releases/download/1.0",
    ["efficientnet-b5", "b6417697"],
    30_389_784,
    "the authors' weights from TensorFlow in lukemelas's names, as CFA uses",
  ),
  released(
    ["tf_efficientnet_b6", "aa_in1k"],
    "huggingface/pytorch-image-models/releases/download/v0.1-weights",
    ["tf_efficientnet_b6_aa", "80ba17e4"],
    43_040_704,
    "the authors' AutoAugment weights from TensorFlow in timm's names, for FOD",
  ),
  timm("hrnet_w18", "ms_in1k", "MIT", 21_299_004, hrnet),
  timm("hrnet_w32", "ms_in1k", "MIT", 41_232_680, hrnet),
  timm("hrnet_w48", "ms_in1k", "MIT", 77_469_864, hrnet),
  timm("resnet18", "a1_in1k", "Apache-2.0", 11_689_512, recent),
  timm("resnet34", "a1_in1k", "Apache-2.0", 21_797_672, recent),
  timm("resnet50", "a1_in1k", "Apache-2.0", 25_557_032, recent),
  timm("wide_resnet50_2", "racm_in1k", "Apache-2.0", 68_883_240, `${recent} and as FOD does`),
];

/** The entry of that name, or the first of that backbone; undefined if the table has neither. */
export function findWeights(
  name: string,
  table: readonly WeightsEntry[] = weightsTable,
): WeightsEntry | undefined {
  return table.find((e) => e.name === name) ?? table.find((e) => e.backbone === name);
}

/** Backbones without published weights, with what may be meant. */
const unpublished: ReadonlyMap<string, string> = new Map([
  ["efficientnet_b6", "tf_efficientnet_b6"],
]);

/** Like `findWeights`, but throws with the list of names. */
export function requireWeights(
  name: string,
  table: readonly WeightsEntry[] = weightsTable,
): WeightsEntry {
  const entry = findWeights(name, table);
  if (entry !== undefined) return entry;
  const near = unpublished.get(name);
  if (near !== undefined) {
    const next = `choose backbone ${near}, which has them, or give a file of your own or \`random\``;
    throw new LoupeError("config", `weights: nobody has published weights of ${name}; ${next}`);
  }
  throw new LoupeError(
    "config",
    `weights: ${name} is neither a file nor a known name (known: ${table.map((e) => e.name).join(", ")})`,
  );
}

/** Options that every function of the cache takes. */
export interface WeightsOptions {
  /** Another table than the built-in one. */
  readonly table?: readonly WeightsEntry[];
  /** Cache folder; otherwise `LOUPE_WEIGHTS_DIR`, `XDG_CACHE_HOME/tensorloupe` or `~/.cache/tensorloupe`. */
  readonly home?: string;
  /** In a browser, the folder of the packaged weights, for bundlers that carry no files along; default: beside the module. */
  readonly assets?: string | URL;
  readonly signal?: AbortSignal;
  /** Called while a download runs. `total` is undefined if the server does not say. */
  readonly onProgress?: (progress: {
    readonly name: string;
    readonly received: number;
    readonly total: number | undefined;
  }) => void;
}

/** An entry and what the cache has of it. */
export interface WeightsStatus {
  readonly entry: WeightsEntry;
  /** Where the file lies, or would lie. */
  readonly path: string;
  /** It is here: in the cache or in the package. */
  readonly cached: boolean;
  /** Bytes of the file that is here. */
  readonly bytes: number | undefined;
  /** Recorded at the first use; of packaged weights the stated one. */
  readonly sha256: string | undefined;
}

/** Weights in memory. */
export interface LoadedWeights {
  /** For messages: the path or the name in the table. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** The table's entry, undefined for a file of the user's own. */
  readonly entry: WeightsEntry | undefined;
}

/** No known weights come near this; a server that sends more is refused. */
const maxDownload = 1 << 30;

function wrong(entry: WeightsEntry, message: string): LoupeError {
  return new LoupeError("checkpoint", `weights: ${entry.name}: ${message}`);
}

/**
 * Checks a file's hash against the publisher's prefix and against the recorded hash. `where` and `record` name the file and the record
 * for the message.
 */
export function checkHash(
  entry: WeightsEntry,
  sha256: string,
  recorded: string | undefined,
  names: { readonly where: string; readonly record: string },
): void {
  const prefix = entry.sha256Prefix;
  if (prefix !== undefined && !sha256.startsWith(prefix)) {
    throw wrong(
      entry,
      `SHA-256 of ${names.where} begins with ${sha256.slice(0, prefix.length)} but ${entry.file} must begin with ${prefix}; the file is damaged or another one, delete it and fetch again`,
    );
  }
  if (recorded !== undefined && recorded !== sha256) {
    throw wrong(
      entry,
      `SHA-256 of ${names.where} is ${sha256} but ${recorded} was recorded when it was first used; if the change is wanted, delete ${names.record}`,
    );
  }
}

/** Refuses what is plainly no checkpoint, such as a login page, before it enters the cache. */
export function checkContent(entry: WeightsEntry, head: Uint8Array): void {
  const format = sniffCheckpoint(head);
  const pth = entry.format !== "safetensors" && format !== undefined && format !== "safetensors";
  if (format === entry.format || pth) return;
  throw wrong(
    entry,
    `what ${entry.url} sent is ${format ?? "no checkpoint"}, expected ${entry.format}; a proxy or a login page may stand in between`,
  );
}

/** Sends the body of `entry.url` to `write`, chunk by chunk, counted and limited. Returns the bytes received. */
export async function download(
  entry: WeightsEntry,
  options: WeightsOptions,
  write: (chunk: Uint8Array) => void | Promise<void>,
): Promise<number> {
  const { url = "" } = entry;
  const response = await fetch(url, options.signal ? { signal: options.signal } : {});
  if (!response.ok || response.body === null)
    throw wrong(entry, `the server answered ${response.status} ${response.statusText}`.trimEnd());
  const encoded = response.headers.get("content-encoding");
  const length = encoded ? null : response.headers.get("content-length");
  const total = length === null ? undefined : Number(length);
  let received = 0;
  const reader = response.body.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      received += chunk.value.length;
      if (received > maxDownload)
        throw wrong(entry, `the server sends more than ${maxDownload} bytes`);
      await write(chunk.value);
      options.onProgress?.({ name: entry.name, received, total });
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  if (total !== undefined && received !== total)
    throw wrong(entry, `the download broke off after ${received} of ${total} bytes; try again`);
  return received;
}

/** The message for a download that failed: what went wrong, and how to do without it. */
export function downloadFailed(entry: WeightsEntry, cause: unknown, put: string): LoupeError {
  const reasons: string[] = [];
  for (let e = cause; e instanceof Error && reasons.length < 3; e = e.cause)
    reasons.push(
      e.message.replace(/^weights: [^:]+: /, "") || String((e as NodeJS.ErrnoException).code),
    );
  return new LoupeError(
    "io",
    `weights: ${entry.name} could not be fetched (${reasons.join(": ") || String(cause)})\n  from ${entry.url}\n  offline: download that file elsewhere and ${put}\n  or without any download: --backbone ${textures.backbone}, whose weights come with the package`,
    { cause },
  );
}
