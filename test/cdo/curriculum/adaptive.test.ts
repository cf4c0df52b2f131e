/** Anomalies that follow what the network has learned: gate, plateau, bandit, and that they go on from a checkpoint as if nothing had been. */
import { describe, expect, test } from "vitest";
import { plateauConfig } from "../../../src/cdo/curriculum/adaptive-config.ts";
import { advanced } from "../../../src/cdo/curriculum/adaptive-plateau.ts";
import type { SynthesisConfig } from "../../../src/cdo/curriculum/config.ts";
import type { SynthesisHook } from "../../../src/cdo/curriculum/hook.ts";
import { createSynthesisHook } from "../../../src/cdo/curriculum/synthesis-hook.ts";
import type { Batch, Synthesis } from "../../../src/data/index.ts";
import { type FakeOptions, fakeSurroundings, positions } from "./fakes.ts";

const noBatch = {} as Batch;
const none = new Float32Array(0);

interface Course extends Partial<FakeOptions> {
  readonly config: SynthesisConfig;
  readonly epochs?: number;
  /** The loss of a step; three steps make an epoch. */
  readonly loss?: (epoch: number, step: number) => number;
  /** Begin anew from the saved state before these epochs. */
  readonly cuts?: readonly number[];
  readonly seed?: number;
}

/** What each epoch painted and told. */
async function course({
  config,
  epochs = 12,
  loss = () => 1,
  cuts = [],
  seed = 1,
  ...fake
}: Course) {
  let epochNow = 0;
  const skill = fake.skill ?? (() => 1);
  const made = fakeSurroundings({ ...fake, seed, skill: (s) => skill(s) });
  const start = async (saved?: unknown) => {
    const hook = createSynthesisHook(config, { seed });
    if (saved !== undefined) hook.loadState?.(saved);
    await hook.begin?.(made.around);
    return hook;
  };
  let hook: SynthesisHook = await start();
  const seen: { synthesis: Synthesis; scalars: Readonly<Record<string, number>> }[] = [];
  for (const at of positions(epochs)) {
    epochNow = at.epoch;
    if (cuts.includes(epochNow)) {
      hook = await start(JSON.parse(JSON.stringify(hook.state?.())));
    }
    seen.push({ synthesis: hook.synthesis(at), scalars: hook.scalars(at) });
    for (let step = 0; step < 3; step++) hook.observe?.(none, loss(epochNow, step), noBatch);
    await hook.endEpoch?.(at, made.around);
  }
  return { seen, looks: made.looks };
}

const strengths = (run: Awaited<ReturnType<typeof course>>) =>
  run.seen.map(({ synthesis: { texture } }) =>
    texture && "strength" in texture && texture.strength.kind === "fixed" ? texture.strength.s : -1,
  );

describe("the mastery gate", () => {
  const config = { gate: { axes: { freq: {} } } };

  test("goes up after two epochs of mastery, to 1 and no further", async () => {
    const s = strengths(await course({ config, epochs: 24 }));
    expect(s.slice(0, 7)).toEqual([0, 0, 0.1, 0.1, 0.2, 0.2, 0.3]);
    expect(s.slice(-3)).toEqual([1, 1, 1]);
  });

  test("goes down at once when the network finds too little, and waits between", async () => {
    const answers = [0.5, 0.9, 1, 0.9, 1, 1, 0.9];
    let asked = 0;
    const run = await course({
      config: { gate: { axes: { freq: {}, alpha: {} }, start: 0.5 } },
      epochs: 8,
      skill: () => answers[asked++] ?? 0.9,
    });
    expect(strengths(run)).toEqual([0.5, 0.45, 0.45, 0.45, 0.45, 0.45, 0.55, 0.55]);
    expect(run.seen[0]?.synthesis.opacity?.strength).toEqual({ kind: "fixed", s: 0.5 });
    expect(run.seen[1]?.scalars).toMatchObject({ s: 0.45, "probe.pixel_auroc": 0.5 });
    expect(run.seen[0]?.scalars["probe.pixel_auroc"]).toBe(undefined);
  });

  test("takes anomalies that the guard dropped altogether for too hard", async () => {
    const run = await course({
      config: { gate: { axes: { amp: {} }, start: 0.2 } },
      survives: false,
      epochs: 3,
    });
    expect(strengths(run)).toEqual([0.2, 0.15, 0.1]);
  });

  test("looks at the same normal training images with the same boxes each time", async () => {
    const { looks } = await course({
      config: { gate: { axes: { freq: {} }, probe: 3 } },
      labels: [0, 1, 0, 1, 0, 0, 0],
    });
    expect(looks.length).toBe(12);
    const [{ places, key } = { places: [], key: 0 }] = looks;
    expect(new Set(places).size).toBe(3);
    expect(places.every((place) => ![1, 3].includes(place))).toBe(true);
    for (const look of looks) expect([look.places, look.key]).toEqual([places, key]);
  });

  test("refuses to look at more than fits in memory", async () => {
    const { around } = fakeSurroundings({ skill: () => 1, labels: [0, 0, 0, 0, 0] });
    const big = {
      ...around.set,
      async *probe(...looked: Parameters<typeof around.set.probe>) {
        for await (const batch of around.set.probe(...looked)) yield { ...batch, side: 8192 };
      },
    };
    const hook = createSynthesisHook({ gate: { axes: { freq: {} } } }, { seed: 1 });
    const [at] = positions(2);
    await expect(hook.endEpoch?.(at!, { ...around, set: big })).rejects.toThrow(
      "curriculum: probe: 5 images of 8192 x 8192 pixels are more than fit in memory; lower probe to 1 or",
    );
  });

  test("looks at other boxes where no image of the probe got one, the same ones each time", async () => {
    const first = new Set<number>();
    const painted = ({ key }: { key: number }) => {
      if (first.size < 2) first.add(key);
      return ![...first].includes(key);
    };
    const { looks } = await course({ config, painted, epochs: 2, labels: [0] });
    expect(new Set(looks.map(({ key }) => key)).size).toBe(3);
    expect(looks[2]?.key).toBe(looks.at(-1)?.key);
  });

  test("says so when there is nothing to look at", async () => {
    await expect(course({ config, labels: [1, 1] })).rejects.toThrow(
      "curriculum: there is no normal image to look at; take a curriculum without selector and gate",
    );
    await expect(course({ config, painted: () => false })).rejects.toThrow(
      "curriculum: no image gets a synthetic anomaly",
    );
  });
});

