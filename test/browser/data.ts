/** Does a page see the pixels that Node sees? Decoding, resizing, noise and batches of the room `data` in the browser. */
import {
  decodeImage,
  encodePng,
  frame,
  makeImage,
  seededRandom,
  whiteNoise,
} from "../../src/data/index.ts";

type File = { size: [number, number]; rgb: number; l: number; base64: string };

function fnv(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

async function fixture(): Promise<[string, File, Uint8Array][]> {
  const answer = await fetch("/fixtures/data/decode.json");
  const { files } = (await answer.json()) as { files: Record<string, File> };
  return Object.entries(files).map(([name, file]) => {
    const bytes = Uint8Array.from(atob(file.base64), (c) => c.charCodeAt(0));
    return [name, file, bytes];
  });
}

/** Sentences, and functions that throw when the sentence is not true. */
export const tests: Record<string, () => Promise<void>> = {
  "PNG and BMP decode to Pillow's pixels in a page": async () => {
    for (const [name, file, bytes] of await fixture()) {
      if (name.startsWith("jpeg")) continue;
      const { data } = await decodeImage(bytes);
      if (fnv(data) !== file.rgb) throw new Error(`${name} differs`);
    }
  },

  "JPEGs decode to Pillow's pixels in a page, whatever their orientation and profile say":
    async () => {
      const wrong: string[] = [];
      for (const [name, file, bytes] of await fixture()) {
        if (!name.startsWith("jpeg") || name === "jpeg-cmyk") continue;
        const image = await decodeImage(bytes);
        if (image.width !== file.size[0] || fnv(image.data) !== file.rgb) wrong.push(name);
      }
      if (wrong.length > 0) throw new Error(`${wrong.join(", ")} differ`);
    },

  "a CMYK JPEG and a cut PNG are errors that name the file": async () => {
    for (const [name, , bytes] of await fixture()) {
      if (name !== "jpeg-cmyk" && name !== "png-rgba") continue;
      const half = name === "png-rgba" ? bytes.subarray(0, bytes.length / 2) : bytes;
      const error = await decodeImage(half, { file: name }).then(
        () => new Error(`${name} was decoded`),
        (e: Error) => e,
      );
      if (!error.message.startsWith(`decode: ${name}: this `)) throw error;
    }
  },

  "a PNG written in a page comes back": async () => {
    const image = makeImage(
      5,
      3,
      3,
      Uint8Array.from({ length: 45 }, (_, i) => i * 5),
    );
    const back = await decodeImage(encodePng(image));
    if (fnv(back.data) !== fnv(image.data)) throw new Error("it differs");
  },

  "synthetic anomalies are the ones of Node": async () => {
    const image = makeImage(
      60,
      40,
      3,
      Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251),
    );
    const { image: noisy, mask } = whiteNoise(image, 64, seededRandom(42, 1, 2));
    const got = `${fnv(noisy.data)} ${fnv(mask.data)}`;
    // The same expression in test/data/white-noise.test.ts.
    if (got !== "1789096140 783448802") throw new Error(got);
  },

  "images are resized by Lanczos, turned and cut as in Node": async () => {
    const image = makeImage(
      60,
      40,
      3,
      Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251),
    );
    const framing = { size: 28, shorter: 32, filters: "lanczos" } as const;
    const hashes = [framing, { ...framing, wild: { degrees: 10 } }].map((one) =>
      fnv(frame(image, one).image.data),
    );
    // The same expression in test/data/frame.test.ts.
    if (hashes.join(" ") !== "3676404487 877256285") throw new Error(hashes.join(" "));
  },

  "anomalies of a given difficulty in a page are Node's": async () => {
    const strength = { kind: "uniform" } as const;
    const hashes: string[] = [];
    for (const kind of ["amp", "freq", "source"] as const) {
      const pixels = Uint8Array.from({ length: 7200 }, (_, i) => (i * 37) % 251);
      const { image, mask } = whiteNoise(makeImage(60, 40, 3, pixels), 64, seededRandom(42, 1, 2), {
        synthesis: {
          texture: { kind, strength },
          opacity: { strength },
          size: strength,
          count: strength,
          shape: { kind: "fixed", s: 1 },
          colour: { kind: "gaussian", mean: 0.5, sigma: 0.2 },
        },
      });
      hashes.push(`${fnv(image.data)} ${fnv(mask.data)}`);
    }
    // The same expression in test/data/synthesis.test.ts.
    if (hashes.join(", ") !== "2237136268 1134011057, 988492987 1796988775, 3108129551 1677192910")
      throw new Error(hashes.join(", "));
  },
};
