/** Three experiments, two classes, known numbers: what stands in the cells, and what is said about them. */
import { describe, expect, test } from "vitest";
import {
  type Comparison,
  compareRuns,
  comparisonHtml,
  readRuns,
} from "../../../src/report/index.ts";
import { all, lines, recordOf, run, type Written } from "./runs.ts";

const rows: Written[] = [
  { name: "baseline", class: "bottle", values: [0.1, 0.5, 0.6, 0.7, 0.8, 0.9] },
  { name: "baseline", class: "cable", values: [0.2, 0.3] },
  { name: "freq", class: "bottle", values: [0.9, 0.5, 0.6, 0.7, 0.8, 0.85] },
  { name: "freq", class: "cable", values: [0.2, 0.5], losses: [3, 7] },
  { name: "amp", class: "bottle", values: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6] },
];
const runs = rows.map(run);

/** `[baseline, amp, freq]`, each by class and at last the average. */
function cells(comparison: Comparison, metric = "image_auroc") {
  const table = comparison.tables.find((t) => t.metric.key === metric)!;
  return table.rows.map((row) => [...row.cells.map((cell) => cell?.mean), row.average?.mean]);
}

const close = (values: readonly (readonly (number | undefined)[])[]) =>
  values.map((row) => row.map((v) => v && expect.closeTo(v, 12)));

describe("values", () => {
  test("by default a cell is the mean of the last five evaluations, or of as many as there are", () => {
    const comparison = compareRuns(runs);
    expect(comparison.rows.map(({ name }) => name)).toEqual(["baseline", "amp", "freq"]);
    expect(comparison.columns).toEqual(["bottle", "cable"]);
    expect(cells(comparison)).toEqual(
      close([
        [0.7, 0.25, 0.475],
        [0.4, undefined, 0.4],
        [0.69, 0.35, 0.52],
      ]),
    );
    expect(comparison.notes.join("\n")).toContain("2 of 5 runs have fewer than 5 evaluations");
  });

  test("peak is the largest of the run, of the loss the smallest, and says where it was chosen", () => {
    const comparison = compareRuns(runs, { statistic: "peak" });
    expect(cells(comparison)).toEqual([
      [0.9, 0.3, 0.6],
      [0.6, undefined, 0.6],
      [0.9, 0.5, 0.7],
    ]);
    expect(cells(comparison, "loss")[2]).toEqual([5, 3, 4]);
    expect(comparison.notes[0]).toContain("chosen on the test images");
  });

  test("final is the last one", () => {
    const comparison = compareRuns(runs, { statistic: "final" });
    expect(cells(comparison)).toEqual([
      [0.9, 0.3, 0.6],
      [0.6, undefined, 0.6],
      [0.85, 0.5, 0.675],
    ]);
    expect(cells(comparison, "loss")[2]).toEqual([5, 7, 6]);
  });

  test("the loss is taken at the epochs of the last five evaluations", () => {
    const log = [
      ...[1, 2, 3, 4, 5, 6].map((epoch) => ({ event: "epoch", epoch, loss: epoch })),
      ...[2, 4, 6].map((epoch) => ({ event: "evaluation", epoch, metrics: { i_roc: 0.5 } })),
      { event: "end" },
    ];
    const only = run({ name: "a", log: lines(log) });
    expect(cells(compareRuns([only]), "loss")).toEqual([[4, 4]]);
  });

  test("a missing run leaves the average of its row as it is, over fewer classes", () => {
    const { tables } = compareRuns(runs);
    const [baseline, amp] = tables[0]!.rows;
    expect(amp!.cells[1]).toBeUndefined();
    expect(amp!.average).toMatchObject({ count: 1, mean: amp!.cells[0]!.mean });
    expect(baseline!.average!.count).toBe(2);
  });

  test("seeds become mean and standard deviation, also of the averages over classes", () => {
    const seeds = [1, 2, 3].flatMap((seed) => [
      run({ name: "a", class: "x", seed, values: [0.1 * seed] }),
      run({ name: "a", class: "y", seed, values: [0.2 * seed] }),
    ]);
    const [row] = compareRuns(seeds).tables[0]!.rows;
    expect(row!.cells[0]!.mean).toBeCloseTo(0.2, 12);
    expect(row!.cells[0]!.sd).toBeCloseTo(0.1, 12);
    expect(row!.average!.sd).toBeCloseTo(0.15, 12);
  });

  test("a model of several classes has a cell for each, beside models of one", () => {
    const classes = (x: number, y: number) => ({ x: { i_roc: x }, y: { i_roc: y } });
    const log = lines([
      { event: "epoch", epoch: 1, loss: 4 },
      { event: "evaluation", epoch: 1, metrics: { i_roc: 0.5 }, classes: classes(0.4, 0.6) },
      { event: "evaluation", epoch: 2, metrics: { i_roc: 0.6 }, classes: classes(0.6, 0.6) },
      { event: "end" },
    ]);
    const joint = all({ name: "joint", class: "x+y", log });
    const own = run({ name: "own", class: "x", values: [0.9], config: { epochs: 0 } });
    const comparison = compareRuns([...joint, own]);
    expect(comparison.columns).toEqual(["x", "y"]);
    expect(cells(comparison)).toEqual([
      [0.5, 0.6, 0.55],
      [0.9, undefined, 0.9],
    ]);
    expect(cells(comparison, "loss")[0]).toEqual([4, 4, 4]);
    const metrics = JSON.stringify({
      epoch: 2,
      metrics: { i_roc: 0.6 },
      classes: { x: { metrics: { i_roc: 0.7 } } },
    });
    const old = all({ class: "x+y", values: [0.5, 0.6], metrics });
    expect(old.map(({ className, evaluations }) => [className, evaluations])).toEqual([
      ["x", [{ epoch: 2, value: { i_roc: 0.7 } }]],
    ]);
  });

  test("the same quantity is found under the names of every protocol", () => {
    const named = [
      run({ name: "a", values: [{ image_auroc: 0.7, p_roc: 0.8, mAUPRO_px: null }] }),
      run({ name: "b", values: [{ i_roc: 0.6, mAUROC_px: 0.5, p_pro: 0.4 }] }),
    ];
    const comparison = compareRuns(named);
    expect(cells(comparison)).toEqual([
      [0.7, 0.7],
      [0.6, 0.6],
    ]);
    expect(cells(comparison, "pixel_auroc")).toEqual([
      [0.8, 0.8],
      [0.5, 0.5],
    ]);
    expect(cells(comparison, "aupro")).toEqual([
      [undefined, undefined],
      [0.4, 0.4],
    ]);
  });

  test("other metrics are chosen by name, and an unknown one is an error that lists those there are", () => {
    const own = run({ name: "a", values: [{ mIoU_max_px: 0.3, i_roc: 0.5 }] });
    const comparison = compareRuns([own], { metrics: ["mIoU_max_px"] });
    expect(cells(comparison, "mIoU_max_px")).toEqual([[0.3, 0.3]]);
    expect(() => compareRuns([own], { metrics: ["i_roc", "p_roc"] })).toThrow(
      'compare: no run has "pixel_auroc"; there are mIoU_max_px, image_auroc, loss',
    );
  });
});

