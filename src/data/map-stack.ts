/**
 * Anomaly maps and masks from elsewhere, for measuring what another program predicted: one .npy with all of them, or a
 * folder with one .npy, TIFF or PNG each. Maps keep their values; files of a folder are matched by name.
 */
import { listFiles, readFile } from "#codec";
import { LoupeError } from "../error.ts";
import { byCodePoint } from "./dataset.ts";
import { decodeImage, imageHeader } from "./decode.ts";
import type { Finding } from "./finding.ts";
import { frameMask, placeOf } from "./frame.ts";
import { crops, type Framing } from "./framing.ts";
import type { Image, Size } from "./image.ts";
import { partsOf } from "./layouts/names.ts";
import { readNpy } from "./npy.ts";
import { decodePng } from "./png.ts";
import { resize } from "./resize.ts";
import { decodeTiffMap } from "./tiff-map.ts";

/**
 * Maps `[N, H, W]` and, if they come from a folder, their names (path below it without ending, without `_mask`).
 */
export type MapStack = {
  readonly shape: readonly [number, number, number];
  readonly data: Float32Array | Float64Array;
  readonly names?: readonly string[];
};

/** Maps and their masks (0 or 1) in one order, `[N, H, W]` each. `names` are empty for stacks without. */
export type MapPair = {
  readonly shape: readonly [number, number, number];
  readonly maps: Float32Array | Float64Array;
  readonly masks: Uint8Array;
  readonly names: readonly string[];
  readonly findings: readonly Finding[];
};

/**
 * How files are read; masks: a pixel above `maskThreshold` (default 0) is a defect. `framing`: what the maps are of, if that is
 * known; masks are then framed as in testing.
 */
export type MapOptions = {
  readonly maxPixels?: number;
  readonly maskThreshold?: number;
  readonly framing?: Framing | undefined;
};

const defaultMaxPixels = 100_000_000;
const mapFiles = /\.(npy|tiff?|png|bmp|jpe?g)$/i;

/**
 * Reads maps from one .npy (`[N, H, W]`, also with an axis of length 1 for channels, or one `[H, W]`), one image, or a
 * folder of them. Values are not scaled: 0..255 from 8 bits, 0..65535 from 16 bits. Throws `LoupeError("io")` or
 * `("data")` naming the file; all maps must have one size.
 */
export async function loadMapStack(path: string, options: MapOptions = {}): Promise<MapStack> {
  if (mapFiles.test(path)) {
    const one = await readMaps(path, options);
    return { shape: one.shape, data: one.data };
  }
  const { root, files, findings } = await listFiles(path);
  const paths = files.filter((file) => mapFiles.test(file)).sort(byCodePoint);
  if (paths.length === 0) {
    const also = findings.length > 0 ? `, ${findings[0]!.message}` : "";
    throw new LoupeError("data", `maps: ${root}: no .npy, .tiff or .png file in it${also}`);
  }
  const parts: { name: string; file: string; stack: MapStack }[] = [];
  for (const file of paths) {
    const stack = await readMaps(`${root}/${file}`, options);
    if (stack.shape[0] !== 1) {
      const rule = `it holds ${stack.shape[0]} maps, files of a folder hold one each`;
      throw new LoupeError(
        "data",
        `maps: ${root}/${file}: ${rule}; give its path instead of the folder's`,
      );
    }
    parts.push({ name: mapName(file), file: `${root}/${file}`, stack });
  }
  return joined(parts);
}

function mapName(file: string): string {
  const { folders, stem } = partsOf(file);
  return [...folders, stem.replace(/_mask$/, "")].join("/");
}

function joined(parts: readonly { name: string; file: string; stack: MapStack }[]): MapStack {
  const [, height, width] = parts[0]!.stack.shape;
  const files = new Map<string, string>();
  const wide = parts.some(({ stack }) => stack.data instanceof Float64Array);
  const length = parts.length * height * width;
  const data = wide ? new Float64Array(length) : new Float32Array(length);
  for (const [i, { name, file, stack }] of parts.entries()) {
    const [, h, w] = stack.shape;
    if (h !== height || w !== width) {
      const rule = `it is ${w}x${h}, but ${parts[0]!.file} is ${width}x${height}`;
      throw new LoupeError("data", `maps: ${file}: ${rule}; resize the maps to one size`);
    }
    const twin = files.get(name);
    if (twin) throw new LoupeError("data", `maps: ${file}: ${twin} has the same name; keep one`);
    files.set(name, file);
    data.set(stack.data, i * height * width);
  }
  return { shape: [parts.length, height, width], data, names: [...files.keys()] };
}

async function readMaps(path: string, options: MapOptions): Promise<MapStack> {
  const { maxPixels = defaultMaxPixels } = options;
  const bytes = await readFile(path, 2 ** 32);
  if (/\.npy$/i.test(path)) {
    const { shape, data } = readNpy(bytes, path);
    return { shape: stackShape(shape, path), data: asFloat(data) };
  }
  if (/\.tiff?$/i.test(path)) {
    const { width, height, data } = await decodeTiffMap(bytes, maxPixels).catch(
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        const next = "export it again as .npy or PNG";
        throw new LoupeError(
          "data",
          `maps: ${path}: this TIFF can't be decoded: ${reason}; ${next}`,
          {
            cause: error,
          },
        );
      },
    );
    return { shape: [1, height, width], data: asFloat(data) };
  }
  return readPicture(bytes, path, maxPixels);
}

