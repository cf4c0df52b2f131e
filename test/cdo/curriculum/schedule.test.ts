import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scheduleConfig, scheduleNames, scheduleOf } from "../../../src/cdo/curriculum/schedule.ts";
import { anySchedule, unit } from "./arbitrary.ts";

const times = fc.tuple(unit(0, 1), unit(0, 1));

describe("every schedule", () => {
  test("grows and stays in [0, 1]; reversed it falls", () => {
    fc.assert(
      fc.property(anySchedule, times, (config, [t1, t2]) => {
        const [early, late] = [Math.min(t1, t2), Math.max(t1, t2)];
        const g = scheduleOf(config);
        const back = scheduleOf({ ...config, reversed: true });
        for (const value of [g(early), g(late)]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1);
        }
        expect(g(late)).toBeGreaterThanOrEqual(g(early) - 1e-12);
        expect(back(late)).toBeLessThanOrEqual(back(early) + 1e-12);
        expect(back(early)).toBe(g(1 - early));
      }),
      { numRuns: 500 },
    );
  });

  test("starts at b, and is exactly 1 from a on", () => {
    fc.assert(
      fc.property(anySchedule, unit(0, 1), (config, t) => {
        const g = scheduleOf(config);
        expect(g(0)).toBeCloseTo(config.b, 12);
        if (config.a !== undefined && t >= config.a) expect(g(t)).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});

test("shares of 1000 images with a 0.8, b 0.2 are those of the papers' curves at t 0, 8, 40 and 80 of 100", () => {
  const known = {
    linear: [200, 280, 600, 1000],
    quad: [200, 208, 400, 1000],
    root: [200, 453, 766, 1000],
    exponential: [200, 200, 205, 1000],
    logarithmic: [200, 816, 945, 1000],
    step: [200, 200, 200, 1000],
  } as const;
  for (const [name, shares] of Object.entries(known)) {
    const g = scheduleOf({ name: name as keyof typeof known, a: 0.8, b: 0.2 });
    expect([name, ...[0, 8, 40, 80].map((t) => Math.round(1000 * g(t / 100)))]).toEqual([
      name,
      ...shares,
    ]);
  }
});

test("k steps are k equal plateaus; with a power of two they are the fork's FunctionStep", () => {
  const at = [0, 0.19, 0.2, 0.4, 0.6, 0.79, 0.8, 0.98, 1];
  const plain = at.map(scheduleOf({ name: "step", k: 5 }));
  expect(plain).toEqual([0, 0, 0.25, 0.5, 0.75, 0.75, 1, 1, 1]);
  const convex = [0, 0.2, 0.4, 0.6, 0.8].map(scheduleOf({ name: "step", k: 5, p: 2 }));
  expect(convex).toEqual([0, 0.0625, 0.25, 0.5625, 1]);
  for (let e = 0; e < 50; e++) {
    expect(scheduleOf({ name: "step", k: 7 })(e / 50)).toBe(Math.floor((e / 50) * 7) / 6);
  }
});

test("k steps may end earlier and start higher", () => {
  const g = scheduleOf({ name: "step", k: 3, a: 0.5, b: 0.4 });
  expect([0, 0.2, 0.4, 0.5].map((t) => g(t))).toEqual([0.4, 0.7, 1, 1]);
});

test("the other curves have the values of their formulas", () => {
  expect(scheduleOf({ name: "competence", a: 0.8, b: 0.2 })(0.4)).toBeCloseTo(Math.sqrt(0.52), 14);
  expect(scheduleOf({ name: "competence", a: 1, b: 0.1, p: 3 })(0.5)).toBeCloseTo(
    Math.cbrt(0.5 * (1 - 0.001) + 0.001),
    14,
  );
  expect(scheduleOf({ name: "geometric", a: 0.8, b: 0.01 })(0.4)).toBeCloseTo(0.1, 14);
  expect(scheduleOf({ name: "cosine", a: 1, b: 0.5 })(0.25)).toBeCloseTo(
    0.5 + 0.25 * (1 - Math.SQRT1_2),
    14,
  );
  expect(scheduleOf({ name: "constant", c: 0.3 })(0.9)).toBe(0.3);
});

test("exponential pacing multiplies at each step, whatever the rounding of t", () => {
  const fixed = scheduleOf({ name: "fixed-exponential" });
  const tenths = Array.from({ length: 6 }, (_, e) => fixed(e / 10));
  expect(tenths.map((v) => +v.toFixed(6))).toEqual([0.2, 0.3, 0.45, 0.675, 1, 1]);
  const varied = scheduleOf({ name: "varied-exponential", lengths: [0.1, 0.2] });
  const seen = [0, 0.09, 0.1, 0.29, 0.3, 0.5, 0.7].map((t) => +varied(t).toFixed(6));
  expect(seen).toEqual([0.2, 0.2, 0.3, 0.3, 0.45, 0.675, 1]);
});

describe("a config of a schedule", () => {
  const complete = (given: unknown, b?: number) =>
    scheduleConfig(given, "here", b === undefined ? {} : { b });

  test("is filled in: strength starts at 0, a share of the data where its place says", () => {
    expect(complete({ name: "linear" })).toEqual({ name: "linear", a: 0.8, b: 0 });
    expect(complete({ name: "linear" }, 0.2)).toEqual({ name: "linear", a: 0.8, b: 0.2 });
    expect(complete({ name: "step" })).toEqual({ name: "step", a: 0.8, b: 0 });
    expect(complete({ name: "step", k: 5 })).toEqual({ name: "step", a: 1, b: 0, k: 5, p: 1 });
    expect(complete({ name: "linear", reversed: false })).toEqual({ name: "linear", a: 0.8, b: 0 });
  });

  test("completed again is the same", () => {
    for (const name of scheduleNames) {
      const once = complete(name === "constant" ? { name, c: 1 } : { name });
      expect(complete(JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });

  test.each([
    [undefined, "here: must be an object, { … }, it is missing"],
    [[], "here: must be an object"],
    [{}, 'here: name must be "linear", "cosine"'],
    [{ name: "linaer" }, 'did you mean "linear"?'],
    [{ name: "step", k: 1 }, "here: k must be a whole number from 2 to 10000, got 1"],
    [{ name: "step", k: 2.5 }, "got 2.5"],
    [{ name: "step", p: 2 }, "here: p has no effect on a single step; give k, or leave p out"],
    [{ name: "linear", a: 0 }, "here: a must be a share of the training above 0, got 0"],
    [{ name: "linear", a: Number.NaN }, "here: a must be"],
    [{ name: "linear", b: 1.01 }, "here: b must be a number from 0 to 1, got 1.01"],
    [{ name: "linear", k: 5 }, 'here: linear has no "k"; it takes a, b, reversed'],
    [{ name: "geometric", b: 0 }, "here: b must be a number above 0, at most 1, got 0"],
    [{ name: "constant" }, "here: c must be a number from 0 to 1, it is missing"],
    [{ name: "varied-exponential", lengths: [] }, "here: lengths must be a list of 1 to 1000"],
    [{ name: "fixed-exponential", inc: 1 }, "here: inc must be a number above 1"],
    [{ name: "linear", reversed: 1 }, "here: reversed must be true or false, got 1"],
    [{ name: "__proto__" }, "here: name must be"],
  ])("refuses %j", (given, message) => {
    expect(() => complete(given)).toThrow(message);
  });
});