describe("rows and columns", () => {
  const names = (list: readonly Written[], baselines?: readonly string[]) =>
    compareRuns(list.map(run), baselines ? { baselines } : {}).rows.map(({ name }) => name);

  test("baselines go first by role or name, the others are sorted with numbers as numbers", () => {
    const list = ["step10", "step2", "none", "baseline2", "nonetheless", "Baseline"].map((name) => {
      return { name, values: [0.5] };
    });
    expect(names(list)).toEqual([
      "Baseline",
      "baseline2",
      "none",
      "nonetheless",
      "step2",
      "step10",
    ]);
    const role = { name: "plain", role: "baseline", values: [0.5] };
    const treated = { name: "baseline-but-treated", role: "treatment", values: [0.5] };
    expect(names([treated, role])).toEqual(["plain", "baseline-but-treated"]);
  });

  test("--baseline names them in its own order, and an unknown one is an error", () => {
    const list = ["a", "b", "c"].map((name) => ({ name, values: [0.5] }));
    expect(names(list, ["c", "b"])).toEqual(["c", "b", "a"]);
    expect(() => names(list, ["d"])).toThrow(
      'compare: no experiment "d" to be the baseline; there are a, b, c',
    );
  });

  test("runs without a name are called by method and backbone", () => {
    expect(names([{ values: [0.5] }])).toEqual(["cdo-resnet18"]);
  });

  test("where all names are equal but places are taken twice, the first differing folder is the name", () => {
    const at = (path: string, name: string) => ({ path, class: name, values: [0.5] });
    const list = [
      at("r/one/bottle", "bottle"),
      at("r/one/cable", "cable"),
      at("r/two/bottle", "bottle"),
    ];
    expect(names(list)).toEqual(["one", "two"]);
    expect(names(list.slice(0, 2))).toEqual(["cdo-resnet18"]);
  });

  test("of a repeated run the later counts, a finished one before an unfinished one, and it is said", () => {
    const at = (path: string, started: string, value: number, last?: string) =>
      run({
        name: "a",
        path,
        values: [value],
        record: { environment: { started } },
        ...(last ? { last } : {}),
      });
    const list = [at("x/new", "2026-02-01", 0.2), at("x/old", "2026-01-01", 0.1)];
    const other = run({ name: "b", values: [0.5] });
    const comparison = compareRuns([...list, other]);
    expect(cells(comparison)[0]).toEqual([0.2, 0.2]);
    expect(comparison.warnings).toContain("x/old: repeated by the later x/new, which counts");
    const running = [...list, at("x/newest", "2026-03-01", 0.3, "error"), other];
    expect(cells(compareRuns(running, { unfinished: true }))[0]).toEqual([0.2, 0.2]);
  });

  test("a class of two data sets in one experiment makes two columns", () => {
    const list = ["/d/mvtec", "/d/visa"].map((root) => {
      return run({ name: "a", class: "capsules", data: { root }, values: [0.5] });
    });
    expect(compareRuns(list).columns).toEqual(["mvtec-capsules", "visa-capsules"]);
  });
});