describe("the plateau", () => {
  const config = { plateau: { axes: { freq: {} }, levels: 3, patience: 2, smoothing: 0 } };

  test("stays while the loss falls and goes on when it doesn't, also below 0", async () => {
    const flat = strengths(await course({ config, epochs: 10 }));
    expect(flat).toEqual([0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1, 1]);
    const falling = strengths(await course({ config, epochs: 10, loss: (epoch) => -epoch }));
    expect(new Set(falling)).toEqual(new Set([0]));
    const rising = strengths(await course({ config, epochs: 4, loss: (epoch) => epoch - 10 }));
    expect(rising).toEqual([0, 0, 0, 0.5]);
  });

  test("smooths the loss of the steps with 0.9", async () => {
    const { seen } = await course({
      config: { plateau: { axes: { freq: {} } } },
      epochs: 2,
      loss: (_, step) => [1, 2, 4][step] as number,
    });
    expect(seen[1]?.scalars["loss.ema"]).toBeCloseTo(0.9 * (0.9 * 1 + 0.1 * 2) + 0.1 * 4, 12);
  });

  test("wants one per cent over three epochs", () => {
    const complete = plateauConfig({ axes: { freq: {} } }, "here");
    const levelAfter = (past: number[], ema: number) =>
      advanced({ level: 0, ema, past }, complete).level;
    expect(levelAfter([100, 99.9, 99.8], 99.1)).toBe(1);
    expect(levelAfter([100, 99.9, 99.8], 98.9)).toBe(0);
    expect(levelAfter([100, 99.9], 99.9)).toBe(0);
    expect(levelAfter([-100, -100.1, -100.2], -100.9)).toBe(1);
    expect(levelAfter([-100, -100.1, -100.2], -101.1)).toBe(0);
    expect(levelAfter([0, 0, 0], 0)).toBe(1);
  });
});

