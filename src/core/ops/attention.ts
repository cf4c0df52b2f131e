/** Attention of several heads without its matrix, with what the Gaussian prior over a grid asks of it, and the gradients. */
import { LoupeError } from "../../error.ts";
import {
  type AttentionShape,
  attentionFacts,
  attentionKernel,
  attentionKeyGradKernel,
  attentionPlan,
  attentionQueryGradKernel,
  attentionRowsKernel,
} from "../../kernels/index.ts";
import { carriesGrad, isGradEnabled, trackAll } from "../autograd.ts";
import { capsOf } from "../caps.ts";
import { deviceOf, launch, show } from "../launch.ts";
import type { Tensor } from "../tensor.ts";
import { floatOf } from "./float.ts";

/** A target for the weights of each query: a Gaussian over the grid around its own place, normalised where the grid ends. */
export interface AttentionPrior {
  /** Standard deviations `[B, Lq, heads, 2]` in cells, first along the rows' axis, then along the columns'; positive. */
  readonly sigma: Tensor;
  /** Rows and columns; position = row · columns + column. */
  readonly grid: readonly [number, number];
}

export interface AttentionOptions {
  /** Consecutive groups of channels, each with weights of its own. */
  readonly heads: number;
  /** Of q kᵀ. Default 1 / √(channels of a head). */
  readonly scale?: number;
  readonly prior?: AttentionPrior;
}

/** Attention with a prior T; P are the weights, ε = 1e-4. */
export interface Attended {
  /** `[B, Lq, d]`. */
  readonly out: Tensor;
  /** Σⱼ (P − T)(log(P + ε) − log(T + ε)), both Kullback–Leibler divergences, `[B, heads, Lq]`. Its gradient reaches P only. */
  readonly mapDivergence: Tensor;
  /** The same numbers. Their gradient reaches σ only. */
  readonly priorDivergence: Tensor;
  /** −Σⱼ P log(P + ε), `[B, heads, Lq]`. */
  readonly entropy: Tensor;
}

/**
 * softmax(scale · q kᵀ) v for each head, `[B, Lq, d]`, f32. Weights are computed where they are used and never stored: memory grows
 * with Lq + Lk. Vaswani et al., "Attention Is All You Need" (2017); the prior: Yao et al., "Focus the Discrepancy" (2023).
 * @param q `[B, Lq, d]`
 * @param k and v: `[B, Lk, d]`, or `[1, Lk, d]` for all of the batch; with a prior Lk = Lq = rows · columns
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions & { readonly prior: AttentionPrior },
): Attended;
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor;
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Tensor | Attended {
  const { prior } = options;
  const shape = check(q, k, v, options);
  const inputs = [q, k, v, ...(prior ? [prior.sigma] : [])];
  const { device } = q;
  const saving = isGradEnabled() && inputs.some(carriesGrad);
  const rows = [shape.batch, shape.heads, shape.queries];
  const sums = prior ? [device.empty(rows), device.empty(rows)] : [];
  const saved = saving ? device.empty([...rows, prior ? 12 : 2]) : undefined;
  const out = device.empty(q.shape);
  const results = [out, ...sums, ...(saved ? [saved] : [])];
  if (shape.keys === 0 || shape.width === 0) for (const t of results) device.fill(t, 0);
  else if (out.size) {
    const sigma = prior ? floatOf(prior.sigma, "attention") : "f32";
    launch(attentionKernel(shape, { saved: saving, sigma }), inputs, results);
  }
  const [divergence, entropy] = sums;
  const outputs = divergence ? [out, divergence, divergence.view(), entropy as Tensor] : [out];
  trackAll("attention", outputs, inputs, (dys) =>
    gradients(shape, inputs, out, saved as Tensor, dys),
  );
  if (!divergence) return out;
  const [, mapDivergence, priorDivergence] = outputs as [Tensor, Tensor, Tensor];
  return { out, mapDivergence, priorDivergence, entropy: entropy as Tensor };
}

/** Gradients of q, k, v and σ. */
function gradients(
  shape: AttentionShape,
  inputs: readonly Tensor[],
  out: Tensor,
  saved: Tensor,
  dys: readonly (Tensor | undefined)[],
): (Tensor | undefined)[] {
  const [q, k, v, sigma] = inputs as [Tensor, Tensor, Tensor, Tensor | undefined];
  const { device } = q;
  if (out.size === 0 || k.size === 0) return inputs.map((t) => device.zeros(t.shape, t.dtype));
  const [dy, map, prior, entropy] = dys;
  const rows = [shape.batch, shape.heads, shape.queries];
  const dOut = dy ?? device.zeros(out.shape);
  const none = sigma && !(map && prior && entropy) ? device.zeros(rows) : undefined;
  const given = sigma ? [map, prior, entropy].map((t) => t ?? (none as Tensor)) : [];
  const facts = device.empty([...rows, attentionFacts]);
  const dSigma = sigma ? [device.empty(sigma.shape)] : [];
  launch(attentionRowsKernel(shape), [out, dOut, saved, ...given], [facts, ...dSigma]);
  if (!dy && !map && !entropy) return [undefined, undefined, undefined, ...dSigma];
  const like = (t: Tensor) => (carriesGrad(t) ? device.empty(t.shape, t.dtype) : undefined);
  const [dq, dk, dv] = [like(q), like(k), like(v)];
  const read = [q, k, v, dOut, facts];
  if (dq) launch(attentionQueryGradKernel(shape), read, [dq]);
  const wanted = { k: !!dk, v: !!dv };
  const written = [dk, dv].filter((t) => t !== undefined);
  if (written.length) launch(attentionKeyGradKernel(shape, wanted), read, written);
  return [dq, dk, dv, ...dSigma];
}

