/** What is said about one image: its score beside the threshold, and the verdict, in words and colour. */
import type { Rgb } from "./canvas.ts";
import { ink } from "./canvas.ts";

/** "defective" from the threshold on. */
export type Verdict = "good" | "defective";

/** The verdict on a score: defective at or above the image threshold. */
export function verdictOf(score: number, threshold: number): Verdict {
  return score >= threshold ? "defective" : "good";
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly colour: Rgb;
  /** Where the label is known and says otherwise. */
  readonly mistake?: "missed" | "false alarm";
}

/** @param label 0 good, 1 defective, undefined if not known */
export function judge(score: number, threshold: number, label?: number): Judgement {
  const verdict = verdictOf(score, threshold);
  const colour = ink[verdict];
  const truth = label === undefined ? verdict : label === 0 ? "good" : "defective";
  if (truth === verdict) return { verdict, colour };
  return { verdict, colour, mistake: verdict === "good" ? "missed" : "false alarm" };
}

/** A number for a caption: three significant digits. */
export function shortNumber(value: number, digits = 3): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(Math.min(digits, 17) - 1);
  return value.toPrecision(Math.min(digits, 17));
}

/** Both numbers with as many digits as it takes to tell them apart. */
export function distinctNumbers(a: number, b: number): readonly [string, string] {
  for (let digits = 3; digits < 17; digits++) {
    const [shownA, shownB] = [shortNumber(a, digits), shortNumber(b, digits)];
    if (a === b || shownA !== shownB) return [shownA, shownB];
  }
  return [String(a), String(b)];
}
