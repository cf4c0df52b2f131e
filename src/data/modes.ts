/**
 * The training modes of CDO 2025: which images of a data set are trained on and which are tested on, by class. Draws come from
 * (seed, class) alone, so they are the same whatever other classes are used. Source: CDO 2025, data/dataset_info.py.
 */
import { LoupeError } from "../error.ts";
import { type Dataset, grouped, type Sample } from "./dataset.ts";
import type { Finding } from "./finding.ts";
import { permutation, seededRandom } from "./random.ts";

/** In the order of the reference. */
export const modes = [
  "zero_shot",
  "few_shot1",
  "few_shot2",
  "few_shot4",
  "few_shot8",
  "unsupervised",
  "semi1",
  "semi5",
  "semi10",
] as const;

/**
 * `zero_shot`: trained on the test images, to be tested on another data set. `few_shot<k>`: on k normal images.
 * `unsupervised`: on all normal images. `semi<k>`: on these and k anomalous ones with their masks.
 */
export type Mode = (typeof modes)[number];

type Split = { readonly train: readonly Sample[]; readonly test: readonly Sample[] };

/** The reference draws once this many, and the images of each mode from these. */
const drawn = { few: 8, semi: 10 };

/**
 * The data set as the mode has it: by class first normal images, then anomalous ones, each sorted. In a `semi` mode all
 * ten drawn images stay out of the test, for every k. Throws `LoupeError("data")` when a class has too few images.
 */
export function splitMode(dataset: Dataset, mode: Mode, seed = 0): Dataset {
  const short = shortageOf(dataset, mode);
  if (short !== undefined) throw new LoupeError("data", `mode ${mode}: ${short}`);
  const own = byClass(dataset);
  const splits = dataset.classes.map((name) => splitClass(own(name), mode, name, seed));
  const train = splits.flatMap((split) => split.train);
  const { samples, findings } = trainable(train);
  const test = splits.flatMap((split) => split.test);
  return { ...dataset, train: samples, test, findings: [...dataset.findings, ...findings] };
}

/** What each class lacks for the mode, in words and numbers; empty when it can be had. */
export function shortages(dataset: Dataset, mode: Mode): string[] {
  const own = byClass(dataset);
  return dataset.classes.flatMap((name) => {
    const { train, test } = own(name);
    const anomalous = test.filter(canTeach).length;
    const normals = train.filter(isNormal).length;
    const few = isFew(mode) && normals <= drawn.few;
    if (few) return [`class ${name} has ${count(normals, "normal training image")}`];
    const semi = isSemi(mode) && anomalous <= drawn.semi;
    if (semi) return [`class ${name} has ${count(anomalous, "anomalous test image")} with a mask`];
    const zero = mode === "zero_shot" && test.length === 0;
    return zero ? [`class ${name} has no test images, which this mode trains on`] : [];
  });
}

/** Why the mode can't be had, in words: the first classes, and what it needs. */
export function shortageOf(dataset: Dataset, mode: Mode): string | undefined {
  const short = shortages(dataset, mode);
  if (short.length === 0) return undefined;
  const more = short.length > shown ? `; and ${short.length - shown} more classes` : "";
  return `${short.slice(0, shown).join("; ")}${more}; ${ruleOf(mode)}`;
}

/** Classes named in a message. */
const shown = 4;

/** What a mode needs of each class. */
function ruleOf(mode: Mode): string {
  if (isFew(mode)) return `more than ${drawn.few} are needed`;
  return isSemi(mode) ? `more than ${drawn.semi} are needed` : "add some or use another mode";
}

/** Without the anomalous images that have no mask: trained on, they would count as normal all over. */
export function trainable(train: readonly Sample[]): { samples: Sample[]; findings: Finding[] } {
  const message = "no mask, so it can't be trained on, left out of training";
  const left = train.filter((sample) => sample.label === 1 && !canTeach(sample));
  return {
    samples: train.filter((sample) => isNormal(sample) || canTeach(sample)),
    findings: left.map(({ path }) => ({ level: "warning", file: path, message })),
  };
}

const canTeach = ({ label, maskPath }: Sample) => label === 1 && maskPath !== undefined;
const isNormal = ({ label }: Sample) => label === 0;
const isFew = (mode: Mode) => mode.startsWith("few_shot");
const isSemi = (mode: Mode) => mode.startsWith("semi");
const count = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;

function byClass({ train, test }: Split): (name: string) => Split {
  const [trained, tested] = [train, test].map((list) => grouped(list, (s) => s.className));
  return (name) => ({ train: trained!.get(name) ?? [], test: tested!.get(name) ?? [] });
}

function splitClass({ train, test }: Split, mode: Mode, name: string, seed: number): Split {
  const many = Number(/\d+$/.exec(mode)?.[0]);
  // reference: one stream for all classes and modes, unseeded; here each draw has its own
  const draw = (n: number, ...key: readonly number[]) =>
    permutation(n, seededRandom(seed, modeTag, ...key, ...new TextEncoder().encode(name)));
  const some = (from: readonly Sample[], pool: number, kind: number) => {
    const fixed = [...draw(from.length, kind, 0).subarray(0, pool)].sort((a, b) => a - b);
    const chosen = [...draw(pool, kind, many).subarray(0, many)].sort((a, b) => a - b);
    return { fixed: fixed.map((i) => from[i]!), chosen: chosen.map((i) => from[fixed[i]!]!) };
  };
  if (mode === "zero_shot") return { train: normalFirst(test), test };
  if (isFew(mode)) return { train: some(train.filter(isNormal), drawn.few, 1).chosen, test };
  const normals = train.filter(isNormal); // two lists of VisA come with anomalies to train on
  if (!isSemi(mode)) return { train: normals, test };
  const { fixed, chosen } = some(test.filter(canTeach), drawn.semi, 2);
  return { train: [...normals, ...chosen], test: test.filter((sample) => !fixed.includes(sample)) };
}

/** Sets these draws apart from all others of the same seed. */
const modeTag = 0x6d_6f_64;

function normalFirst(samples: readonly Sample[]): Sample[] {
  return [...samples].sort((a, b) => a.label - b.label);
}