function check(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): AttentionShape {
  const { heads, scale, prior } = options;
  deviceOf("attention", [q, k, v, ...(prior ? [prior.sigma] : [])]);
  const stored = {
    q: floatOf(q, "attention"),
    k: floatOf(k, "attention"),
    v: floatOf(v, "attention"),
  };
  const text = `(q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)})`;
  const fail = (rule: string, code: "shape" | "config" = "shape") =>
    new LoupeError(code, `attention: ${rule} ${text}`);
  const [batch, queries, d] = q.shape as [number, number, number];
  const [images, keys, dk] = k.shape as [number, number, number];
  if ([q, k, v].some((t) => t.shape.length !== 3)) throw fail("needs q, k and v of [B, L, d]");
  if (k.shape.join() !== v.shape.join()) throw fail("k and v differ");
  if (d !== dk) throw fail(`rows of q have ${d} channels, those of k ${dk}`);
  if (images !== batch && images !== 1) throw fail(`k has ${images} images, q ${batch}`);
  if (!Number.isInteger(heads) || heads < 1 || d % heads !== 0) {
    throw fail(`${heads} heads do not divide ${d} channels`);
  }
  if (scale !== undefined && !Number.isFinite(scale)) {
    throw fail(`scale must be a number, got ${scale}`, "config");
  }
  const width = d / heads;
  if (prior) checkPrior(prior, [batch, queries, heads, 2], keys, fail);
  return {
    batch,
    heads,
    queries,
    keys,
    width,
    shared: images === 1,
    scale: scale ?? 1 / Math.sqrt(width || 1),
    grid: prior?.grid,
    stored,
    plan: attentionPlan(capsOf(q.device), width),
  };
}

function checkPrior(
  { sigma, grid }: AttentionPrior,
  shape: readonly number[],
  keys: number,
  fail: (rule: string) => LoupeError,
): void {
  floatOf(sigma, "attention");
  if (sigma.shape.join() !== shape.join()) {
    throw fail(`sigma must be ${show(shape)}, got ${show(sigma.shape)}`);
  }
  const [rows, columns] = grid;
  const cells = rows * columns;
  if (!grid.every((n) => Number.isInteger(n) && n >= 1) || cells !== keys || cells !== shape[1]) {
    throw fail(`a grid of ${rows} × ${columns} needs as many rows of q and of k`);
  }
}