describe("the selector", () => {
  const exp3 = { selector: { levels: 2 } };
  const greedy = { selector: { method: "greedy", levels: 1 } } as const;
  const seenArms = async (options: Course) =>
    (await course(options)).seen.map(({ scalars }) => scalars.arm);

  test("has an arm for each texture, opacity and level", async () => {
    const [first] = (await course({ config: exp3, epochs: 1 })).seen;
    const names = Object.keys(first?.scalars ?? {}).filter((key) => key.startsWith("p."));
    expect(names.map((name) => name.slice(2))).toEqual([
      ...["normal", "alpha@0.25", "alpha@0.75", "amp@0.25", "amp@0.75"],
      ...["amp+alpha@0.25", "amp+alpha@0.75", "freq@0.25", "freq@0.75"],
      ...["freq+alpha@0.25", "freq+alpha@0.75"],
    ]);
    const drawn = (await course({ config: greedy, epochs: 1 })).seen[0]?.scalars ?? {};
    expect(Object.keys(drawn).filter((key) => key.startsWith("p."))).toEqual([
      ...["p.normal", "p.alpha", "p.amp", "p.amp+alpha", "p.freq", "p.freq+alpha"],
    ]);
  });

  test("draws the same sequence for the same seed, and another for another", async () => {
    const run = (seed: number) => seenArms({ config: exp3, epochs: 20, seed });
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  test("does not share what it has learned with another run in the same process", async () => {
    const alone = await seenArms({ config: greedy, epochs: 20 });
    const [one, other] = await Promise.all([
      seenArms({ config: greedy, epochs: 20 }),
      seenArms({ config: greedy, epochs: 20, skill: () => 0.5 }),
    ]);
    expect(one).toEqual(alone);
    expect(other.length).toBe(20);
  });

  test("pays the arm of the epoch by the progress on its own probe", async () => {
    let asked = 0;
    const answers = [0.5, 0.7, 0.7, 0.9];
    const { seen, looks } = await course({
      config: { selector: { axes: { freq: {} }, levels: 1 } },
      epochs: 2,
      skill: () => answers[asked++] ?? 0.9,
    });
    expect(seen[0]?.scalars.reward).toBe(0);
    expect(seen[1]?.scalars.reward).toBeCloseTo(0.2, 12);
    expect(looks[0]?.synthesis).toEqual(seen[0]?.synthesis);
    expect(looks[1]?.synthesis).toEqual(seen[0]?.synthesis);
  });

  test("comes to prefer what the network learns from, not what it finds easiest", async () => {
    for (const config of [{ selector: { levels: 1 } }, greedy]) {
      const gained = new Map<string, number>();
      /** Progress with freq alone; amp is found at once and teaches nothing. */
      const skill = (synthesis: Synthesis | undefined) => {
        const kind = synthesis?.opacity ? "other" : (synthesis?.texture?.kind ?? "normal");
        if (kind === "amp") return 1;
        if (kind !== "freq") return 0.5;
        const looks = (gained.get(kind) ?? 0) + 1;
        gained.set(kind, looks);
        return looks % 2 === 0 ? 1 : 0.5;
      };
      const { seen } = await course({ config, epochs: 150, skill });
      const late = seen.slice(75).map(({ synthesis }) => synthesis);
      const count = (kind: string) =>
        late.filter(({ texture, opacity }) => !opacity && texture?.kind === kind).length;
      expect(count("freq")).toBeGreaterThan(2 * count("amp"));
      expect(count("freq")).toBeGreaterThan(late.length / 3);
    }
  });

  test("gives no reward where an arm's anomalies can't be seen at all", async () => {
    const { seen } = await course({ config: exp3, survives: false, epochs: 4 });
    expect(seen.map(({ scalars }) => scalars.reward)).toEqual([0, 0, 0, 0]);
  });
});

describe("what was learned", () => {
  const skill = (synthesis: Synthesis | undefined) => {
    const { texture } = synthesis ?? {};
    const s =
      texture && "strength" in texture && texture.strength.kind === "fixed"
        ? texture.strength.s
        : 0.5;
    return Math.round(20 * (1 - s / 3)) / 20;
  };
  const configs: Record<string, SynthesisConfig> = {
    gate: { gate: { axes: { freq: {} } } },
    plateau: { plateau: { axes: { freq: {} }, patience: 1 } },
    exp3: { selector: {} },
    greedy: { selector: { method: "greedy" } },
  };

  test.each(Object.keys(configs))(
    "of %s goes on from a cut after any epoch as without one",
    async (name) => {
      const options = {
        ...{ config: configs[name] as SynthesisConfig, epochs: 9, skill },
        loss: (epoch: number, step: number) => 1 / (1 + epoch) + 0.01 * step,
      };
      const whole = (await course(options)).seen;
      for (let cut = 1; cut < 9; cut++) {
        expect((await course({ ...options, cuts: [cut] })).seen).toEqual(whole);
      }
      expect((await course({ ...options, cuts: [1, 2, 3, 4, 5, 6, 7, 8] })).seen).toEqual(whole);
    },
  );

  test("of the plateau goes on in the middle of an epoch", async () => {
    const run = (cut: number) => {
      let hook = createSynthesisHook(configs.plateau as SynthesisConfig, { seed: 1 });
      for (let step = 0; step < 5; step++) {
        if (step === cut) {
          const saved = JSON.parse(JSON.stringify(hook.state?.()));
          hook = createSynthesisHook(configs.plateau as SynthesisConfig, { seed: 1 });
          hook.loadState?.(saved);
        }
        hook.observe?.(none, 1 / (1 + step), noBatch);
      }
      return hook.state?.();
    };
    for (let cut = 1; cut < 5; cut++) expect(run(cut)).toEqual(run(-1));
  });

  test.each<[string, unknown, string]>([
    ["gate", undefined, "curriculum: state of the gate is missing"],
    ["gate", { s: 2, streak: 0, auroc: null }, "s must be a number from 0 to 1, got 2"],
    ["gate", { s: 0, streak: 0, auroc: "1" }, "auroc must be"],
    [
      "plateau",
      { level: 9, ema: null, past: [] },
      "level must be a whole number from 0 to 4, got 9",
    ],
    ["plateau", { level: 0, ema: null, past: [null] }, "past must be a list of at most 2 numbers"],
    ["exp3", { weights: [0] }, "weights must be 16 numbers"],
    ["exp3", { weights: new Array(16).fill(0), pulls: [{ arm: 16, reward: 0 }] }, "pulls must be"],
  ])("of %s is refused unless it is its own: %j", (name, state, message) => {
    const hook = createSynthesisHook(configs[name] as SynthesisConfig, { seed: 1 });
    let error: unknown;
    try {
      hook.loadState?.(state);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "checkpoint", message: expect.stringContaining(message) });
  });
});
