/** `--threshold`: which policy, and on which images. A policy that the images can't support is refused before any work is done. */
import type { Dataset } from "../data/index.ts";
import type { ThresholdOptions } from "../detector/index.ts";
import { LoupeError } from "../error.ts";

export interface ThresholdPlan {
  readonly options: ThresholdOptions;
  /** Whose predictions it is taken from. */
  readonly from: "test" | "train";
  /** What the user should know. */
  readonly warning?: string;
}

/**
 * @param policy as given to `--threshold`; undefined: max-f1, or what comes next where that is impossible
 * @throws LoupeError `config` when max-f1 is asked for without good and defective test images
 */
export function planThreshold(
  policy: string | undefined,
  { test }: Pick<Dataset, "test">,
): ThresholdPlan {
  const good = test.some(({ label }) => label === 0);
  const both = good && test.some(({ label }) => label === 1);
  if (policy?.startsWith("manual=")) {
    const [image, pixel] = policy.slice("manual=".length).split(",").map(Number) as [
      number,
      number,
    ];
    return { options: { policy: "manual", image, pixel }, from: "test" };
  }
  if (policy?.startsWith("quantile=")) {
    return ofGood(Number(policy.slice("quantile=".length)), good);
  }
  if (both) return { options: { policy: "max-f1" }, from: "test" };
  if (policy !== undefined) {
    const rule = "needs good and defective test images, and one kind is missing";
    throw new LoupeError(
      "config",
      `--threshold max-f1: ${rule}; use quantile=0.99 or manual=<image>,<pixel>`,
    );
  }
  const plan = ofGood(0.99, good);
  const why = "no good and defective test images to choose the threshold by F1 on";
  return { ...plan, warning: `${why}; it is the 0.99 quantile of good ${plan.from} images` };
}

function ofGood(quantile: number, goodInTest: boolean): ThresholdPlan {
  const options = { policy: "quantile", quantile } as const;
  if (goodInTest) return { options, from: "test" };
  const warning =
    "no good test images: the threshold is taken from training images, which score lower than new ones";
  return { options, from: "train", warning };
}
