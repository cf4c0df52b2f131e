/**
 * Frames an image: resizes it and cuts the square that a network sees, as a `Framing` says. Equal bit for bit to torchvision's
 * `Resize`, `CenterCrop` and `RandomRotation` on Pillow images.
 */
import { LoupeError } from "../error.ts";
import { checkFraming, type Filters, type Framing } from "./framing.ts";
import { type Image, makeImage, type Size } from "./image.ts";
import { type Random, seededRandom } from "./random.ts";
import { type Filter, resize, resizePart } from "./resize.ts";
import { roundEven } from "./resize-cv2.ts";
import { rotate } from "./rotate.ts";

/** Where the square lies in an image. */
export type Place = {
  /** Size of the whole image when it is resized. */
  readonly resized: Size;
  /** The square's first row and column there; negative where black is added. */
  readonly top: number;
  readonly left: number;
  /** Side of the square, pixels. */
  readonly size: number;
  /** By how much the resized image is turned before, counter-clockwise. */
  readonly degrees: number;
};

const filtersOf: Record<Filters, { image: Filter; mask: Filter }> = {
  2025: { image: "bilinear", mask: "bilinear" },
  2023: { image: "cv2-bilinear", mask: "cv2-nearest" },
  lanczos: { image: "lanczos", mask: "nearest" },
};

/** How masks are resized under a framing. */
export const maskFilter = ({ filters = "2025" }: Pick<Framing, "filters">): Filter =>
  filtersOf[filters].mask;

const imageFilter = ({ filters = "2025" }: Framing): Filter => filtersOf[filters].image;

const longest = 2 ** 16;
const mostPixels = 2 ** 27;

/** The size of the whole image when it is resized. Throws `LoupeError("data")` for an image so narrow that this would be huge. */
function resizedSize({ width, height }: Size, { size, shorter }: Framing, file = "image"): Size {
  if (shorter === undefined) return { width: size, height: size };
  const longer = Math.trunc((shorter * Math.max(width, height)) / Math.min(width, height));
  if (longer > longest || longer * shorter > mostPixels) {
    const rule = `${width}x${height} pixels are too narrow to be cut after a resize`;
    const why = `the longer side would become ${longer} pixels`;
    throw new LoupeError("data", `frame: ${file}: ${rule}: ${why}; cut the image or stretch it`);
  }
  return width <= height ? { width: shorter, height: longer } : { width: longer, height: shorter };
}

/** The square of an image, and where it lay. */
export type Frame = { readonly image: Image; readonly place: Place };

/**
 * Frames an image. `random`: for `wild`; by default the image's own draws, which its pixels decide, so that every look at it
 * sees the same. Throws `LoupeError("config")` or `("data")` as `placeOf`.
 */
export function frame(image: Image, framing: Framing, random?: Random): Frame {
  return frameOf(prepare(image, framing), image, framing, random);
}

/**
 * What of an image stays the same in every epoch: its square, or with `wild` the whole of it, resized. `file`: for errors, which
 * are those of `placeOf`.
 */
export function prepare(image: Image, framing: Framing, file?: string): Image {
  const filter = imageFilter(framing);
  const size = resizedSize(image, framing, file);
  return framing.wild
    ? resize(image, size, filter)
    : frameAt(image, placeOf(image, framing), filter);
}

/** As `frame`, from what `prepare` made of an image that was `stored` at this size. */
export function frameOf(prepared: Image, stored: Size, framing: Framing, random?: Random): Frame {
  if (!framing.wild) return { image: prepared, place: placeOf(stored, framing) };
  const place = placeOf(stored, framing, random ?? ownRandom(prepared));
  return { image: frameAt(prepared, place, imageFilter(framing)), place };
}

/** Sets these draws apart from all others. */
const wildTag = 0x77_69_6c_64;

function ownRandom({ data }: Image): Random {
  let hash = 2166136261;
  for (let i = 0; i < data.length; i++) hash = Math.imul(hash ^ data[i]!, 16777619);
  return seededRandom(wildTag, hash >>> 0);
}

/** The draws of an image in an epoch of training. */
export const wildRandom = (seed: number, epoch: number, index: number): Random =>
  seededRandom(seed, epoch, index, wildTag);

/**
 * Where the square lies in an image that was `stored` at this size: in the middle, or, with `wild`, wherever `random` says.
 * Throws `LoupeError("config")` for a framing that can't be, and for `wild` without `random`.
 */
export function placeOf(stored: Size, framing: Framing, random?: Random): Place {
  checkFraming(framing);
  const resized = resizedSize(stored, framing);
  const { size, wild } = framing;
  if (!wild) {
    const [top, left] = [middle(resized.height, size), middle(resized.width, size)];
    return { resized, size, top, left, degrees: 0 };
  }
  if (!random) throw new LoupeError("config", "frame: wild needs randomness, got none");
  // reference: image and mask were turned and cut by draws of their own, so that the ground truth lay elsewhere
  const degrees = (2 * random.uniform() - 1) * wild.degrees;
  const top = anywhere(resized.height, size, random);
  const left = anywhere(resized.width, size, random);
  return { resized, size, top, left, degrees };
}

/** The share of an image that lies outside its square, where it is not turned. */
export function outsideOf({ resized: { width, height }, size }: Place): number {
  return 1 - (Math.min(size, width) * Math.min(size, height)) / (width * height);
}

/** torchvision's `CenterCrop`. */
function middle(side: number, size: number): number {
  return side < size ? -Math.floor((size - side) / 2) : roundEven((side - size) / 2);
}

/** torchvision's `RandomCrop`, where there is room. */
function anywhere(side: number, size: number, random: Random): number {
  return side < size ? middle(side, size) : random.int(0, side - size + 1);
}

/** The square of a mask, stored at the size of its image or another. */
export const frameMask = (mask: Image, place: Place, framing: Framing): Image =>
  frameAt(mask, place, maskFilter(framing));

/** The square of `image`, which may be stored at another size than the one that `place` was made for. */
export function frameAt(image: Image, place: Place, filter: Filter): Image {
  const { resized, size, top, left, degrees } = place;
  const bottom = Math.min(top + size, resized.height);
  const right = Math.min(left + size, resized.width);
  const box = { top: Math.max(top, 0), left: Math.max(left, 0), bottom, right };
  const turned = degrees === 0 ? image : rotate(resize(image, resized, filter), degrees);
  const part = resizePart(turned, resized, box, filter);
  return padded(part, size, Math.max(-top, 0), Math.max(-left, 0));
}

/** On black. */
function padded(image: Image, size: number, top: number, left: number): Image {
  const { width, height, channels, data } = image;
  if (width === size && height === size) return image;
  const out = makeImage(size, size, channels);
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width * channels, (y + 1) * width * channels);
    out.data.set(row, ((top + y) * size + left) * channels);
  }
  return out;
}
