/** The types that `codec.node.ts` and `codec.browser.ts` share; `#codec` is one of the two. */
import type { Finding } from "./finding.ts";

/** Pixels as a JPEG decoder hands them out: grey, RGB or CMYK (0 = no ink). */
export type RawPixels = {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
};

/** The files below `root` (absolute): paths relative to it with `/`, in no particular order, no hidden ones. */
export type Listing = {
  readonly root: string;
  readonly files: string[];
  readonly findings: Finding[];
};
