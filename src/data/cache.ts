/**
 * Keeps decoded and resized images between epochs, up to a number of bytes. Every epoch visits every image once in a new
 * order, so throwing out what was used longest ago would throw out exactly what comes next: what is in stays in.
 */
import { LoupeError } from "../error.ts";
import type { Image, Size } from "./image.ts";

/**
 * What is kept of an image: what the framing makes of it (`prepare`), the size at which it is stored, and, if noise needs it, it as
 * decoded.
 */
export type Kept = { readonly clean: Image; readonly stored: Size; readonly source?: Image };

/** A store of images by key. `bytes`: how much is in it. */
export type ImageCache = {
  readonly get: (key: string) => Kept | undefined;
  readonly put: (key: string, kept: Kept) => void;
  readonly bytes: () => number;
};

/** An empty cache that takes images until `maxBytes` (default 512 MiB) are in it. */
export function imageCache(maxBytes = 512 * 2 ** 20): ImageCache {
  if (!(maxBytes >= 0)) {
    throw new LoupeError("config", `imageCache: maxBytes must not be negative, got ${maxBytes}`);
  }
  const store = new Map<string, Kept>();
  let bytes = 0;
  return {
    get: (key) => store.get(key),
    put: (key, kept) => {
      const size = kept.clean.data.length + (kept.source?.data.length ?? 0);
      if (store.has(key) || bytes + size > maxBytes) return;
      store.set(key, kept);
      bytes += size;
    },
    bytes: () => bytes,
  };
}
