/** γ(t) = γ0 + (γ1 − γ0) · g(t): OOM already mines hard pixels, so its exponent is the curriculum that is native to CDO. */
import { type GammaConfig, gammaConfig } from "./gamma-config.ts";
import type { GammaHook } from "./hook.ts";
import { scheduleOf } from "./schedule.ts";

/**
 * @example createGammaHook({ from: 0, to: 2 }) // uniform first, then hard pixels more and more
 * @throws LoupeError `config` as `gammaConfig`
 */
export function createGammaHook(config: GammaConfig): GammaHook {
  const { schedule, abnormal, ...normal } = gammaConfig(config, "gamma");
  const g = scheduleOf(schedule);
  const along =
    ({ from, to }: { readonly from: number; readonly to: number }) =>
    ({ t }: { readonly t: number }) =>
      from + (to - from) * g(t);
  const gamma = along(normal);
  if (!abnormal) return { gamma, scalars: (at) => ({ gamma: gamma(at) }) };
  const other = along(abnormal);
  return {
    gamma,
    abnormal: other,
    scalars: (at) => ({ gamma: gamma(at), gamma_abnormal: other(at) }),
  };
}
