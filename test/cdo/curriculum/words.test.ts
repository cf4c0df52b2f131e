import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CurriculumConfig, curriculumConfig } from "../../../src/cdo/curriculum/config.ts";
import { nameOfCurriculum } from "../../../src/cdo/curriculum/name.ts";
import { curriculumPresets, presetNames } from "../../../src/cdo/curriculum/presets.ts";
import { curriculumOfWords } from "../../../src/cdo/curriculum/words.ts";
import { wordsOfCurriculum } from "../../../src/cdo/curriculum/words-write.ts";
import { anySchedule, unit } from "./arbitrary.ts";

const same = (words: string, config: CurriculumConfig) =>
  expect(curriculumOfWords(words)).toEqual(curriculumConfig(config));

describe("a curriculum in words", () => {
  test("is a preset by its name", () => {
    for (const name of presetNames) same(name, curriculumPresets[name].config);
  });

  test("is nothing with none", () => {
    expect(curriculumOfWords("none")).toBe(undefined);
  });

  test("may be several presets in different places", () => {
    same("freq-step5 oom-warmup order-random", {
      progress: "fork",
      synthesis: { freq: { schedule: { name: "step", k: 5 } }, guard: false },
      gamma: { from: 0, to: 2, schedule: { name: "linear", a: 0.5 } },
      order: { ordering: "random" },
    });
  });

  test("may be axes with their numbers and schedules", () => {
    same("freq:step:k=5", { synthesis: { freq: { schedule: { name: "step", k: 5 } } } });
    same("alpha:4,0.6:linear:a=0.8 freq", {
      synthesis: {
        freq: {},
        alpha: { exponent: 4, most: 0.6, schedule: { name: "linear", a: 0.8 } },
      },
    });
    same("amp:most=1:linear:a=1,reversed guard:off progress:fork", {
      progress: "fork",
      synthesis: {
        amp: { most: 1, schedule: { name: "linear", a: 1, reversed: true } },
        guard: false,
      },
    });
    same("size:beyond:quad count:beyond", {
      synthesis: { size: { beyond: true, schedule: { name: "quad" } }, count: { beyond: true } },
    });
    same("freq:2", { synthesis: { freq: { lowest: 2 } } });
    same("freq:random size", { synthesis: { freq: { schedule: { name: "random" } }, size: {} } });
    same("freq:gaussian:sigma=0.2:step:k=3", {
      synthesis: {
        freq: { schedule: { name: "gaussian", sigma: 0.2, mean: { name: "step", k: 3 } } },
      },
    });
    same("freq:varied-exponential:lengths=0.1/0.2,inc=2", {
      synthesis: {
        freq: { schedule: { name: "varied-exponential", lengths: [0.1, 0.2], inc: 2 } },
      },
    });
  });

  test("may watch what the network has learned", () => {
    same("selector:greedy:amp+freq+alpha:levels=1", {
      synthesis: {
        selector: { method: "greedy", levels: 1, axes: { amp: {}, freq: {}, alpha: {} } },
      },
    });
    same("gate:freq+alpha:up=0.2", {
      synthesis: { gate: { axes: { freq: {}, alpha: {} }, up: 0.2 } },
    });
    same("plateau:freq:levels=4", { synthesis: { plateau: { axes: { freq: {} }, levels: 4 } } });
  });

  test("may order and weigh images and schedule γ", () => {
    same("order:teacher-knn:root:p=2,a=0.6,b=0.2:anti", {
      order: {
        difficulty: { name: "teacher-knn" },
        pacing: { name: "continuous", schedule: { name: "root", p: 2, a: 0.6, b: 0.2 } },
        ordering: "anti",
      },
    });
    same("order:gradient:baby-steps:buckets=4", {
      order: { difficulty: { name: "gradient" }, pacing: { name: "baby-steps", buckets: 4 } },
    });
    same("order:random", { order: { ordering: "random" } });
    same("weights:linear:linear:a=0.6", {
      weights: { name: "linear", schedule: { name: "linear", a: 0.6 } },
    });
    same("weights:superloss:lambda=2", { weights: { name: "superloss", lambda: 2 } });
    same("gamma:linear:from=0,to=2,a=0.5", {
      gamma: { from: 0, to: 2, schedule: { name: "linear", a: 0.5 } },
    });
    same("gamma:from=-1,to=2,abnormal=0/2", {
      gamma: { from: -1, to: 2, abnormal: { from: 0, to: 2 } },
    });
  });

  test("takes the pieces of an order, of weights and of γ as they come", () => {
    const pairs = [
      ["order:anti:teacher-knn", "order:teacher-knn:anti"],
      ["order:root:p=3:anti:soft:tau=0.5:entropy", "order:entropy:soft:tau=0.5:root:p=3:anti"],
      ["weights:root:a=0.5:log:lambda=0.3", "weights:log:lambda=0.3:root:a=0.5"],
      ["weights:linear:a=0.5:hard", "weights:hard:linear:a=0.5"],
      ["gamma:from=0,to=2:linear:a=0.5", "gamma:linear:from=0,to=2,a=0.5"],
      ["gamma:quad:a=0.5:from=0,to=2:abnormal=1/2", "gamma:quad:from=0,to=2,abnormal=1/2,a=0.5"],
    ] as const;
    for (const [loose, written] of pairs) {
      expect(curriculumOfWords(loose)).toEqual(curriculumOfWords(written));
    }
    // what is a rule and a schedule is the rule where it stands first
    const both = curriculumOfWords("weights:linear:polynomial");
    expect(both?.weights).toMatchObject({ name: "linear", schedule: { name: "polynomial" } });
  });

  test("says when progress and guard differ from a preset's", () => {
    const config = curriculumOfWords(["freq-step5", "guard:on"]);
    expect(config?.synthesis).toMatchObject({ guard: true, freq: { schedule: { k: 5 } } });
  });

  test("goes there and back", () => {
    const more = [
      "freq:step:k=5,p=2,b=0.1 alpha:4,0.7:gaussian:sigma=0.2:quad:a=0.9 count:cosine progress:fork",
      "order:entropy:soft:tau=0.5:exponential:c=5:anti weights:log:lambda=0.3:root gamma:from=1,to=0",
      "selector:greedy:source+alpha:levels=2,window=7 weights:ohem:from=0.9",
      "gate:freq:below=0.7,probe=8",
      "freq:3:quad size:beyond count:beyond:cosine:a=0.5,reversed",
      "freq:constant:c=0.5",
      "freq:varied-exponential:lengths=0.5",
    ];
    for (const words of [...presetNames, ...more]) {
      const config = curriculumOfWords(words) as CurriculumConfig;
      const written = wordsOfCurriculum(config);
      if (words === "selector-fork" || words === "mastery") continue; // axes' own numbers are for JSON
      expect([words, curriculumOfWords(written)]).toEqual([words, config]);
    }
    expect(wordsOfCurriculum(curriculumOfWords(more[0] as string) as CurriculumConfig)).toEqual([
      "freq:step:b=0.1,p=2,k=5",
      "alpha:most=0.7:gaussian:sigma=0.2:quad:a=0.9",
      "count:cosine",
      "progress:fork",
    ]);
  });
});

