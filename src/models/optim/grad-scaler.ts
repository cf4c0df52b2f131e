/**
 * Loss scaling, as PyTorch's `GradScaler`: small gradients would be lost in half precision, so the loss is multiplied by a large
 * number and the gradients are divided by it. Where one overflows, the step is skipped and the number made smaller; after
 * enough good steps in a row it is made larger. Micikevicius et al., "Mixed Precision Training" (ICLR 2018).
 *
 * Everything is decided on the GPU: nothing is read back, and a step can be recorded.
 */
import { cast, type Device, launch, maximum, mul, type Tensor } from "../../core/index.ts";
import { LoupeError } from "../../error.ts";
import { lossScaleKernel } from "../../kernels/index.ts";
import { hostTensor, type StateDict } from "../checkpoint/index.ts";
import { type Unscaled, unscaleGrads } from "./clip.ts";

export interface GradScalerSettings {
  /** Default 65536. */
  readonly initScale?: number;
  /** Default 2. */
  readonly growthFactor?: number;
  /** Default 0.5. */
  readonly backoffFactor?: number;
  /** Good steps in a row until the scale grows. Default 2000. */
  readonly growthInterval?: number;
}

/**
 * @example
 * const scaler = new GradScaler(device);
 * backward(scaler.scale(loss));
 * const { foundInf } = scaler.unscale(net.parameters(), 5); // clipped to a norm of 5
 * optimiser.step({ skip: foundInf });
 * scaler.update();
 */
export class GradScaler {
  readonly #settings: Required<GradScalerSettings>;
  readonly #scale: Tensor;
  /** Good steps in a row. */
  readonly #good: Tensor;
  #found: Tensor | undefined;

  constructor(device: Device, settings: GradScalerSettings = {}) {
    this.#settings = checked(settings);
    this.#scale = device.full([], this.#settings.initScale).keep();
    this.#good = device.zeros([], "u32").keep();
  }

  /** The loss, f32, times the scale. */
  scale(loss: Tensor): Tensor {
    return mul(cast(loss, "f32"), this.#scale);
  }

  /**
   * Divides gradients by the scale in place, clips them, and looks for infinities and NaN. Once per step and parameter.
   * @param maxNorm default: no clipping
   */
  unscale(params: readonly Tensor[], maxNorm = Number.POSITIVE_INFINITY): Unscaled {
    const result = unscaleGrads(params, this.#scale, maxNorm);
    const before = this.#found?.disposed ? undefined : this.#found; // of a step that failed
    this.#found = before ? maximum(before, result.foundInf) : result.foundInf;
    return result;
  }

  /** The scale of the next step, after `unscale` of all gradients of this one. */
  update(): void {
    const found = this.#found;
    if (!found) throw new LoupeError("config", "GradScaler: update() comes after unscale()");
    this.#found = undefined;
    launch(lossScaleKernel(this.#settings), [found], [this.#scale, this.#good]);
  }

  /** The scale, `[]`, until `update`. As the gradient of a loss it saves scaling the loss: `backward(loss, scaler.currentScale())`. */
  currentScale(): Tensor {
    return this.#scale.view();
  }

  /** PyTorch's names. Waits for the GPU. */
  async stateDict(): Promise<StateDict> {
    const { growthFactor, backoffFactor, growthInterval } = this.#settings;
    const [scale, good] = await Promise.all([this.#scale.item(), this.#good.item()]);
    const numbers = {
      scale,
      growth_factor: growthFactor,
      backoff_factor: backoffFactor,
      growth_interval: growthInterval,
      _growth_tracker: good,
    };
    const f64 = (value: number) => hostTensor("f64", [], Float64Array.of(value));
    return new Map(Object.entries(numbers).map(([name, value]) => [name, f64(value)]));
  }

  /**
   * Continues where the state dict was taken, with the same bits.
   * @throws LoupeError `checkpoint` when it is none of a scaler with these settings; nothing is changed then
   */
  loadStateDict(state: StateDict): void {
    const { scale, good } = this.checkState(state);
    const { device } = this.#scale;
    device.write(this.#scale, [scale]);
    device.write(this.#good, [good]);
  }

  /** Throws what `loadStateDict` would throw; gives the two numbers. */
  checkState(state: StateDict): { readonly scale: number; readonly good: number } {
    const { growthFactor, backoffFactor, growthInterval } = this.#settings;
    equal(state, "growth_factor", growthFactor);
    equal(state, "backoff_factor", backoffFactor);
    equal(state, "growth_interval", growthInterval);
    const scale = numberOf(state, "scale");
    const good = numberOf(state, "_growth_tracker");
    if (!(scale >= 0 && Number.isFinite(scale))) throw unfit(`scale is ${scale}`);
    if (!Number.isInteger(good) || good < 0 || good >= growthInterval) {
      throw unfit(`_growth_tracker is ${good}`);
    }
    return { scale, good };
  }

  dispose(): void {
    this.#scale.dispose();
    this.#good.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checked(given: GradScalerSettings): Required<GradScalerSettings> {
  const {
    initScale = 65_536,
    growthFactor = 2,
    backoffFactor = 0.5,
    growthInterval = 2000,
  } = given;
  const fail = (rule: string) => new LoupeError("config", `GradScaler: ${rule}`);
  if (!(initScale > 0 && initScale <= 2 ** 127)) {
    throw fail(`initScale must be more than 0, got ${initScale}`);
  }
  if (!(growthFactor > 1 && Number.isFinite(growthFactor))) {
    throw fail(`growthFactor must be more than 1, got ${growthFactor}`);
  }
  if (!(backoffFactor > 0 && backoffFactor < 1)) {
    throw fail(`backoffFactor must be between 0 and 1, got ${backoffFactor}`);
  }
  if (!Number.isInteger(growthInterval) || growthInterval < 1 || growthInterval >= 2 ** 32) {
    throw fail(`growthInterval must be a whole number from 1, got ${growthInterval}`);
  }
  return { initScale, growthFactor, backoffFactor, growthInterval };
}

function numberOf(state: StateDict, name: string): number {
  const value = state.get(name);
  if (value?.data.length === 1) return Number(value.data[0]);
  throw unfit(value ? `${name} is not a single number` : `${name} is missing`);
}

function equal(state: StateDict, name: string, own: number): void {
  const saved = numberOf(state, name);
  if (saved === own) return;
  throw unfit(`it was saved with ${name} ${saved}, this one has ${own}; set the same value`);
}

function unfit(message: string): LoupeError {
  return new LoupeError("checkpoint", `GradScaler: the state does not fit: ${message}`);
}
