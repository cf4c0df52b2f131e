import { describe, expect, test } from "vitest";
import { curriculumConfig } from "../../../src/cdo/curriculum/config.ts";
import { curriculumOfTokens } from "../../../src/cdo/curriculum/grammar.ts";
import { curriculumPresets, type PresetName } from "../../../src/cdo/curriculum/presets.ts";

describe("the fork's tokens", () => {
  test.each<[string, PresetName]>([
    ["amp", "amp-linear"],
    ["amp LinearStepController 5", "amp-step5"],
    ["freq", "freq-linear"],
    ["freq LinearStepController 5", "freq-step5"],
    ["freq FunctionStepController 5", "freq-funcstep5"],
    ["alpha 4 0.6", "alpha-4-0.6"],
    ["alpha", "alpha-4-0.6"],
    ["normal alpha 4", "alpha-4-0.6"],
    ["freq LinearStepController 5 alpha 4 0.6", "freq+alpha"],
    ["alpha 4 0.6 freq LinearStepController 5", "freq+alpha"],
    ["freq RandomController", "random-freq"],
    ["freq MeanRandomGaussianController 0.1", "gauss-freq-0.1"],
    ["freq MeanRandomGaussianController", "gauss-freq-0.1"],
    ["NoiseSelector", "selector-fork"],
  ])("%s is the preset %s", (tokens, preset) => {
    const wanted = curriculumConfig(curriculumPresets[preset].config);
    expect(curriculumOfTokens(tokens.split(" "))).toEqual(wanted);
    expect(curriculumOfTokens([tokens])).toEqual(wanted);
  });

  test("give each axis its own controller", () => {
    const tokens = "freq LinearStepController 5 alpha 4 0.6 MeanRandomGaussianController 0.1";
    const linear = { name: "linear", a: 1, b: 0 };
    expect(curriculumOfTokens([tokens])).toEqual({
      progress: "fork",
      synthesis: {
        freq: { lowest: 1, schedule: { name: "step", a: 1, b: 0, k: 5, p: 1 } },
        alpha: {
          exponent: 4,
          most: 0.6,
          schedule: { name: "gaussian", sigma: 0.1, mean: linear },
        },
        guard: false,
      },
    });
  });

  test("change nothing with normal alone, and stay easy with the fork's stub", () => {
    expect(curriculumOfTokens(["normal"])).toEqual({ progress: "fork" });
    expect(curriculumOfTokens(["amp", "AdaptiveController"]).synthesis).toMatchObject({
      amp: { most: 1, schedule: { name: "constant", c: 0 } },
    });
  });

  test.each([
    ["", "--augm-red: it has no tokens; name one of amp, freq, normal, alpha, NoiseSelector"],
    [
      "freq amp",
      'token 2, "amp": it makes the noise, and so does freq (token 1); keep one of them',
    ],
    ["normal alpha freq", 'token 3, "freq": it makes the noise, and so does normal (token 1)'],
    ["freq freq", 'token 2, "freq": it is named already, freq (token 1)'],
    ["frequ", 'token 1, "frequ": it is not known; did you mean "freq"?'],
    ["freq Linear 5", 'token 2, "Linear": it is not known; a number, a key (amp'],
    ["freq LinearStepControler 5", 'did you mean "LinearStepController"?'],
    ["freq linearstepcontroller 5", 'did you mean "LinearStepController"?'],
    ["5 freq", 'token 1, "5": a number follows a key; begin with one of amp'],
    ["RandomController freq", 'token 1, "RandomController": a controller follows a key'],
    ["freq 5", 'token 2, "5": freq takes no numbers of its own; one of LinearStepController'],
    ["alpha 4 0.6 0.1", 'token 4, "0.1": alpha takes at most exponent and max'],
    ["alpha 4 1.5", 'token 3, "1.5": the maximum of alpha must be above 0, at most 1'],
    ["alpha -4", 'token 2, "-4": the exponent of alpha must be from 0.01 to 100'],
    ["freq LinearStepController", 'token 2, "LinearStepController": it takes one number, k'],
    [
      "freq LinearStepController 1",
      'token 3, "1": the number of steps must be a whole number from 2',
    ],
    ["freq LinearStepController 2.5", 'token 3, "2.5": the number of steps'],
    ["freq LinearStepController 1e999", "the number of steps"],
    ["freq LinearStepController 5 6", 'token 4, "6": LinearStepController takes one number, k'],
    ["freq RandomController 1", 'token 3, "1": RandomController takes no number; one of the keys'],
    ["freq RandomController RandomController", "freq has RandomController already"],
    ["freq MeanRandomGaussianController 0", "sigma must be above 0"],
    ["normal LinearStepController 5", "normal takes nothing after it, its noise is always as hard"],
    ["NoiseSelector freq", 'token 2, "freq": NoiseSelector chooses among all noises by itself'],
    ["alpha NoiseSelector", 'token 2, "NoiseSelector": NoiseSelector chooses'],
    ["NoiseSelector RandomController", "NoiseSelector takes nothing after it"],
    ["constructor", 'token 1, "constructor": it is not known'],
  ])("%s is refused, naming the token and its place", (tokens, message) => {
    expect(() => curriculumOfTokens([tokens])).toThrow(message);
  });
});
