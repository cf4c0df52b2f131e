/** Layer normalisation over the last axes, with its gradients. */
import { LoupeError } from "../../error.ts";
import {
  type LayerNormShape,
  layerNormGradKernel,
  layerNormKernel,
  sizeOf,
} from "../../kernels/index.ts";
import { carriesGrad, emptyGrad, isGradEnabled, track } from "../autograd.ts";
import { deviceOf, launch, requireDType, show } from "../launch.ts";
import type { Shape, Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";
import { foldMiddle } from "./fold.ts";
import { map } from "./map.ts";
import { checkEps } from "./normalize.ts";

/**
 * (x − mean) / √(variance + eps) · weight + bias, with mean and biased variance of the last axes; f32, also of f16.
 * @param normalizedShape sizes of the last axes, for example `[C]`
 * @param weight of that shape; left out it is 1
 * @param bias of that shape; left out it is 0
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape,
  weight?: Tensor,
  bias?: Tensor,
  eps = 1e-5,
): Tensor {
  checkLayerNorm(x, normalizedShape, weight, bias);
  checkEps("layerNorm", eps);
  const n = sizeOf(normalizedShape);
  const dtype = floatOf(x, "layerNorm");
  const s = { rows: x.size / (n || 1), n, weight: !!weight, bias: !!bias, dtype };
  const { device } = x;
  const y = device.empty(x.shape);
  const inputs = [x, weight, bias].filter((t) => t !== undefined);
  if (y.size === 0) {
    return track("layerNorm", y, inputs, () => inputs.map((t) => device.zeros(t.shape, t.dtype)));
  }
  const saved = isGradEnabled() && inputs.some(carriesGrad);
  const statistics = saved ? [device.empty([s.rows, 1]), device.empty([s.rows, 1])] : [];
  launch(layerNormKernel(s, eps, saved), inputs, [y, ...statistics]);
  return track("layerNorm", y, inputs, (dy) => {
    const [m, r] = statistics as [Tensor, Tensor];
    return [
      carriesGrad(x) ? inputGrad(x, dy, m, r, weight, s) : undefined,
      ...(weight ? [carriesGrad(weight) ? weightGrad(x, dy, m, r, weight) : undefined] : []),
      ...(bias ? [carriesGrad(bias) ? rowSum(dy, bias) : undefined] : []),
    ];
  });
}

function inputGrad(
  x: Tensor,
  dy: Tensor,
  m: Tensor,
  r: Tensor,
  weight: Tensor | undefined,
  s: LayerNormShape,
): Tensor {
  const dx = x.device.empty(x.shape, x.dtype);
  launch(layerNormGradKernel(s), [x, dy, m, r, ...(weight ? [weight] : [])], [dx]);
  return dx;
}

/** Σ dy · x̂ over the rows. */
function weightGrad(x: Tensor, dy: Tensor, m: Tensor, r: Tensor, weight: Tensor): Tensor {
  const rows = [m.size, weight.size];
  const [x2, g] = [x.view(rows), dy.view(rows)];
  const products = map("layerNorm gradient", { f: "g * (x - m) * r" }, { g, x: x2, m, r });
  const dw = rowSum(products, weight);
  products.dispose();
  return dw;
}

function rowSum(t: Tensor, like: Tensor): Tensor {
  const n = like.size;
  const options = { name: "layerNorm gradient", fold: "sum", into: emptyGrad(like) } as const;
  return foldMiddle(t, 1, t.size / n, n, options).view(like.shape);
}

function checkLayerNorm(x: Tensor, normalized: Shape, weight?: Tensor, bias?: Tensor): void {
  const named = Object.entries({ weight, bias }).filter(
    (e): e is [string, Tensor] => e[1] !== undefined,
  );
  const tensors = [x, ...named.map(([, t]) => t)];
  deviceOf("layerNorm", tensors);
  requireDType("layerNorm", "f32", ...named.map(([, t]) => t));
  const fail = (rule: string) =>
    new LoupeError("shape", `layerNorm: ${rule} (input ${show(x.shape)})`);
  const last = x.shape.slice(x.shape.length - normalized.length);
  if (normalized.length === 0 || last.join() !== normalized.join()) {
    throw fail(`normalizedShape ${show(normalized)} is not the end of the input's shape`);
  }
  for (const [name, t] of named) {
    if (t.shape.join() === normalized.join()) continue;
    throw fail(`${name} must be ${show(normalized)}, got ${show(t.shape)}`);
  }
}