test("any schedule in any place goes there and back, and its name is one for a file", () => {
  const any = fc.tuple(anySchedule, fc.boolean(), unit(-8, 8), unit(0.01, 1));
  fc.assert(
    fc.property(any, ([plain, reversed, signed, most]) => {
      const from = signed + 0; // JSON has no -0
      const schedule = { ...plain, reversed };
      const config: CurriculumConfig = {
        progress: reversed ? "fork" : "full",
        synthesis: {
          amp: { most, schedule: { name: "gaussian", sigma: most, mean: schedule } },
          size: { beyond: reversed, schedule },
          guard: reversed,
        },
        order: { pacing: { name: "continuous", schedule: plain } },
        weights: { name: "log", lambda: most / 2, schedule },
        gamma: { from, to: most, schedule, abnormal: { from: most, to: from } },
      };
      expect(curriculumOfWords(wordsOfCurriculum(config))).toEqual(curriculumConfig(config));
      expect(nameOfCurriculum(config)).toMatch(/^[a-z0-9][a-z0-9._+-]{0,79}$/i);
      expect(nameOfCurriculum(config)).not.toBe(
        nameOfCurriculum({ ...config, gamma: { from, to: 7 } }),
      );
    }),
    { numRuns: 60 },
  );
});

describe("words that make no sense", () => {
  test.each([
    ["", "curriculum: it has no words; give none, or one or more of amp-linear, "],
    ["freq-stp5", '"freq-stp5" is not known; did you mean "freq-step5"?'],
    ["xyzxyzxyz", "there are amp-linear, amp-step5"],
    ["freq linear", 'word 2, "linear": "linear" is not known; a schedule follows its axis'],
    ["freq:stp:k=5", 'word 1, "freq:stp:k=5": "stp" is no schedule; did you mean "step"?'],
    ["freq:k=5", 'freq has no setting "k=5"; it takes lowest; settings of a schedule follow'],
    ["freq:step:k=1", 'word 1, "freq:step:k=1": synthesis.freq.schedule: k must be a whole number'],
    ["freq:step:q=5", 'there is no setting "q=5" here; it takes a, b, k, p, reversed'],
    ["freq:step:k=5:k=5", '"k=5" is too much'],
    ["freq:step:k=5,k=6", '"k" is given twice'],
    ["freq:step:k=five", '"k=five": "five" is not a number'],
    ["freq:step:k=", '"k=" must be a name and a value'],
    ["freq:linear:reversed=1", '"reversed=1" takes no value'],
    ["freq:1,2", "freq takes at most lowest, got 1, 2"],
    ["size:3", "size takes no numbers, got 3"],
    ["freq: amp", 'word 1, "freq:": "" is no schedule'],
    ["freq amp", 'word 2, "amp": it says what patches are filled with, and so does word 1 "freq"'],
    ["freq freq:step", "it says how freq changes, and so does word 1"],
    [
      "freq-linear amp-linear",
      'word 2, "amp-linear": it says how anomalies are made, and so does word 1 "freq-linear"; keep one',
    ],
    ["freq-linear alpha", "it says how anomalies are made, and so does word 1"],
    ["alpha freq-linear", "it says how anomalies are made, and so does word 1"],
    ["selector mastery", "it says how anomalies are made"],
    ["oom-warmup gamma:from=0,to=1", "it says what γ is, and so does word 1"],
    ["none freq", 'word 1, "none": it stands alone'],
    [
      "freq-linear progress:full",
      'it counts progress as "full", but word 1 "freq-linear" as "fork"',
    ],
    ["guard:off", "there is nothing to guard"],
    ["guard:maybe freq", '"maybe" is no state of the guard'],
    ["progress", "way of counting progress is missing; it is one of full, fork"],
    ["gate", "it lacks its axes, such as freq or freq+alpha"],
    ["gate:freq+amp", "gate.axes: amp and freq both fill the patches"],
    ["gate:frq", '"frq" is no axis'],
    ["gate:freq:up=0", "synthesis.gate: up must be a number above 0"],
    ["selector:exp3:window=3", 'window has no effect with method "exp3"'],
    ["weights", "rule of weights is missing"],
    ["weights:superloss:linear", "weights"],
    ["gamma:linear", "gamma: from must be a number from -8 to 8, it is missing"],
    ["gamma:from=0,to=2,abnormal=1", "abnormal must be two numbers"],
    ["order:teacher-kn", '"teacher-kn" is no part of an order; did you mean "teacher-knn"?'],
    ["order:anti:anti", '"anti" is there twice'],
    ["order:anti:random", '"random" is an ordering, and so is "anti"; keep one of them'],
    ["order:entropy:gradient", '"gradient" is a measure of difficulty, and so is "entropy"'],
    ["order:k=3", '"k=3" is no part of an order; settings follow what they belong to'],
    ["order:entropy:bank=0.1", 'there is no setting "bank=0.1" here; it takes no settings'],
    ["order:soft:b=0.5", "it takes tau; those of a schedule follow its name, as in linear:b=0.5"],
    ["weights:hard:log", '"log" is a rule of weights, and so is "hard"'],
    ["weights:hard:root:root", '"root" is there twice'],
    ["weights:hard:b=0.3", "it takes no settings; those of a schedule follow its name"],
    ["gamma", "it lacks where γ begins and ends, as in gamma:linear:from=0,to=2"],
    ["gamma:0,2", '"0,2" is no schedule; a number needs its name, as in a=0.8'],
    ["gamma:from=0:linear:from=1,to=2", '"from" is given twice'],
    ["gamma:linear:quad", '"quad" is a schedule, and so is "linear"'],
    ["freq:step:5", '"5" is too much; a number needs its name'],
    ["alpha:4:0.6", "numbers of an axis stand together between commas, as in alpha:4,0.6"],
    ["freq,alpha", '"freq,alpha" is not known; axes are words of their own, as in freq alpha'],
    ["gate:freq,alpha", '"freq,alpha": axes are joined with +, as in freq+alpha'],
    ["gate:freq:linear", '"linear" is too much; a gate has no schedule'],
    ["freq k=5", 'word 2, "k=5": "k=5" is not known; settings stand behind what they belong to'],
    [
      "freq-step5:k=3",
      "the preset freq-step5 takes nothing behind it; to change it, begin with freq:step:k=5 guard:off",
    ],
    ["mastery:up=0.2", "to change it, write it as an object in a config file"],
    ["none:a", "none takes nothing behind it"],
    ["freq:__proto__", '"__proto__" is no schedule'],
    ["__proto__", '"__proto__" is not known'],
  ])("%s is refused with what is wrong", (words, message) => {
    expect(() => curriculumOfWords(words)).toThrow(message);
  });
});

test("no message offers the very piece that it refuses", () => {
  const pieces = [
    ...["order", "weights", "gamma", "freq", "gate", "selector", "progress", "guard", "none"],
    ...["linear", "root", "anti", "random", "teacher-knn", "soft", "hard", "log", "reversed", "5"],
    ...["freq-step5", "superloss", "beyond", "k=5", "from=0,to=2", "exp3", "full", ""],
  ];
  const word = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(word, (parts) => {
      try {
        curriculumOfWords(parts.join(":"));
      } catch (error) {
        const { message } = error as Error;
        const [, refused, meant] = /"([^"]*)" is [^"]*; did you mean "(.*?)"/.exec(message) ?? [];
        if (meant !== undefined) expect(meant).not.toBe(refused);
        expect(message).toMatch(/word 1|it has no words/);
      }
    }),
    { numRuns: 500 },
  );
});