describe("unfinished and damaged runs", () => {
  test("an unfinished run is left out and named, and with `unfinished` taken as far as it is", () => {
    const stopped = run({
      name: "a",
      class: "cable",
      values: [0.5],
      config: { epochs: 9 },
      last: "interrupted",
    });
    const all = [run({ name: "a", values: [0.6] }), stopped];
    const without = compareRuns(all);
    expect(without.columns).toEqual(["bottle"]);
    expect(without.warnings).toEqual([
      "unfinished, left out; --unfinished takes them as far as they are: runs/a/cable/seed1 (stopped after epoch 1 of 9)",
    ]);
    expect(cells(compareRuns(all, { unfinished: true }))).toEqual([[0.6, 0.5, 0.55]]);
    expect(() => compareRuns([stopped])).toThrow("compare: no finished run among 1");
    expect(() => compareRuns([])).toThrow("compare: no runs");
  });

  test("a run that goes on, failed or was resumed to its end is told by the last such event", () => {
    const of = (events: readonly string[]) =>
      run({ log: lines(events.map((event) => ({ event, epoch: 0 }))) }).unfinished;
    expect(of(["start", "step"])).toBe("not at its end: epoch 0 of 0");
    expect(of(["start", "error"])).toBe("failed after epoch 0 of 0");
    expect(of(["start", "interrupted", "resume", "end", "test"])).toBeUndefined();
    expect(of(["start", "end", "resume"])).toBe("not at its end: epoch 0 of 0");
  });

  test("damaged lines are skipped and counted; of an epoch logged twice the later one counts", () => {
    const good = lines([
      { event: "evaluation", epoch: 1, metrics: { i_roc: 0.3 } },
      { event: "evaluation", epoch: 1, metrics: { i_roc: 0.4 } },
      { event: "end" },
    ]);
    const one = run({ name: "a", log: `${good}not json\n[1]\n{"event":"evaluation","epo` });
    expect(one.damaged).toBe(2);
    const comparison = compareRuns([one]);
    expect(cells(comparison)).toEqual([[0.4, 0.4]]);
    expect(comparison.warnings[0]).toBe(
      "runs/a/bottle/seed1: 2 lines of log.jsonl are damaged and skipped",
    );
  });

  test("without a log the last evaluation is in metrics.json", () => {
    const metrics = JSON.stringify({ epoch: 7, metrics: { i_roc: 0.5, p_roc: null } });
    const [one] = readRuns({
      path: "a",
      folders: ["a"],
      record: recordOf({ name: "a" }),
      metrics,
    });
    expect(one!.unfinished).toBeUndefined();
    expect(one!.evaluations).toEqual([{ epoch: 7, value: { i_roc: 0.5 } }]);
  });

  test("a run.json that no run wrote is an error that says which", () => {
    const read = (record: string) => () => readRuns({ path: "x/y", folders: ["y"], record });
    expect(read("{")).toThrow("x/y: run.json is not a JSON object; the run is left out");
    expect(read('{"seed":1}')).toThrow("x/y: run.json has no `method`");
    expect(
      readRuns({ path: "y", folders: ["y"], record: '{"method":"fod","config":7}' }),
    ).toMatchObject([{ name: "fod", className: "y", seed: 0 }]);
  });
});

