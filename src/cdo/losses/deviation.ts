/**
 * The deviation loss of DevNet: scores of normal images near the mean of a reference distribution, those of anomalies at least
 * `margin` standard deviations above it. Pang et al., "Deep Anomaly Detection with Deviation Networks" (2019).
 *
 *   z = (score − mean) / std,  L = mean( (1 − t)·|z| + t·max(0, margin − z) )
 */
import { abs, add, div, mean, mul, relu, std, sub, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";

/**
 * @param scores `[N]`
 * @param labels 1 for anomalies, else 0, `[N]`
 * @param reference draws of the reference distribution, such as 5000 of N(0, 1), `[M]`; its std divides by M − 1
 * @param margin default 5
 */
export function deviationLoss(
  scores: Tensor,
  labels: Tensor,
  reference: Tensor,
  margin = 5,
): Tensor {
  if (scores.shape.join() !== labels.shape.join() || reference.size < 2) {
    const rule = "needs one label for each score and two reference draws or more";
    throw new LoupeError("shape", `deviationLoss: ${rule}, got ${scores}, ${labels}, ${reference}`);
  }
  const z = div(sub(scores, mean(reference)), std(reference));
  const near = mul(sub(1, labels), abs(z));
  return mean(add(near, mul(labels, relu(sub(margin, z)))));
}
