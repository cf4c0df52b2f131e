/** Measuring plans: a wrong one is caught before it is timed, the fastest right one is chosen, and the real ones agree. */
import { describe, expect, test } from "vitest";
import {
  backward,
  choicesOf,
  conv2d,
  type Device,
  matmul,
  mul,
  openDevice,
  type PlanCase,
  Planner,
  Rng,
  reshape,
  sub,
  sum,
  type Tensor,
  tune,
} from "../../src/core/index.ts";
import { disagreement } from "../../src/core/planner-check.ts";
import type { Timer } from "../../src/core/planner-time.ts";
import { testDevice } from "../device.ts";

const device = await testDevice();

/** A clock that only plans move: by what each says it costs. */
function clock() {
  let at = 0;
  const timer: Timer = async (_, work) => ({
    async lap() {
      const start = at;
      device.scope(work);
      return at - start;
    },
    [Symbol.dispose]() {},
  });
  return { timer, spend: (ms: number) => (at += ms) };
}

interface FakePlan {
  readonly name: string;
  readonly ms: number;
  readonly run?: (x: Tensor) => Tensor;
}

const square = (x: Tensor) => mul(x, x);

/** A case whose plans compute squares, each in its own time. */
function squares(plans: readonly FakePlan[], spend: (ms: number) => void): PlanCase {
  const planner = new Planner();
  const calls: string[] = [];
  planner.choose("square", "100", plans, () => ({
    inputs: [{ shape: [100], dtype: "f32" as const }],
    flops: 100,
    depth: 1,
    run: ([x], plan) => {
      spend(plan.ms);
      calls.push(plan.name);
      return (plan.run ?? square)(x as Tensor);
    },
  }));
  return planner.seen[0] as PlanCase;
}

const tuned = async (plans: readonly FakePlan[], options: Parameters<typeof tune>[2] = {}) => {
  const { timer, spend } = clock();
  const [result] = await tune(device, [squares(plans, spend)], { timer, ...options });
  return result;
};

describe("tuning", () => {
  test("the fastest plan is chosen, with the least time of each", async () => {
    const result = await tuned([
      { name: "first", ms: 3 },
      { name: "fast", ms: 1 },
      { name: "plain", ms: 9 },
    ]);
    expect(result).toMatchObject({
      op: "square",
      key: "100",
      plan: "fast",
      first: "first",
      flops: 100,
      wrong: [],
    });
    const times = Object.entries(result?.times ?? {}).map(([name, ms]) => [name, ms.toFixed(6)]);
    expect(times).toEqual([
      ["first", "3.000000"],
      ["fast", "1.000000"],
      ["plain", "9.000000"],
    ]);
    expect(choicesOf(result ? [result] : [])).toEqual({ "square 100": "fast first plain" });
  });

  test("a plan that is hardly faster than the first is not worth a change", async () => {
    const plans = (ms: number) => [
      { name: "first", ms: 1 },
      { name: "plain", ms },
    ];
    expect((await tuned(plans(0.98)))?.plan).toBe("first");
    expect((await tuned(plans(0.9)))?.plan).toBe("plain");
  });

  test("a fast plan that is wrong is named with the difference and never chosen", async () => {
    const last = (x: Tensor) => {
      const y = mul(x, x);
      return device.scope(() => sub(y, device.tensor(onlyLast, [100])));
    };
    const onlyLast = Float32Array.from({ length: 100 }, (_, i) => (i === 99 ? 0.01 : 0));
    const result = await tuned([
      { name: "sloppy", ms: 0.1, run: last },
      { name: "right", ms: 2 },
      { name: "plain", ms: 5 },
    ]);
    expect(result?.plan).toBe("right");
    expect(Object.keys(result?.times ?? {})).toEqual(["right", "plain"]);
    expect(choicesOf(result ? [result] : [])).toEqual({ "square 100": "right plain" });
    expect(result?.wrong).toHaveLength(1);
    expect(result?.wrong[0]?.plan).toBe("sloppy");
    expect(result?.wrong[0]?.reason).toMatch(
      /^number 99 is [\d.e-]+, the plain plan says [\d.]+: off by 2\.\de-2 of the typical size, rounding makes 1\.9e-6 at most$/,
    );
  });

  test("a plan that gives NaN, too few numbers, or other bits the second time is wrong", async () => {
    let runs = 0;
    const result = await tuned([
      { name: "nan", ms: 1, run: (x) => mul(x, Number.NaN) },
      { name: "short", ms: 1, run: () => device.ones([99]) },
      { name: "racy", ms: 1, run: (x) => mul(mul(x, x), 1 + 2 ** -22 * (runs++ % 2)) },
      { name: "strict", ms: 1, run: (x) => matmul(x, x) },
      { name: "plain", ms: 5 },
    ]);
    expect(result?.plan).toBe("plain");
    expect(result?.wrong.map((w) => `${w.plan}: ${w.reason}`)).toEqual([
      expect.stringMatching(/^nan: number 0 is NaN, the plain plan says/),
      "short: gives 99 numbers instead of 100",
      "racy: gives other bits the second time",
      expect.stringMatching(/^strict: matmul: needs at least two axes/),
    ]);
  });

  test("cases without a choice or without a trial are left alone, and progress counts the others", async () => {
    const { timer, spend } = clock();
    const two = squares(
      [
        { name: "a", ms: 1 },
        { name: "b", ms: 2 },
      ],
      spend,
    );
    const one = squares([{ name: "only", ms: 1 }], spend);
    const none = { ...two, trial: undefined };
    const seen: string[] = [];
    const results = await tune(device, [one, two, none, { ...two, key: "again" }], {
      timer,
      onProgress: (done, total, next) => seen.push(`${done}/${total} ${next.key}`),
    });
    expect(seen).toEqual(["0/2 100", "1/2 again"]);
    expect(results.map((r) => r.key)).toEqual(["100", "again"]);
  });

  test("a signal stops it between two plans; what was measured by then is returned", async () => {
    const { timer, spend } = clock();
    const plans = [
      { name: "a", ms: 1 },
      { name: "b", ms: 2 },
      { name: "plain", ms: 2 },
    ];
    const one = squares(plans, spend);
    const stop = new AbortController();
    const results = await tune(device, [one, { ...one, key: "b" }, { ...one, key: "c" }], {
      timer,
      signal: stop.signal,
      onProgress: (done) => done === 1 && stop.abort(),
    });
    expect(results.map((r) => r.key)).toEqual(["100"]);
  });

  test("a plan that breaks the device is wrong, and the rest is measured on another", async () => {
    const { timer, spend } = clock();
    const broken: FakePlan = {
      name: "broken",
      ms: 1,
      run: (x) => {
        x.device.close();
        return square(x);
      },
    };
    const plans = [broken, { name: "fine", ms: 2 }, { name: "plain", ms: 3 }];
    const open = () => openDevice({ onWarning: () => {} });
    const opened: Device[] = [await open()];
    const reopen = async () => {
      const another = await open();
      opened.push(another);
      return another;
    };
    const [result] = await tune(opened[0] as Device, [squares(plans, spend)], { timer, reopen });
    expect(result).toMatchObject({ plan: "fine", wrong: [{ plan: "broken" }] });
    expect(opened).toHaveLength(2);
    expect(() => (opened[1] as Device).ones([1])).toThrow("the device is closed");
    const alone = await open();
    await expect(tune(alone, [squares(plans, spend)], { timer })).rejects.toThrow(
      /^tune: square 100, plan broken: /,
    );
  });
});