describe("what can't be compared", () => {
  const a = {
    name: "a",
    values: [0.5],
    config: { imageSize: 64, epochs: 1 },
    data: { testRoot: null, testClasses: null },
  };

  test.each([
    ["image size differ: 64 (a); 128 (b)", { config: { imageSize: 128, epochs: 1 } }],
    ["epochs differ: 1 (a); 50 (b)", { config: { epochs: 50 } }],
    ["metric protocol differ: exact (a); cdo2023 (b)", { options: { protocol: "cdo2023" } }],
    ["test images of bottle differ: 9 (a); 10 (b)", { data: { test: 10 } }],
    [
      "test data of bottle differ: the same class of the same data (a); cap, pen of /other (b)",
      { data: { testRoot: "/other", testClasses: ["cap", "pen"] } },
    ],
    ["seeds differ: 1 (a); 2 (b)", { seed: 2 }],
    ["evaluated epochs differ: 1 (a); 1, 2 (b)", { values: [0.1, 0.2], config: { epochs: 1 } }],
  ])("%s", (what, other) => {
    const list = [run(a), run({ name: "b", values: [0.5], config: { epochs: 1 }, ...other })];
    expect(compareRuns(list).warnings).toEqual([`not comparable: ${what}`]);
    expect(() => compareRuns(list, { strict: true })).toThrow(
      `compare: these runs can't be compared: ${what}; leave out what differs, or drop --strict`,
    );
  });

  test("other training images under the same class name are told by their fingerprints", () => {
    const of = (name: string, fingerprint: string) =>
      run({ name, values: [0.5], data: { fingerprint } });
    const { warnings } = compareRuns([of("a", "0123456789"), of("b", "abcdefghij")]);
    expect(warnings).toEqual([
      "not comparable: training images of bottle differ: 20 (01234567) (a); 20 (abcdefgh) (b)",
    ]);
  });

  test("what a run does not say is not compared", () => {
    const old = run({ name: "b", values: [0.5], config: { imageSize: undefined, epochs: 1 } });
    expect(compareRuns([run(a), old], { strict: true }).warnings).toEqual([]);
  });

  test("without a class in common it is an error; one row without is only told", () => {
    const at = (name: string, cls: string) => run({ name, class: cls, values: [0.5] });
    expect(() => compareRuns([at("a", "x"), at("b", "y")])).toThrow(
      "compare: no class is in more than one experiment (a: x; b: y); compare runs on the same classes",
    );
    const { warnings } = compareRuns([at("a", "x"), at("b", "x"), at("c", "y")]);
    expect(warnings).toContain("not comparable: c has no class in common with the others");
  });
});

