import { describe, expect, test } from "vitest";
import { type CurriculumConfig, curriculumConfig } from "../../../src/cdo/curriculum/config.ts";
import { nameOfCurriculum } from "../../../src/cdo/curriculum/name.ts";
import { curriculumPresets, presetNames } from "../../../src/cdo/curriculum/presets.ts";
import { curriculumOfWords } from "../../../src/cdo/curriculum/words.ts";

const named = (words: string) => nameOfCurriculum(curriculumOfWords(words) ?? {});

describe("a config of a curriculum", () => {
  test("is complete after it was checked, and then stays as it is", () => {
    expect(curriculumConfig({})).toEqual({ progress: "full" });
    expect(curriculumConfig({ synthesis: { freq: {} } })).toEqual({
      progress: "full",
      synthesis: {
        freq: { lowest: 1, schedule: { name: "linear", a: 0.8, b: 0 } },
        guard: true,
      },
    });
    for (const name of presetNames) {
      const once = curriculumConfig(curriculumPresets[name].config);
      expect(curriculumConfig(JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });

  test.each<[unknown, string]>([
    [undefined, "curriculum: must be an object, { … }, it is missing"],
    [[], "curriculum: must be an object, { … }, got []"],
    [
      { synthesis: { freq: { schedule: "linear" } } },
      'curriculum.synthesis.freq.schedule: must be an object, { … }, got a text; did you mean { "name": "linear" }?',
    ],
    [{ order: { difficulty: null } }, "curriculum.order.difficulty: must be an object"],
    [{ order: { pacing: null } }, "curriculum.order.pacing: must be an object, { … }, got null"],
    [{ weights: { name: "hard", schedule: null } }, "curriculum.weights.schedule: must be an"],
    [{ gamma: { from: 0, to: 2, schedule: null } }, "curriculum.gamma.schedule: must be an object"],
    [{ weights: "hard" }, "curriculum.weights: must be an object, { … }, got a text; did you mean"],
    [{ progess: "fork" }, 'there is no setting "progess"; did you mean "progress"?'],
    [{ progress: "half" }, 'curriculum: progress must be "full" or "fork", got "half"'],
    [{ name: "../x" }, "curriculum: name must be 1 to 80 letters"],
    [{ name: "" }, "curriculum: name must be"],
    [{ synthesis: {} }, "curriculum.synthesis: nothing gets harder; name at least one axis: amp"],
    [{ synthesis: { guard: true } }, "curriculum.synthesis: nothing gets harder"],
    [{ synthesis: { frq: {} } }, 'curriculum.synthesis: there is no setting "frq"'],
    [{ synthesis: { freq: 1 } }, "curriculum.synthesis.freq: must be an object, { … }, got 1"],
    [{ synthesis: { freq: {}, amp: {} } }, "amp and freq both fill the patches; keep one"],
    [
      { synthesis: { freq: { schedule: { name: "step", k: 1 } } } },
      "curriculum.synthesis.freq.schedule: k must be a whole number from 2 to 10000, got 1",
    ],
    [
      { synthesis: { freq: { schedule: { name: "randm" } } } },
      'curriculum.synthesis.freq.schedule: name must be "linear"',
    ],
    [
      { synthesis: { freq: { schedule: { name: "gaussian", sigma: 0 } } } },
      "curriculum.synthesis.freq.schedule: sigma must be a number above 0",
    ],
    [
      { synthesis: { freq: { schedule: { name: "gaussian", mean: { name: "step", k: 0 } } } } },
      "curriculum.synthesis.freq.schedule.mean: k must be",
    ],
    [
      { synthesis: { alpha: { most: 2 } } },
      "curriculum.synthesis.alpha: most must be a number above 0",
    ],
    [
      { synthesis: { freq: { lowest: 0 } } },
      "curriculum.synthesis.freq: lowest must be a number of bins",
    ],
    [{ synthesis: { guard: "no", freq: {} } }, "curriculum.synthesis: guard must be true or false"],
    [
      { synthesis: { selector: {}, freq: {} } },
      'curriculum.synthesis: it has both selector and "freq"; one strategy makes the anomalies',
    ],
    [
      { synthesis: { gate: {} } },
      "curriculum.synthesis.gate: axes must be an object, { … }, it is missing",
    ],
    [{ synthesis: { gate: { axes: {} } } }, "curriculum.synthesis.gate.axes: nothing gets harder"],
    [
      { synthesis: { gate: { axes: { freq: { schedule: { name: "linear" } } } } } },
      "curriculum.synthesis.gate.axes.freq: schedule has no effect here",
    ],
    [
      { synthesis: { gate: { axes: { freq: {} }, above: 0.5 } } },
      "curriculum.synthesis.gate: below must not be over above, got 0.8 and 0.5",
    ],
    [
      { synthesis: { plateau: { axes: { freq: {} }, levels: 1 } } },
      "levels must be a whole number from 2",
    ],
    [
      { synthesis: { selector: { method: "ucb" } } },
      'method must be "exp3" or "greedy", got "ucb"',
    ],
    [
      { synthesis: { selector: { method: "greedy", eta: 0.1 } } },
      'eta has no effect with method "greedy"',
    ],
    [
      { synthesis: { selector: { axes: { size: {} } } } },
      'selector.axes: there is no setting "size"',
    ],
    [{ synthesis: { selector: { axes: {} } } }, "there is nothing to choose from"],
    [{ gamma: { from: 0 } }, "curriculum.gamma: to must be"],
    [{ order: { ordering: "reverse" } }, "curriculum.order: ordering must be"],
    [{ weights: { name: "heavy" } }, "curriculum.weights: name must be"],
    [JSON.parse('{"__proto__": {}}'), 'there is no setting "__proto__"'],
  ])("refuses %j", (given, message) => {
    expect(() => curriculumConfig(given)).toThrow(message);
  });
});

describe("the name of a curriculum", () => {
  test("is the preset's for every preset, whatever was filled in", () => {
    for (const name of presetNames) {
      const { config } = curriculumPresets[name];
      expect(nameOfCurriculum(config)).toBe(name);
      expect(nameOfCurriculum(curriculumConfig(config))).toBe(name);
    }
  });

  test("is made of presets and words otherwise", () => {
    expect(named("none")).toBe("none");
    expect(named("freq-step5 oom-warmup")).toBe("freq-step5_oom-warmup");
    expect(named("freq:step:k=5")).toBe("freq-step-k5");
    expect(named("freq:step:k=5 progress:fork")).toBe("freq-step-k5_fork");
    expect(named("freq:step:k=5 progress:fork guard:off")).toBe("freq-step5");
    expect(named("oom-warmup progress:fork")).toBe("oom-warmup_fork");
    expect(named("order:gradient:anti gamma:from=-1,to=1")).toBe(
      "order-gradient-anti_gamma-from-1-to1",
    );
    expect(nameOfCurriculum({ name: "mine", synthesis: { freq: {} } })).toBe("mine");
  });

  test("ends in a checksum where words are too long or can't say it", () => {
    const long = "freq:gaussian:sigma=0.2:step:k=3 alpha:3,0.5:linear:a=0.9 count:quad size:cosine";
    expect(named(long)).toMatch(/^freq-gaussian-sigma0.2-step-k3[a-z0-9.-]*-[0-9a-f]{8}$/);
    expect(named(long).length).toBeLessThanOrEqual(57);
    expect(named(long)).not.toBe(named(long.replace("quad", "root")));
    const gate = (exponent: number): CurriculumConfig => ({
      synthesis: { gate: { axes: { alpha: { exponent } } } },
    });
    expect(nameOfCurriculum(gate(4))).toBe("gate-alpha");
    expect(nameOfCurriculum(gate(3))).toMatch(/^gate-alpha-[0-9a-f]{8}$/);
    expect(nameOfCurriculum(gate(3))).not.toBe(nameOfCurriculum(gate(2)));
    const scores = { order: { difficulty: { name: "scores", scores: [["a.png", 1]] } } } as const;
    expect(nameOfCurriculum(scores)).toMatch(/^order-[0-9a-f]{8}$/);
  });

  test("is good for a file on every system", () => {
    for (const words of [
      ...presetNames,
      "freq:varied-exponential:lengths=0.1/0.2",
      "gamma:from=1e-7,to=2",
    ]) {
      expect(named(words)).toMatch(/^[a-z0-9][a-z0-9._+-]{0,79}$/i);
    }
  });
});
