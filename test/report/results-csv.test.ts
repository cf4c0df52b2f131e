/** The tables of an experiment: against numbers worked out by hand, with runs, seeds and metrics missing. */
import { expect, test } from "vitest";
import {
  averageOf,
  averageSpread,
  meanRows,
  resultsCsv,
  runStatistics,
  type SummaryRow,
  spreadRows,
  summaryCsv,
} from "../../src/report/index.ts";

const columns = ["mAUROC_sp_max", "mAUPRO_px"];
const values = (auroc: number, pro: number) => ({ mAUROC_sp_max: auroc, mAUPRO_px: pro });
const seeds = (...pairs: [number, ReturnType<typeof values>][]) => new Map(pairs);

test("the table has the reference's form, and its last row is the mean of the rows above it", () => {
  const classes = [
    { name: "carpet", bySeed: seeds([1, values(1, 0.9594)]) },
    { name: "grid", bySeed: seeds([1, values(0.98765, 0.97)]) },
  ];
  const rows = meanRows(classes, columns);
  expect(resultsCsv(rows, averageOf(rows, columns), columns)).toBe(
    [
      ",mAUROC_sp_max,mAUPRO_px",
      "carpet,100.00,95.94",
      "grid,98.77,97.00",
      "average,99.38,96.47", // of the unrounded rows: 99.3825 and 96.47
      "",
    ].join("\n"),
  );
});

test("a class without a run is --, and the average leaves it out and says so", () => {
  const classes = [
    { name: "01", bySeed: seeds([1, values(0.5, 0.25)]) },
    { name: "02", bySeed: seeds() },
    { name: "03", bySeed: seeds([1, values(0.7, Number.NaN)]) },
  ];
  const rows = meanRows(classes, columns);
  const csv = resultsCsv(rows, averageOf(rows, columns), columns);
  expect(csv.split("\n").slice(1)).toEqual([
    "b01,50.00,25.00",
    "b02,--,--",
    "b03,70.00,--",
    "average (1/3),50.00,25.00",
    "",
  ]);
});

test("a metric that no class has makes no class incomplete; without any value all are", () => {
  const some = meanRows([{ name: "a", bySeed: seeds([1, values(0.5, Number.NaN)]) }], columns);
  expect(averageOf(some, columns)).toEqual({
    name: "average",
    metrics: { mAUROC_sp_max: 0.5 },
  });
  const none = meanRows([{ name: "a", bySeed: seeds() }], columns);
  expect(resultsCsv(none, averageOf(none, columns), columns)).toMatch(
    /\naverage \(0\/1\),--,--\n$/,
  );
});

test("a column may have any name, as settings do", () => {
  const rows = [{ name: "a", metrics: { class: 0.5, __proto: 0.25 } }];
  expect(averageOf(rows, ["class", "__proto"]).metrics).toEqual({ class: 0.5, __proto: 0.25 });
});

test("over seeds a cell is their mean, and the spread is the sample's; that of the average is over the seeds' averages", () => {
  const classes = [
    {
      name: "a",
      bySeed: seeds([1, values(0.9, 0.5)], [2, values(0.7, 0.5)], [3, values(0.5, 0.5)]),
    },
    { name: "b", bySeed: seeds([1, values(0.1, 0.5)], [2, values(0.3, 0.5)]) },
  ];
  expect(meanRows(classes, columns)[0]?.metrics.mAUROC_sp_max).toBeCloseTo(0.7, 12);
  const spread = spreadRows(classes, columns);
  expect(spread[0]?.metrics.mAUROC_sp_max).toBeCloseTo(0.2, 12);
  expect(spread[1]?.metrics.mAUROC_sp_max).toBeCloseTo(Math.SQRT2 / 10, 12);
  const average = averageSpread(classes, columns); // 0.5 and 0.5: the classes' changes cancel
  expect(average.metrics.mAUROC_sp_max).toBeCloseTo(0, 12);
  expect(average.name).toBe("average (2/3 seeds)");
});

test("one seed has no spread", () => {
  const classes = [{ name: "a", bySeed: seeds([4, values(0.9, 0.5)]) }];
  const csv = resultsCsv(spreadRows(classes, columns), averageSpread(classes, columns), columns);
  expect(csv.split("\n").slice(1, 3)).toEqual(["a,--,--", "average,--,--"]);
});

test("final is the last evaluation, last5 the mean of five, peak the largest of each metric by itself", () => {
  const course = [0.1, 0.9, 0.2, 0.3, 0.4, 0.5].map((v, i) => values(v, 1 - i / 10));
  const { final, last5, peak } = runStatistics(course);
  expect(final).toEqual(values(0.5, 0.5));
  expect(last5.mAUROC_sp_max).toBeCloseTo((0.9 + 0.2 + 0.3 + 0.4 + 0.5) / 5, 12);
  expect(peak).toEqual(values(0.9, 1));
  expect(runStatistics(course.slice(0, 2)).last5.mAUROC_sp_max).toBeCloseTo(0.5, 12);
  expect(runStatistics([])).toEqual({ final: {}, last5: {}, peak: {} });
});

test("a metric that is NaN now and then is passed over, but not in the last evaluation", () => {
  const { final, last5, peak } = runStatistics([values(0.5, 0.5), values(Number.NaN, 0.7)]);
  expect(final.mAUROC_sp_max).toBeNaN();
  expect(last5.mAUROC_sp_max).toBe(0.5);
  expect(peak.mAUROC_sp_max).toBe(0.5);
});

test("the long list has a line for each value, and no name that a spreadsheet would run", () => {
  const row: SummaryRow = {
    name: "=cmd()",
    family: "a,b",
    role: "",
    dataset: "btad",
    class: "01",
    seed: 3,
    metric: "mAUPRO_px",
    statistic: "last5",
    value: 1 / 3,
  };
  expect(summaryCsv([row, { ...row, value: Number.NaN }])).toBe(
    [
      "name,family,role,dataset,class,seed,metric,statistic,value",
      `'=cmd(),"a,b",,btad,b01,3,mAUPRO_px,last5,33.333333`,
      "",
    ].join("\n"),
  );
});
