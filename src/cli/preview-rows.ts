/** The rows of a preview: axes at a few strengths, or training images over the epochs of a curriculum. */
import {
  type CurriculumConfig,
  createCurriculum,
  curriculumOfWords,
  nameOfCurriculum,
} from "../cdo/index.ts";
import type { Sample, Synthesis } from "../data/index.ts";
import { LoupeError } from "../error.ts";
import type { PreviewCell, PreviewRow, PreviewSheet } from "../report/index.ts";
import {
  type Painter,
  type PreviewOptions,
  painter,
  physicalText,
  survivalText,
} from "./preview-cells.ts";
import type { PreviewImages } from "./preview-images.ts";

/** What each axis is, for the margin. */
const about = {
  amp: "contrast of the noise",
  freq: "scale of the noise",
  source: "noise, then pieces of the image",
  alpha: "the image shines through",
  size: "large to small",
  count: "four to any number",
  shape: "rectangles to blobs and slivers",
  colour: "any to what is covered",
} as const;

/** One row an axis and image: s from 0 to 1, all else the same. `axes`: names, numbers after a colon; default all. */
export async function axisPreview(
  images: PreviewImages,
  axes: readonly string[] = Object.keys(about),
  options: PreviewOptions,
): Promise<PreviewSheet> {
  const { steps = 5, imageCount = 1, guard } = options;
  const strengths = spread(0, 1, steps);
  const arms = axes.map((axis) => {
    return { axis, syntheses: strengths.map((s) => synthesisAt(axis, s, guard)) };
  });
  const paint = painter(images, options);
  const rows: PreviewRow[] = [];
  for (const place of places(images.samples, imageCount)) {
    const { fullest, emptiest } = await telling(paint, place);
    for (const { axis, syntheses } of arms) {
      const epoch = axis === "count" ? emptiest : fullest;
      const cells: PreviewCell[] = [];
      for (const synthesis of syntheses) {
        const { cell, survival } = await paint(place, epoch, synthesis);
        cells.push(captioned(cell, [physicalText(synthesis, options), survivalText(survival)]));
      }
      const words = about[axis.split(":")[0] as keyof typeof about];
      const details = [words, nameOf(images.samples[place]!)].flatMap(inLines);
      rows.push({ title: axis, details, cells });
    }
  }
  const columns = strengths.map((s) => ({ title: `s = ${Number(s.toFixed(3))}` }));
  const title = `Synthetic anomalies by axis, on ${images.name}`;
  return { title, subtitle: `from easy to hard; ${conditions(options)}`, columns, rows };
}

/** One row an image: what a training with this seed sees of it, epoch by epoch. */
export async function curriculumPreview(
  images: PreviewImages,
  words: readonly string[],
  epochs: number,
  options: PreviewOptions,
): Promise<PreviewSheet> {
  const { imageCount = 3, steps = 10, seed } = options;
  const config = timed(curriculumOfWords(words, "--curriculum"));
  const course = createCurriculum(config, { epochs, seed, batchSize: 1 });
  const shown = spread(0, epochs - 1, Math.min(steps, epochs)).map(Math.round);
  const plans = shown.map((epoch) => course.plan(epoch, images.samples.length));
  const paint = painter(images, options);
  const rows: PreviewRow[] = [];
  for (const place of places(images.samples, imageCount)) {
    const cells: PreviewCell[] = [];
    for (const [i, epoch] of shown.entries()) {
      const { cell, survival } = await paint(place, epoch, plans[i]!.synthesis);
      cells.push(captioned(cell, [survivalText(survival)]));
    }
    const details = inLines(nameOf(images.samples[place]!));
    rows.push({ title: `image ${place + 1}`, details, cells });
  }
  const columns = plans.map(({ scalars }, i) => ({
    title: `epoch ${shown[i]! + 1}`,
    detail: strengthsIn(scalars),
  }));
  const over = `over ${epochs} epoch${epochs === 1 ? "" : "s"}`;
  const title = `${nameOfCurriculum(config)} ${over}, on ${images.name}`;
  const subtitle = `what a training sees; ${conditions(options)}`;
  return { title, subtitle, columns, rows };
}

