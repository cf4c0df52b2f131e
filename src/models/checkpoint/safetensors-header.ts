/**
 * The JSON header of a safetensors file, checked. `JSON.parse` alone would let the last of two equal keys win and would follow any
 * nesting, so one pass over the text refuses both before it parses.
 */
import { LoupeError } from "../../error.ts";

/** One tensor's entry; offsets count from the end of the header. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function fail(message: string): never {
  throw new LoupeError("checkpoint", `safetensors: ${message}`);
}

/** Index behind the string that opens at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x5c) i++;
    else if (c === 0x22) return i + 1;
  }
  return text.length;
}

/** The deepest the format goes: header, tensor, shape. */
const maxDepth = 3;

function checkNesting(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let lastString = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      const end = endOfString(text, i);
      lastString = text.slice(i, end);
      i = end - 1;
    } else if (c === "{" || c === "[") {
      open.push(c === "{" ? new Set() : undefined);
      if (open.length > maxDepth) fail(`the header nests deeper than ${maxDepth} levels`);
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === ":") {
      const key = JSON.parse(lastString) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) fail(`the header has the key ${JSON.stringify(key)} twice`);
      keys?.add(key);
    }
  }
}

function parseJson(text: string): object {
  if (!text.startsWith("{")) fail("the header does not begin with {");
  try {
    checkNesting(text);
    return JSON.parse(text) as object;
  } catch (error) {
    if (error instanceof LoupeError) throw error;
    return fail(`the header is not JSON (${(error as Error).message})`);
  }
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function tensorInfo(name: string, value: unknown): TensorInfo {
  const shown = JSON.stringify(name);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    fail(`tensor ${shown} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== "string") fail(`tensor ${shown} has no dtype`);
  if (!Array.isArray(shape) || !shape.every(isSize))
    fail(`tensor ${shown} has no shape of non-negative integers`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    fail(`tensor ${shown} has no data_offsets [begin, end]`);
  return { name, dtype, shape, begin: offsets[0] as number, end: offsets[1] as number };
}

function metadataOf(value: unknown): Map<string, string> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) fail("__metadata__ is not an object");
  const pairs = Object.entries(value);
  for (const [key, text] of pairs) {
    if (typeof text !== "string") fail(`__metadata__ ${JSON.stringify(key)} is not a string`);
  }
  return new Map(pairs as [string, string][]);
}

/** Parses and checks a header; the tensors come back in the order of their bytes. */
export function parseHeader(text: string): {
  tensors: TensorInfo[];
  metadata: Map<string, string>;
} {
  const header = parseJson(text);
  const tensors: TensorInfo[] = [];
  let metadata: unknown;
  for (const [name, value] of Object.entries(header)) {
    if (name === "__metadata__") metadata = value;
    else tensors.push(tensorInfo(name, value));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return { tensors, metadata: metadataOf(metadata) };
}
