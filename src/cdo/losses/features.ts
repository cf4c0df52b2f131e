/**
 * Distances between the features of expert and apprentice that look at every pixel alike: the losses of the 2025 code beside its own
 * one. Each is summed over the levels, which are compared at their own size; none looks at the mask.
 */
import {
  abs,
  add,
  cosineSimilarity,
  div,
  logSoftmax,
  map,
  mean,
  mseLoss,
  normalize,
  reshape,
  sub,
  type Tensor,
} from "../../core/index.ts";
import { LoupeError } from "../../error.ts";

/** Feature maps `[N, h, w, C]` of each level. */
export type Levels = readonly Tensor[];

/** Σ_l mean (e − a)² over all elements. */
export function l2Loss(teacher: Levels, student: Levels): Tensor {
  return overLevels("l2Loss", teacher, student, (e, a) => mseLoss(a, e));
}

/** Σ_l mean |e − a| over all elements. */
export function l1Loss(teacher: Levels, student: Levels): Tensor {
  return overLevels("l1Loss", teacher, student, (e, a) => mean(abs(sub(e, a))));
}

export interface CosineLossOptions {
  /** Divide the sum by the number of levels. Default true. */
  readonly average?: boolean;
  /** The cosine between whole images as one vector (default), or between the channels of each pixel. */
  readonly flat?: boolean;
}

/** Σ_l mean (1 − cos(e, a)), by default divided by the number of levels. */
export function cosineLoss(
  teacher: Levels,
  student: Levels,
  { average = true, flat = true }: CosineLossOptions = {},
): Tensor {
  const rows = (x: Tensor) => (flat ? reshape(x, [x.shape[0] ?? 0, -1]) : x);
  const total = overLevels("cosineLoss", teacher, student, (e, a) =>
    mean(sub(1, cosineSimilarity(rows(e), rows(a)))),
  );
  return average ? div(total, teacher.length) : total;
}

/** Σ_l mean p · (log p − log q) over all elements, with p and q the softmax over the channels of e and a. */
export function klLoss(teacher: Levels, student: Levels): Tensor {
  const row = {
    f: "exp(p) * (p - q)",
    d: { p: "g * exp(p) * (p - q + T(1))", q: "-g * exp(p)" },
  };
  return overLevels("klLoss", teacher, student, (e, a) =>
    mean(map("klLoss", row, { p: logSoftmax(e, -1), q: logSoftmax(a, -1) })),
  );
}

/** The losses that a training can use instead of CDO's own, by the names of the config. */
export const featureLosses = {
  l2: l2Loss,
  l1: l1Loss,
  cosine: cosineLoss,
  kl: klLoss,
} satisfies Readonly<Record<string, (teacher: Levels, student: Levels) => Tensor>>;

export type FeatureLoss = keyof typeof featureLosses;

/** One of them on unit vectors, as the 2025 code has its features. */
export function unitFeatureLoss(name: FeatureLoss, teacher: Levels, student: Levels): Tensor {
  const units = (levels: Levels) => levels.map((x) => normalize(x));
  return featureLosses[name](units(teacher), units(student));
}

/** The sum of a term over pairs of levels. Throws `LoupeError("shape")` unless there is one student level for each. */
export function overLevels(
  op: string,
  teacher: Levels,
  student: Levels,
  term: (e: Tensor, a: Tensor, level: number) => Tensor,
): Tensor {
  if (teacher.length === 0 || teacher.length !== student.length) {
    const text = `${teacher.length} teacher levels, ${student.length} of the student`;
    throw new LoupeError("shape", `${op}: ${text}`);
  }
  const terms = teacher.map((e, l) => {
    const a = student[l] as Tensor;
    if (e.shape.join() === a.shape.join()) return term(e, a, l);
    throw new LoupeError("shape", `${op}: level ${l} is ${e} and ${a} of the student`);
  });
  return terms.reduce((a, b) => add(a, b));
}
