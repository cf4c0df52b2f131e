/** The browser's side of `codec.node.ts`: streams inflate, the browser decodes JPEGs, files come by `fetch`. */
import { LoupeError } from "../error.ts";
import type { Listing, RawPixels } from "./codec.ts";

/** Inflates a zlib stream into at most `size` bytes; a shorter result means that the stream is truncated. */
export async function inflate(stream: Uint8Array, size: number): Promise<Uint8Array> {
  const source = new Blob([stream as BlobPart]).stream();
  const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > size) throw new RangeError("more data than declared");
      parts.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (length > size || !/unexpected end|incomplete|truncated/i.test(String(error))) throw error;
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Decodes a JPEG; the caller has removed EXIF and colour profiles, which a browser would otherwise apply. */
export async function decodeJpeg(bytes: Uint8Array, components: number): Promise<RawPixels> {
  if (components === 4) throw new Error("a browser does not hand out CMYK pixels");
  const blob = new Blob([bytes as BlobPart], { type: "image/jpeg" });
  const bitmap = await createImageBitmap(blob, {
    premultiplyAlpha: "none",
    colorSpaceConversion: "none",
  });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("the browser gives no 2d canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * components);
  for (let i = 0, o = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < components; c++) data[o++] = rgba[i + c]!;
  }
  return { width, height, channels: components, data };
}

/** Fetches a file of at most `most` bytes. Throws `LoupeError("io")` naming it. */
export async function readFile(path: string, most = 2 ** 30): Promise<Uint8Array> {
  const answer = await fetch(path).catch((error: unknown) => {
    throw new LoupeError("io", `read: ${path}: ${String(error)}`, { cause: error });
  });
  if (!answer.ok) throw new LoupeError("io", `read: ${path}: the server answered ${answer.status}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.length > most) {
    const rule = `${bytes.length} bytes are more than the ${most} allowed`;
    throw new LoupeError("io", `read: ${path}: ${rule}`);
  }
  return bytes;
}

/** A page writes no files. Throws `LoupeError("io")`. */
export function writeFile(path: string, _bytes: Uint8Array): Promise<void> {
  return Promise.reject(new LoupeError("io", `write: ${path}: a page can't write files; use Node`));
}

/** A page lists no folders; pass the files that a user picked as a `Folder`. Throws `LoupeError("io")`. */
export function listFiles(folder: string): Promise<Listing> {
  const next = "pass the picked files to readDataset instead";
  return Promise.reject(
    new LoupeError("io", `list: ${folder}: a page can't list folders; ${next}`),
  );
}

/** A page loads in the thread that trains. */
export function startWorkers(..._ignored: unknown[]): undefined {
  return undefined;
}

/** How many threads help loading: none. */
export function usefulWorkers(): number {
  return 0;
}