describe("the plans of convolutions and products", () => {
  test("agree with each other, are each the same twice, and can be forced", async () => {
    const rng = new Rng(3);
    const step = () => {
      const x = rng.fork("x").normal(device, [2, 9, 11, 8]).setRequiresGrad(true);
      const w = rng.fork("w").normal(device, [3, 3, 8, 12]).setRequiresGrad(true);
      const y = conv2d(x, w, undefined, { stride: 2, padding: 1 });
      const a = rng.fork("a").normal(device, [33, 12]);
      backward(sum(mul(matmul(a, reshape(y, [12, 60])), 0.5)));
    };
    device.scope(step);
    const cases = device.planner.seen;
    expect(cases.map(({ op, key }) => `${op} ${key}`)).toEqual(
      expect.arrayContaining([
        "conv2d 3x3 8-12 s2 @64 f32",
        "conv2d input gradient 3x3 8-12 s2 @64 f32",
        "conv2d weight gradient 3x3 8-12 s2 @64 f32",
        "matmul @64x60x12 nn f32",
      ]),
    );
    const choices = cases.filter(({ plans }) => plans.length > 1);
    const results = await tune(device, cases, { budget: 20 });
    expect(results.map((r) => r.key)).toEqual(choices.map((c) => c.key));
    expect(results.flatMap((r) => r.wrong)).toEqual([]);
    for (const { times } of results) expect(Math.min(...Object.values(times))).toBeGreaterThan(0);
    for (const name of new Set(choices.flatMap((c) => c.plans.map((p) => p.name)))) {
      device.planner.force({ conv2d: [name, "plain"], matmul: [name, "plain"] });
      device.scope(step);
    }
    device.planner.force({ conv2d: "no such" });
    expect(() => device.scope(step)).toThrow(/^conv2d 3x3 8-12 s2 @64 f32: no plan "no such"/);
    device.planner.force({});
  });

  test("disagreement grows with the depth of the sums, and halves are coarser", () => {
    const result = (value: number, dtype: "f32" | "f16" = "f32") => ({
      values: Float32Array.of(value, 1, -1, 1),
      dtype,
    });
    expect(disagreement(result(1 + 1e-5), result(1), 1)).toMatch(/^number 0 is 1\.0000/);
    expect(disagreement(result(1 + 1e-5), result(1), 10_000)).toBeUndefined();
    expect(disagreement(result(1 + 2e-3), result(1), 10_000)).toMatch(/^number 0/);
    expect(disagreement(result(1 + 2e-3, "f16"), result(1, "f16"), 1)).toBeUndefined();
    expect(disagreement(result(Number.NaN), result(Number.NaN), 1)).toMatch(/^number 0 is NaN/);
  });
});