describe("beside the baseline", () => {
  const classes = ["a", "b", "c", "d", "e", "f"];
  const pair = (deltas: readonly number[]) =>
    deltas.flatMap((delta, i) => [
      run({ name: "baseline", class: classes[i]!, values: [0.5] }),
      run({ name: "other", class: classes[i]!, values: [0.5 + delta] }),
    ]);

  test("differences are of means, wins and losses from a tenth of a point on", () => {
    const { differences, paired } = compareRuns(pair([0.02, 0.001, 0.00099, -0.001, -0.0005, 0]));
    const [table] = differences;
    expect(table!.rows.map(({ name }) => name)).toEqual(["other"]);
    expect(table!.rows[0]!.cells[0]!.mean).toBeCloseTo(0.02, 12);
    expect(paired[0]!.classes).toMatchObject({ n: 6, wins: 2, ties: 3, losses: 1 });
    expect(paired[0]!.runs).toBeUndefined();
  });

  test("six wins of six are p = 1/32; of five nothing can be said, and that is said", () => {
    const six = compareRuns(pair([0.01, 0.02, 0.03, 0.04, 0.05, 0.06]));
    expect(six.paired[0]!.classes!.pValue).toBe(1 / 32);
    expect(six.otherNotes.join()).not.toContain("fewer than 6");
    const five = compareRuns(pair([0.01, 0.02, 0.03, 0.04, 0.05]));
    expect(five.otherNotes.join()).toContain(
      "with fewer than 6 pairs no p-value can be below 0.05",
    );
  });

  test("pairs of seeds are those that both have", () => {
    const of = (name: string, seed: number, value: number) => run({ name, seed, values: [value] });
    const { paired, differences } = compareRuns([
      of("baseline", 1, 0.5),
      of("baseline", 2, 0.6),
      of("x", 2, 0.7),
      of("x", 3, 0.9),
      of("y", 1, 0.6),
      of("y", 2, 0.5),
    ]);
    expect(paired.find(({ name }) => name === "y")!.runs).toMatchObject({
      n: 2,
      wins: 1,
      losses: 1,
    });
    const [x, y] = differences[0]!.rows;
    expect([...x!.cells[0]!.values.keys()]).toEqual([2]);
    expect(x!.cells[0]!.mean).toBeCloseTo(0.25, 12);
    expect(x!.cells[0]!.sd).toBeNaN();
    expect(y!.cells[0]!.sd).toBeCloseTo(Math.SQRT1_2 * 0.2, 12);
  });

  test("without a baseline there are no differences, and the note says how to name one", () => {
    const list = ["x", "y"].map((name) => run({ name, values: [0.5] }));
    const { differences, paired, notes, baseline } = compareRuns(list);
    expect([differences, paired, baseline]).toEqual([[], [], undefined]);
    expect(notes.join()).toContain("name one with --baseline");
  });
});

