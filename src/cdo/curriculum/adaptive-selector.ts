/**
 * Selector: a bandit over kinds of anomalies. After each epoch the arm that made its anomalies is paid by what the network has
 * learned of them, |m − m'| of the pixel AUROC on the arm's own probe before and after (learning progress: Graves et al., 1704.03003;
 * Matiisen et al., 1707.00183), and the next arm is drawn.
 */
import { type Strength, type Synthesis, seededRandom } from "../../data/index.ts";
import { fields } from "../../detector/index.ts";
import {
  type BanditState,
  drawn,
  newBandit,
  type Pull,
  paid,
  probabilities,
  remembered,
} from "./adaptive-bandit.ts";
import type { CompleteSelector } from "./adaptive-config.ts";
import { probed, tags } from "./adaptive-probe.ts";
import { numbersOf, readState } from "./adaptive-state.ts";
import { axisScalars, type PlainAxes, synthesisOf, textureNames } from "./axes.ts";
import type { EpochPosition, Surroundings, SynthesisHook } from "./hook.ts";

/** One kind of anomalies. */
export interface Arm {
  /** Such as `freq+alpha@0.5`. */
  readonly name: string;
  readonly axes: PlainAxes;
  readonly strength: Strength;
}

interface State extends BanditState {
  /** Of the epoch that comes or is running. */
  readonly arm: number;
  /** With which it was drawn. */
  readonly chance: number;
  /** AUROC on its probe when it was drawn; null where it does not exist. */
  readonly before: number | null;
  /** What the last epoch's arm paid. */
  readonly reward: number;
}

const share = fields.number("a number from 0 to 1", (v) => v >= 0 && v <= 1);

/** @param side of the image where it is painted, pixels */
export function createSelectorHook(
  config: CompleteSelector,
  { seed, side }: { readonly seed: number; readonly side: number },
): SynthesisHook {
  const arms = armsOf(config);
  const rules = rulesOf(arms.length);
  let resumed = false;
  let state: State = { ...draw(newBandit(arms.length), 0), before: null, reward: 0 };
  const current = () => arms[state.arm] as Arm;

  function draw(bandit: BanditState, epoch: number): BanditState & Pick<State, "arm" | "chance"> {
    const chances = probabilities(bandit, config);
    const arm = drawn(chances, seededRandom(seed, epoch, tags.choice).uniform());
    return { ...bandit, arm, chance: chances[arm] as number };
  }
  const look = (around: Surroundings) => probed(around, madeBy(current()), config.probe);

  return {
    synthesis: () => madeBy(current()),
    async begin(around) {
      if (!resumed) state = { ...state, before: await look(around) };
    },
    async endEpoch({ epoch }: EpochPosition, around) {
      const after = await look(around);
      const { arm, chance, before } = state;
      const reward = before === null || after === null ? 0 : Math.abs(after - before);
      state = {
        ...draw(paid(state, { arm, reward }, chance, config), epoch + 1),
        before: after,
        reward,
      };
      if (state.arm !== arm) state = { ...state, before: await look(around) };
    },
    scalars: () => ({
      ...{ arm: state.arm, reward: state.reward },
      ...axisScalars(current().axes, () => current().strength, side),
      ...Object.fromEntries(
        probabilities(state, config).map((chance, arm) => [`p.${arms[arm]?.name}`, chance]),
      ),
    }),
    state: () => state,
    loadState(given) {
      state = readState<State>("selector", given, rules);
      resumed = true;
    },
  };
}

/** Texture × opacity × level of s. Where nothing has a strength there is one arm for all levels. */
export function armsOf({ axes, levels }: CompleteSelector): readonly Arm[] {
  const { alpha, guard = true } = axes;
  const textures = textureNames.filter((name) => axes[name] !== undefined);
  const kinds: readonly PlainAxes[] = [{}, ...textures.map((name) => ({ [name]: axes[name] }))];
  const each = kinds.flatMap((kind) => (alpha ? [kind, { ...kind, alpha }] : [kind]));
  return each.flatMap((kind) => {
    const name = Object.keys(kind).join("+") || "normal";
    const many = name === "normal" ? 1 : levels;
    return Array.from({ length: many }, (_, level): Arm => {
      const s = (level + 0.5) / many;
      const strength: Strength = many === 1 ? { kind: "uniform" } : { kind: "fixed", s };
      const suffix = many === 1 ? "" : `@${+s.toFixed(3)}`;
      return { name: `${name}${suffix}`, axes: { ...kind, guard }, strength };
    });
  });
}

function madeBy({ axes, strength }: Arm): Synthesis {
  return synthesisOf(axes, () => strength);
}

function rulesOf(arms: number): fields.FieldRules<State> {
  const isArm = fields.whole(0, arms - 1);
  const isPull = (v: unknown) =>
    fields.isObject(v) && isArm.holds(v.arm) && share.holds((v as unknown as Pull).reward);
  return {
    weights: numbersOf(arms),
    pulls: {
      rule: `a list of at most ${remembered} rewards of arms`,
      holds: (v) => Array.isArray(v) && v.length <= remembered && v.every(isPull),
    },
    arm: isArm,
    chance: fields.number("a number above 0, at most 1", (v) => v > 0 && v <= 1),
    before: { rule: "a number from 0 to 1, or null", holds: (v) => v === null || share.holds(v) },
    reward: share,
  };
}
