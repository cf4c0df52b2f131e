/**
 * One door for any checkpoint: looks at the bytes, not at the file's name, reads safetensors or either `.pth` container, finds the state
 * dict and takes wrapper prefixes off. What was found, stripped and left out is part of the answer.
 */
import { LoupeError } from "../../error.ts";
import { findState } from "./find-state.ts";
import { type Part, stripPrefixes } from "./prefixes.ts";
import { printable } from "./printable.ts";
import { type PthFile, readLegacyPth, readZipPth } from "./pth.ts";
import { readSafetensors } from "./safetensors.ts";
import type { HostTensor, StateDict } from "./tensor.ts";

/** The containers that are read. */
export type CheckpointFormat = "safetensors" | "pth" | "pth-legacy";

/** A checkpoint's weights, by plain names. */
export interface Checkpoint {
  readonly name: string;
  readonly format: CheckpointFormat;
  readonly state: StateDict;
  /** Where in the file the state dict was: `""` for the file itself, else a key such as `net`. */
  readonly path: string;
  /** Prefixes taken off every name, outermost first, such as `net_s.`, `model.`. */
  readonly stripped: readonly string[];
  /** Which of CDO's two networks this is, where the file's names tell. */
  readonly part: Part | undefined;
  /** Entries of the state dict that were left out, with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
  /** What else the file holds (optimizer, epoch, …), with what it is. Never read. */
  readonly beside: ReadonlyMap<string, string>;
  /** safetensors' `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

const startsWith = (bytes: Uint8Array, text: string, at = 0) =>
  [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));

/** The legacy magic number as pickle writes it: LONG1 of 10 bytes, least significant first. */
const legacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

function isLegacy(bytes: Uint8Array): boolean {
  // Protocol 4 and later put a frame opcode and its 8-byte length in between.
  const at = bytes[2] === 0x95 ? 11 : 2;
  return bytes[0] === 0x80 && startsWith(bytes, legacyMagic, at);
}

/** The format by content, or undefined if it is none that is read. */
export function sniffCheckpoint(bytes: Uint8Array): CheckpointFormat | undefined {
  if (startsWith(bytes, "PK\x03\x04")) return "pth";
  if (isLegacy(bytes)) return "pth-legacy";
  if (bytes[8] === 0x7b) return "safetensors";
  return undefined;
}

/** What a file that can't be read seems to be, with what to do about it. */
function guess(bytes: Uint8Array): string {
  const head = String.fromCharCode(...bytes.subarray(0, 64))
    .trimStart()
    .toLowerCase();
  if (bytes.length === 0) return "it is empty";
  if (head.startsWith("<")) return "it is a web page; download the file itself";
  if (head.startsWith("version https://git-lfs"))
    return "it is a Git LFS pointer; run git lfs pull";
  if (head.startsWith("\x89hdf")) return "it is HDF5 (Keras); convert it to safetensors";
  if (head.startsWith("gguf")) return "it is GGUF; convert it to safetensors";
  if (startsWith(bytes, "ustar", 257))
    return "it is a tar, as torch 0.1 wrote; load and save it again with a newer torch";
  if (bytes[0] === 0x80) return "it is a pickle but not torch's; save it with torch.save";
  const hex = [...bytes.subarray(0, 8)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  return `it begins with ${hex}`;
}

type Unnamed = Omit<Checkpoint, "name">;

function fromSafetensors(bytes: Uint8Array, wanted: Part): Unnamed {
  const { tensors, metadata } = readSafetensors(bytes);
  const { names, stripped, part, other } = stripPrefixes(tensors.keys(), wanted);
  const state: StateDict = new Map();
  for (const [file, name] of names) state.set(name, tensors.get(file) as HostTensor);
  const skipped = new Map(other.map((n) => [n, "the other network"]));
  return {
    format: "safetensors",
    state,
    path: "",
    stripped,
    part,
    skipped,
    beside: new Map(),
    metadata,
  };
}

function fromPth(file: PthFile, wanted: Part): Unnamed {
  const found = findState(file.root);
  const { names, stripped, part, other } = stripPrefixes(found.tensors.keys(), wanted);
  const state: StateDict = new Map();
  for (const [inFile, name] of names)
    state.set(name, file.tensors.read(found.tensors.get(inFile)!, inFile));
  const skipped = new Map(found.skipped);
  for (const n of other) skipped.set(n, "the other network");
  return {
    format: file.format,
    state,
    path: found.path,
    stripped,
    part,
    skipped,
    beside: found.beside,
    metadata: new Map(),
  };
}

/**
 * Reads a checkpoint from its bytes: safetensors, PyTorch's zip or its older stream. `name` is for messages; `part` chooses a network
 * where a file holds both of CDO's. Tensors are views into `bytes` where possible. Throws `LoupeError("checkpoint")` on anything
 * damaged, unknown or unsafe.
 */
export function readCheckpoint(
  bytes: Uint8Array,
  options: { readonly name?: string; readonly part?: Part } = {},
): Checkpoint {
  const { name = "checkpoint", part = "student" } = options;
  try {
    const format = sniffCheckpoint(bytes);
    if (format === "safetensors") return { name, ...fromSafetensors(bytes, part) };
    if (format === "pth") return { name, ...fromPth(readZipPth(bytes), part) };
    if (format === "pth-legacy") return { name, ...fromPth(readLegacyPth(bytes), part) };
  } catch (error) {
    if (!(error instanceof LoupeError)) throw error;
    throw new LoupeError(error.code, `${name}: ${printable(error.message, 1000)}`, {
      cause: error,
    });
  }
  throw new LoupeError(
    "checkpoint",
    `${name}: not a checkpoint: ${guess(bytes)} (known: .safetensors, and .pth/.pt as torch.save writes them)`,
  );
}
