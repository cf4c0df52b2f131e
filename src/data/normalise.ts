/**
 * From bytes to what the backbones were trained on: (v / 255 - mean) / std per channel, in float32, as torchvision's
 * ToTensor and Normalize do it, but channels last.
 */
import { type Image, toRgb } from "./image.ts";

/** Channel means and standard deviations of ImageNet, of values 0..1, in the order R, G, B. */
export const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

const tables = imagenet.mean.map((mean, c) => {
  const m = Math.fround(mean);
  const s = Math.fround(imagenet.std[c]!);
  return Float32Array.from({ length: 256 }, (_, v) => {
    return Math.fround(Math.fround(Math.fround(v / 255) - m) / s);
  });
});

/**
 * The normalised pixels `[H, W, 3]` of an RGB image (grey is repeated). `out` is filled and returned if given.
 */
export function normalise(
  image: Image,
  out: Float32Array = new Float32Array(image.width * image.height * 3),
): Float32Array {
  const { data } = toRgb(image);
  const [r, g, b] = tables as [Float32Array, Float32Array, Float32Array];
  for (let i = 0; i < data.length; i += 3) {
    out[i] = r[data[i]!]!;
    out[i + 1] = g[data[i + 1]!]!;
    out[i + 2] = b[data[i + 2]!]!;
  }
  return out;
}

/** The 8-bit RGB pixels behind normalised ones `[H, W, 3]`; the inverse of `normalise`, exact. */
export function denormalise(pixels: Float32Array): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let i = 0; i < out.length; i++) {
    const c = i % 3;
    const v = (pixels[i]! * imagenet.std[c]! + imagenet.mean[c]!) * 255;
    out[i] = Math.max(0, Math.min(255, Math.round(v)));
  }
  return out;
}
