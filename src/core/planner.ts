/**
 * Chooses how an op is computed. A family of kernels lists its plans for a shape (see `Plan` in kernels/caps.ts); this picks one:
 * the plan that is forced, else the one that was measured to be the fastest (`tune`), else the first, which is good without
 * measuring. Only what is on the list for the shape can be picked, so a table from elsewhere can make an op slow, never wrong.
 *
 * Keys are classes of shapes: channels and kernel sizes as they are, counts of pixels rounded up to a power of two (`countClass`), so
 * that the last, smaller batch of an epoch has the plan of the others and few classes need measuring.
 */
import { LoupeError } from "../error.ts";
import type { DType, Plan } from "../kernels/index.ts";
import type { Shape, Tensor } from "./tensor.ts";

/** A plan's name for an op (`conv2d`) or for one class of its shapes (`conv2d <key>`); of several the first that a shape has. */
export type ForcedPlans = Readonly<Record<string, string | readonly string[]>>;

/**
 * For each `<op> <key>` the names of its plans from the fastest to the slowest, with spaces between: plain data, what a table of
 * measurements comes to. Plans that were found to be wrong are not among them.
 */
export type PlanChoices = Readonly<Record<string, string>>;

/** How to try the plans of an op on random numbers. */
export interface Trial<P extends Plan = Plan> {
  /** What the op reads. */
  readonly inputs: readonly { readonly shape: Shape; readonly dtype: DType }[];
  /** Additions and multiplications. */
  readonly flops: number;
  /** Products that are added up for one number of the result: what its rounding error grows with. */
  readonly depth: number;
  /** The op by this plan. Chooses nothing itself. */
  run(inputs: readonly Tensor[], plan: P): Tensor;
}

/** An op and a class of shapes that was asked for, with the plans of the first shape of the class. */
export interface PlanCase {
  readonly op: string;
  readonly key: string;
  readonly plans: readonly Plan[];
  /** Without it the case cannot be measured. */
  readonly trial: Trial | undefined;
}

/** More classes than any program has; those that come later are chosen for, but not noted. */
const mostSeen = 4096;

export class Planner {
  readonly #seen = new Map<string, PlanCase>();
  #forced: ReadonlyMap<string, readonly string[]> = new Map();
  #choices: PlanChoices = {};
  #measured: ReadonlyMap<string, readonly string[]> = new Map();

  /**
   * The plan for an op.
   * @param key the class of its shape; two shapes of a class may have different lists
   * @param plans those for this very shape, the best guess first, the plain one that others are checked against last
   * @param trial how to measure them; called once per class
   * @throws LoupeError `config` when none of the forced plans is on the list
   */
  choose<P extends Plan>(op: string, key: string, plans: readonly P[], trial?: () => Trial<P>): P {
    const id = `${op} ${key}`;
    if (!this.#seen.has(id) && this.#seen.size < mostSeen) {
      this.#seen.set(id, { op, key, plans, trial: trial?.() as Trial | undefined });
    }
    const forced = this.#forced.get(id) ?? this.#forced.get(op);
    if (forced) return forcedPlan(id, plans, forced);
    const plan = firstOf(this.#measured.get(id), plans) ?? plans[0];
    if (!plan) throw new LoupeError("shape", `${id}: there is no plan for this shape`);
    return plan;
  }

  /** Every op and class asked for so far, in the order of their first appearance. */
  get seen(): readonly PlanCase[] {
    return [...this.#seen.values()];
  }

  /** Forces plans from now on; those of before are forced no longer. */
  force(plans: ForcedPlans): void {
    const entries = Object.entries(plans).map(([where, names]) => {
      const list = typeof names === "string" ? [names] : names;
      if (list.length > 0) return [where, list] as const;
      throw new LoupeError("config", `plans: ${where} names no plan; leave it out`);
    });
    this.#forced = new Map(entries);
  }

  /** Uses these measurements from now on, and no others. A recorded program keeps what it was recorded with. */
  use(choices: PlanChoices): void {
    this.#choices = { ...choices };
    this.#measured = new Map(Object.entries(choices).map(([id, names]) => [id, names.split(" ")]));
  }

  /** The measurements in use. */
  get choices(): PlanChoices {
    return this.#choices;
  }

  /** Uses other measurements until it is disposed of. */
  borrow(choices: PlanChoices): Disposable {
    const before = this.#choices;
    this.use(choices);
    return { [Symbol.dispose]: () => this.use(before) };
  }
}

/** The first of these names that is on the list. */
function firstOf<P extends Plan>(
  names: readonly string[] | undefined,
  plans: readonly P[],
): P | undefined {
  for (const name of names ?? []) {
    const plan = plans.find((p) => p.name === name);
    if (plan) return plan;
  }
  return undefined;
}

function forcedPlan<P extends Plan>(id: string, plans: readonly P[], forced: readonly string[]): P {
  const plan = firstOf(forced, plans);
  if (plan) return plan;
  const known = plans.map((p) => p.name).join(", ") || "none";
  const text = `no plan ${forced.map((name) => `"${name}"`).join(" or ")} for this shape`;
  throw new LoupeError("config", `${id}: ${text}; there are: ${known}`);
}

/** The class of a count, as keys name it: the smallest power of two that is not less. */
export function countClass(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count)));
}