/** Grey PNGs keep all their bits; everything else goes the way of pictures, to 8 bits of grey. */
async function readPicture(bytes: Uint8Array, path: string, maxPixels: number): Promise<MapStack> {
  const { format, width, height } = imageHeader(bytes, { file: path, maxPixels });
  if (format === "png" && bytes[25] === 0 && bytes[24] === 16) {
    const { samples } = await decodePng(bytes).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new LoupeError("data", `maps: ${path}: this PNG can't be decoded: ${reason}`, {
        cause: error,
      });
    });
    return { shape: [1, height, width], data: Float32Array.from(samples) };
  }
  const { data } = await decodeImage(bytes, { file: path, mode: "L", maxPixels });
  return { shape: [1, height, width], data: Float32Array.from(data) };
}

function asFloat(data: ArrayLike<number>): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  return Float32Array.from(data);
}

function stackShape(shape: readonly number[], path: string): [number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  if (shape.length === 2 && a > 0 && b > 0) return [1, a, b];
  if (shape.length === 3 && a * b * c > 0) return [a, b, c];
  if (shape.length === 4 && a * b * c * d > 0 && d === 1) return [a, b, c];
  if (shape.length === 4 && a * b * c * d > 0 && b === 1) return [a, c, d];
  const rule = `shape [${shape}] is not [N, H, W], [N, H, W, 1], [N, 1, H, W] or [H, W]`;
  throw new LoupeError("data", `maps: ${path}: ${rule}`);
}

/** How masks are brought to the size of the maps, and what is said of it. */
function fitting(
  maps: Size,
  masks: Size,
  framing: Framing | undefined,
  refuse: (rule: string) => never,
): { readonly change: (mask: Image) => Image; readonly said?: string } {
  const sizes = `maps are ${maps.width}x${maps.height}, masks ${masks.width}x${masks.height}`;
  if (framing) {
    if (framing.wild) {
      const next = "only `loupe test` measures it, which turns the masks alike";
      return refuse(`each image was turned and cut at random before its map was made; ${next}`);
    }
    if (maps.width !== framing.size || maps.height !== framing.size) {
      return refuse(`${sizes}, but the maps are said to be ${framing.size} pixels a side`);
    }
    const place = placeOf(masks, framing);
    const change = (mask: Image) => frameMask(mask, place, framing);
    if (maps.width === masks.width && maps.height === masks.height && !crops(framing)) {
      return { change };
    }
    const { width, height } = place.resized;
    const cut = crops(framing) ? `resized to ${width}x${height} and cut in the middle` : "resized";
    return { change, said: `${sizes}; masks are ${cut} as the images were` };
  }
  if (maps.height * masks.width !== maps.width * masks.height) {
    refuse(`${sizes}: another shape, so they don't show the same; crop or resize one of them`);
  }
  if (masks.height < maps.height) {
    refuse(`${sizes}: masks lack detail; give them in their full size`);
  }
  const change = (mask: Image) => resize(mask, maps, "bilinear");
  if (maps.height === masks.height) return { change };
  return {
    change,
    said: `${sizes}; masks are resized to the maps (bilinear, defective above one half)`,
  };
}

/**
 * Reads maps and masks and brings them into one order: by name when both come from folders, else by position. A map
 * without a mask in a folder of masks counts as normal and is a finding; a mask without a map is an error, because its
 * defects would be left out of the result. Larger masks are resized as for evaluation: bilinear, defective above
 * one half; with a `framing` they are cut as the images were. Throws as `loadMapStack`, when counts or proportions don't
 * agree, and for a framing that turned each image.
 */
export async function loadMapPair(
  mapsPath: string,
  masksPath: string,
  options: MapOptions = {},
): Promise<MapPair> {
  const maps = await loadMapStack(mapsPath, options);
  const masks = await loadMapStack(masksPath, options);
  const refuse = (rule: string): never => {
    throw new LoupeError("data", `maps: ${mapsPath} and masks ${masksPath}: ${rule}`);
  };
  const [count, height, width] = maps.shape;
  const [maskCount, maskHeight, maskWidth] = masks.shape;
  const findings: Finding[] = [];
  const { change, said } = fitting(
    { width, height },
    { width: maskWidth, height: maskHeight },
    options.framing,
    refuse,
  );
  if (said) findings.push({ level: "info", file: masksPath, message: said });
  const pixels = height * width;
  const binary = new Uint8Array(count * pixels);
  const maskPixels = maskHeight * maskWidth;
  const take = (map: number, mask: number) => {
    const from = masks.data.subarray(mask * maskPixels, (mask + 1) * maskPixels);
    const own = Uint8Array.from(from, (v) => (v > (options.maskThreshold ?? 0) ? 255 : 0));
    const whole = { width: maskWidth, height: maskHeight, channels: 1 as const, data: own };
    const fitted = change(whole).data;
    for (let i = 0; i < pixels; i++) binary[map * pixels + i] = fitted[i]! > 127 ? 1 : 0;
  };
  if (maps.names && masks.names) {
    const places = new Map(masks.names.map((name, i) => [name, i]));
    maps.names.forEach((name, i) => {
      const mask = places.get(name);
      places.delete(name);
      if (mask !== undefined) take(i, mask);
      else
        findings.push({
          level: "info",
          file: name,
          message: "no mask of its name, counted as normal",
        });
    });
    const left = [...places.keys()];
    if (left.length > 0) refuse(`no map for ${left.length} masks (${left.slice(0, 3).join(", ")})`);
  } else {
    if (count !== maskCount) refuse(`${count} maps but ${maskCount} masks`);
    for (let i = 0; i < count; i++) take(i, i);
  }
  const names = maps.names ?? masks.names ?? [];
  return { shape: maps.shape, maps: maps.data, masks: binary, names, findings };
}
