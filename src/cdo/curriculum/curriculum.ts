/** A curriculum at work: its hooks asked and told in one fixed order (images, anomalies, weights, γ), its state in one piece. */
import type { Batch } from "../../data/index.ts";
import type { EpochPlan } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import type {
  EpochPosition,
  GammaHook,
  Hook,
  OrderHook,
  Surroundings,
  SynthesisHook,
  WeightHook,
} from "./hook.ts";

/** At most one hook in each place. */
export interface CurriculumHooks {
  readonly order?: OrderHook | undefined;
  readonly synthesis?: SynthesisHook | undefined;
  readonly weights?: WeightHook | undefined;
  readonly gamma?: GammaHook | undefined;
}

export interface CurriculumSpan {
  readonly epochs: number;
  /** "full": t = e / (E − 1), so that it ends at 1; "fork": t = e / E, as the fork counts. */
  readonly progress: "full" | "fork";
}

const places = ["order", "synthesis", "weights", "gamma"] as const;

export class Curriculum {
  readonly hooks: CurriculumHooks;
  readonly #span: CurriculumSpan;
  readonly #all: readonly (readonly [place: (typeof places)[number], hook: Hook])[];

  constructor(hooks: CurriculumHooks, span: CurriculumSpan) {
    this.hooks = hooks;
    this.#span = span;
    this.#all = places.flatMap((place) => {
      const hook = hooks[place];
      return hook ? [[place, hook] as const] : [];
    });
  }

  position(epoch: number): EpochPosition {
    const { epochs, progress } = this.#span;
    const last = Math.max(1, progress === "fork" ? epochs : epochs - 1);
    return { epoch, epochs, t: Math.min(1, epoch / last) };
  }

  /** How many of the controls are γ. */
  get gammas(): number {
    const { gamma } = this.hooks;
    return gamma ? (gamma.abnormal ? 2 : 1) : 0;
  }

  async begin(around: Surroundings): Promise<void> {
    for (const [, hook] of this.#all) await hook.begin?.(around);
  }

  /** @param count training images */
  plan(epoch: number, count: number): EpochPlan {
    const at = this.position(epoch);
    const { order, synthesis } = this.hooks;
    const scalars = Object.assign({ t: at.t }, ...this.#all.map(([, hook]) => hook.scalars(at)));
    return {
      ...(order ? { order: order.order(at, count) } : {}),
      ...(synthesis ? { synthesis: synthesis.synthesis(at) } : {}),
      scalars,
    };
  }

  /**
   * The numbers of an epoch that the loss reads: γ if it is scheduled (of normal and of abnormal pixels, where they differ), then
   * those of the weights. Empty if there are none.
   */
  controls(epoch: number): readonly number[] {
    const at = this.position(epoch);
    const { gamma, weights } = this.hooks;
    const gammas = gamma ? [gamma.gamma(at), ...(gamma.abnormal ? [gamma.abnormal(at)] : [])] : [];
    return [...gammas, ...(weights?.controls(at) ?? [])];
  }

  observe(losses: Float32Array, meanLoss: number, batch: Batch): void {
    for (const [, hook] of this.#all) hook.observe?.(losses, meanLoss, batch);
  }

  async endEpoch(epoch: number, around: Surroundings): Promise<void> {
    for (const [, hook] of this.#all) await hook.endEpoch?.(this.position(epoch), around);
  }

  /** What a resumed training needs; undefined when everything follows from the epoch. */
  state(): Readonly<Record<string, unknown>> | undefined {
    const states = this.#all.flatMap(([place, hook]) =>
      hook.state ? [[place, hook.state()] as const] : [],
    );
    return states.length > 0 ? Object.fromEntries(states) : undefined;
  }

  /** @throws LoupeError `checkpoint` for the state of another curriculum */
  loadState(state: Readonly<Record<string, unknown>> | undefined): void {
    for (const [place, hook] of this.#all) {
      if (!hook.loadState) continue;
      const own = state?.[place];
      if (own === undefined) {
        const next = "it is of another curriculum; start the run anew with --overwrite";
        throw new LoupeError("checkpoint", `curriculum: the state lacks \`${place}\`: ${next}`);
      }
      hook.loadState(own);
    }
  }
}
