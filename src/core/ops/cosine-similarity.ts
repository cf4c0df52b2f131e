/** The cosine between vectors along an axis, with the gradients. */
import { cosineSimilarityGradKernel, cosineSimilarityKernel } from "../../kernels/index.ts";
import { carriesGrad, track } from "../autograd.ts";
import { deviceOf, launch } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { pairTypes } from "./float.ts";
import { broadcastShapes } from "./map.ts";
import { checkEps, type NormalizeOptions } from "./normalize.ts";
import { rowsAlong } from "./rows.ts";
import { expand } from "./shape.ts";

/**
 * a·b / (max(‖a‖, eps) · max(‖b‖, eps)) along an axis, as PyTorch's `cosine_similarity` since 1.13: each length is limited by
 * itself. The tensors broadcast; the axis is counted in the broadcast shape.
 * @param options axis (default −1, the channels of a pixel), eps (default 1e-8)
 * @returns f32 of the broadcast shape without the axis
 */
export function cosineSimilarity(a: Tensor, b: Tensor, options: NormalizeOptions = {}): Tensor {
  const { axis = -1, eps = 1e-8 } = options;
  deviceOf("cosineSimilarity", [a, b]);
  pairTypes("cosineSimilarity", a, b);
  checkEps("cosineSimilarity", eps);
  const full = broadcastShapes("cosineSimilarity", [a.shape, b.shape]);
  return cosineOf(fill(a, full), fill(b, full), axis, eps);
}

const fill = (t: Tensor, shape: Shape) => (t.shape.join() === shape.join() ? t : expand(t, shape));

function cosineOf(a: Tensor, b: Tensor, axis: number, eps: number): Tensor {
  const { shape, rest } = rowsAlong("cosineSimilarity", a, axis);
  const s = a.device.empty(rest);
  const stored = pairTypes("cosineSimilarity", a, b);
  if (s.size) launch(cosineSimilarityKernel(shape, eps, stored), [a, b], [s]);
  return track("cosineSimilarity", s, [a, b], (ds) => {
    const wanted = { a: carriesGrad(a), b: carriesGrad(b) };
    const da = wanted.a ? a.device.empty(a.shape, a.dtype) : undefined;
    const db = wanted.b ? b.device.empty(b.shape, b.dtype) : undefined;
    const outputs = [da, db].filter((t) => t !== undefined);
    const spec = cosineSimilarityGradKernel(shape, eps, wanted, stored);
    if (a.size) launch(spec, [a, b, ds], outputs);
    return [da, db];
  });
}