describe("cost and curves", () => {
  test("epochs to 95 % of the baseline's last value, and how many runs came so far", () => {
    const list = [
      run({ name: "baseline", values: [0.2, 0.6, 0.8] }),
      run({ name: "fast", values: [0.77, 0.8, 0.8] }),
      run({ name: "slow", values: [0.1, 0.2, 0.3] }),
    ];
    const reach = compareRuns(list).costs.map(({ reach: [first] }) => [
      first!.epochs,
      first!.reached,
      first!.runs,
    ]);
    expect(reach).toEqual([
      [3, 1, 1],
      [1, 1, 1],
      [undefined, 0, 1],
    ]);
  });

  test("an epoch's time leaves evaluations out, a run's time leaves out the stop before it was resumed", () => {
    const at = (seconds: number) => new Date(1e12 + 1000 * seconds).toISOString();
    const log = lines([
      { time: at(0), event: "start" },
      { time: at(10), event: "epoch", epoch: 1, loss: 1 },
      { time: at(13), event: "evaluation", epoch: 1, metrics: { i_roc: 0.5 } },
      { time: at(17), event: "epoch", epoch: 2, loss: 1 },
      { time: at(17), event: "interrupted" },
      { time: at(9000), event: "resume" },
      { time: at(9001), event: "epoch", epoch: 3, loss: 1 },
      { time: at(9006), event: "epoch", epoch: 4, loss: 1 },
      { time: at(9007), event: "evaluation", epoch: 4, metrics: { i_roc: 0.5 } },
      { time: at(9007), event: "end" },
      { time: at(99999), event: "test" },
    ]);
    const [cost] = compareRuns([run({ name: "a", log })]).costs;
    expect(cost).toMatchObject({ secondsPerEpoch: 5, seconds: 24 });
  });

  test("times of different GPUs are told apart", () => {
    const on = (name: string, adapter: string) =>
      run({ name, values: [0.5], record: { environment: { adapter: { name: adapter } } } });
    const { otherNotes } = compareRuns([on("a", "llvmpipe"), on("b", "H100")]);
    expect(otherNotes).toEqual([
      "times are of different GPUs and say nothing of the methods: llvmpipe, H100",
    ]);
  });

  test("curves are means and spreads over seeds, averaged over the classes that all rows have", () => {
    const list = [
      run({ name: "a", class: "x", seed: 1, values: [0.1, 0.2] }),
      run({ name: "a", class: "x", seed: 2, values: [0.3, 0.4] }),
      run({ name: "b", class: "x", seed: 1, values: [0.5, 0.6] }),
      run({ name: "b", class: "y", seed: 1, values: [0.9, 0.9] }),
    ];
    const { curves, curvesByClass } = compareRuns(list);
    const [auroc] = curves;
    expect(auroc!.curves[0]!.points).toEqual([
      { epoch: 1, mean: 0.2, sd: expect.closeTo(Math.SQRT2 / 10, 12) },
      { epoch: 2, mean: expect.closeTo(0.3, 12), sd: expect.closeTo(Math.SQRT2 / 10, 12) },
    ]);
    expect(auroc!.curves[1]!.points.map(({ mean }) => mean)).toEqual([0.5, 0.6]);
    expect(curvesByClass.map(({ column }) => column)).toEqual(["x", "y"]);
  });

  test("of adaptive curricula the names of arms are no curve, and epochs without a value are gaps", () => {
    const scalars = [{ arm: 3, "p.x": 0.5, amp: 0.1 }, { arm: 1 }, { arm: 2, amp: 0.3 }];
    const { schedules, otherNotes } = compareRuns([
      run({ name: "a", values: [0.1, 0.2, 0.3], scalars }),
    ]);
    expect(schedules.map(({ title, hasGaps }) => [title, hasGaps])).toEqual([["amp", true]]);
    expect(schedules[0]!.curves[0]!.points.map(({ epoch }) => epoch)).toEqual([1, 3]);
    expect(otherNotes).toEqual([
      "schedules: arm, p.x of adaptive curricula are not drawn; log.jsonl has them",
    ]);
  });

  test("of protocols that measure something else under a title, that is said", () => {
    const under = (protocol: string, metrics: Readonly<Record<string, number>>) =>
      compareRuns([run({ name: "a", values: [metrics], options: { protocol } })]).notes.join("\n");
    expect(under("cfa", { p_pro: 0.5 })).toContain(
      "AUPRO under cfa: its reference's PRO: 200 thresholds, false-positive rates and overlaps rescaled",
    );
    expect(under("fod", { p_roc: 0.5 })).toContain(
      "pixel AUROC under fod: of the maps before they are smoothed",
    );
    expect(under("cfa", { p_roc: 0.5 })).not.toContain("under");
    expect(under("exact", { mAUPRO_px: 0.5, mAUROC_px: 0.5 })).not.toContain("under");
  });

  test("whatever numbers a method tells by epoch are drawn, negative and large ones too, each where it is told", () => {
    const told = [
      { r: 0.0625, "target level1": -0.92 },
      { r: 0.1438, "target level1": 4.1 },
    ];
    const list = [1, 2].map((seed) =>
      run({
        name: "cfa",
        seed,
        values: [0.1, 0.2],
        scalars: told.map((t) => ({ ...t, r: t.r * seed })),
      }),
    );
    const comparison = compareRuns([...list, run({ name: "cdo", values: [0.1, 0.2] })]);
    const [r, target] = comparison.schedules;
    expect([r?.title, target?.title]).toEqual(["r", "target level1"]);
    expect(r!.curves.map(({ name }) => name)).toEqual(["cfa"]);
    expect(r!.curves[0]!.points.map(({ mean }) => mean)).toEqual([
      expect.closeTo(0.09375, 12),
      expect.closeTo(0.2157, 12),
    ]);
    expect(target!.curves[0]!.points.map(({ mean }) => mean)).toEqual([-0.92, 4.1]);
    const html = comparisonHtml(comparison);
    expect(html).toContain("Schedules and other values by epoch");
    expect(html).toContain("target level1");
  });

  test("schedules are drawn from the scalars of epochs, without the axis t", () => {
    const list = [
      run({
        name: "a",
        values: [0.1, 0.2],
        scalars: [
          { t: 0, freq: 0 },
          { t: 1, freq: 1 },
        ],
      }),
      run({ name: "b", values: [0.1, 0.2] }),
    ];
    const { schedules } = compareRuns(list);
    expect(schedules.map(({ title }) => title)).toEqual(["freq"]);
    expect(schedules[0]!.curves).toEqual([
      {
        name: "a",
        points: [
          { epoch: 1, mean: 0, sd: Number.NaN },
          { epoch: 2, mean: 1, sd: Number.NaN },
        ],
      },
    ]);
  });
});