/** `alpha:4,0.6` at strength s. */
function synthesisAt(axis: string, s: number, guard: boolean): Synthesis {
  const [name, numbers, ...more] = axis.split(":");
  const isNumbers = numbers === undefined || /^[\d.,e+-]+$/i.test(numbers);
  if (!Object.hasOwn(about, name!) || !isNumbers || more.length > 0) {
    const known = Object.keys(about).join(", ");
    const rule = `must be one of ${known}, with its numbers as in alpha:4,0.6, got ${axis}`;
    throw new LoupeError("config", `--axis: ${rule}; for a schedule use --curriculum`);
  }
  const words = [`${axis}:constant:c=${s}`, ...(guard ? [] : ["guard:off"])];
  const config = timed(curriculumOfWords(words, "--axis"));
  return createCurriculum(config, { epochs: 1, seed: 0, batchSize: 1 }).plan(0, 1).synthesis!;
}

/** The part of a curriculum that can be seen, where it follows from the epoch. */
function timed(config: CurriculumConfig | undefined): CurriculumConfig {
  const { synthesis, progress = "full" } = config ?? {};
  if (!synthesis) {
    const next = "choose one that does, such as freq-step5";
    const what = "it does not change what anomalies look like";
    throw new LoupeError("config", `--curriculum: ${what}; ${next}`);
  }
  const watching = (["selector", "gate", "plateau"] as const).find((name) => name in synthesis);
  if (watching) {
    const what = `how hard anomalies are under a ${watching} follows from what the network learns`;
    const next = "see the arms one by one with --axis";
    throw new LoupeError("config", `--curriculum: ${what}; ${next}`);
  }
  return { progress, synthesis };
}

/** Of the first dozen epochs those with the most and with the least anomalies in this image, but not without any. */
async function telling(paint: Painter, place: number) {
  let [fullest, emptiest, most, least] = [0, 0, 0, 1];
  for (let epoch = 0; epoch < 12; epoch++) {
    const { share } = await paint(place, epoch);
    if (share > most) [fullest, most] = [epoch, share];
    if (share > 0 && share < least) [emptiest, least] = [epoch, share];
  }
  return { fullest, emptiest };
}

/** Places of the images to show, spread over the list. */
function places(samples: readonly Sample[], count: number): number[] {
  const many = Math.min(count, samples.length);
  return Array.from({ length: many }, (_, i) => Math.floor((i * samples.length) / many));
}

/** `count` numbers from one to another; the last one if only one is wanted. */
function spread(from: number, to: number, count: number): number[] {
  if (count === 1) return [to];
  return Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
}

function captioned(cell: PreviewCell, texts: readonly string[]): PreviewCell {
  const caption = texts.filter((text) => text !== "").join(" · ");
  return caption === "" ? cell : { ...cell, caption };
}

/** s of every axis, from what the log of a training shows. */
function strengthsIn(scalars: Readonly<Record<string, number>>): string {
  return Object.entries(scalars)
    .filter(([name]) => Object.hasOwn(about, name))
    .map(([name, s]) => `${name} ${Number(s.toFixed(3))}`)
    .join(", ");
}

function conditions({ version, detour, size, seed, outline }: PreviewOptions): string {
  const way = version === "2023" ? ", as in 2023" : detour ? "" : ", without the detour";
  const lines = outline ? "; outlined: what counts as abnormal" : "";
  return `${size} pixels${way}, seed ${seed}${lines}`;
}

/** The last two parts of a path. */
function nameOf({ path }: Sample): string {
  return path.split(/[/\\]/).slice(-2).join("/");
}

/** Lines of at most 20 characters, broken between words. */
function inLines(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 20)
      lines.splice(-1, 1, `${last} ${word}`);
    else lines.push(word);
  }
  return lines;
}
