/** Methods side by side: accuracy, time and memory in one table, in every format; what they differ in by nature is no objection. */
import { describe, expect, test } from "vitest";
import {
  compareRuns,
  comparisonCsv,
  comparisonHtml,
  comparisonJson,
  comparisonMarkdown,
  comparisonText,
  type Run,
  summaryText,
  tablesScene,
} from "../../../src/report/index.ts";
import { lines, run } from "./runs.ts";

const at = (seconds: number) => new Date(1e12 + 1000 * seconds).toISOString();
const mib = 2 ** 20;

interface Measured {
  readonly method: string;
  readonly class?: string;
  readonly epochs: number;
  readonly pixelAp: number;
  readonly cost?: unknown;
}

/** An epoch of 10 s of two steps, then 5 s of evaluation. */
function measured({ method, class: name = "bottle", epochs, pixelAp, cost }: Measured): Run {
  const metrics = { mAUROC_sp_max: 0.9, mAUROC_px: 0.8, mAP_px: pixelAp, mAUPRO_px: 0.7 };
  const log = lines([
    { time: at(0), event: "start" },
    { time: at(1), event: "warning", message: "belongs to what comes next" },
    { time: at(4), event: "step", epoch: 1 },
    { time: at(10), event: "epoch", epoch: 1, loss: 1 },
    { time: at(12), event: "checkpoint" },
    { time: at(15), event: "evaluation", epoch: 1, metrics },
    { time: at(15), event: "end", ...(cost === undefined ? {} : { cost }) },
  ]);
  const config = { imageSize: 100 + epochs, epochs, batchSize: 4 };
  return run({ name: `${method}-x`, class: name, log, config, record: { method } });
}

const cost = (milliseconds: number, peak: number) => ({
  prediction: { images: 5, batchSize: 4, milliseconds },
  peakBytes: peak * mib,
});
const three = [
  measured({ method: "cdo", epochs: 100, pixelAp: 0.5, cost: cost(50, 900) }),
  measured({ method: "cfa", epochs: 30, pixelAp: 0.6, cost: cost(1010, 800) }),
  measured({ method: "fod", epochs: 100, pixelAp: 0.7 }),
];

describe("the summary", () => {
  test("has a line for each experiment: metrics, training time, time of an image, memory", () => {
    const text = summaryText(compareRuns(three));
    expect(text?.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
      [expect.stringMatching(/^Summary: %: averages over classes/)],
      expect.arrayContaining(["pixel AP", "AUPRO", "training, s", "ms/image", "GPU MiB"]),
      [expect.stringMatching(/^─+$/)],
      ["cdo-x", "90.00", "80.00", "50.00", "70.00", "10.00", "10.0", "900"],
      ["cfa-x", "90.00", "80.00", "60.00", "70.00", "10.00", "202", "800"],
      ["fod-x", "90.00", "80.00", "*70.00", "70.00", "10.00", "--", "--"],
    ]);
  });

  test("is in every format, the picture too", () => {
    const comparison = compareRuns(three);
    const head = "GPU MiB";
    expect(comparisonText(comparison)).toContain(head);
    expect(comparisonMarkdown(comparison)).toContain("## Summary");
    expect(comparisonHtml(comparison)).toContain(`${head}</button>`);
    const drawn = tablesScene(comparison).shapes.flatMap((s) => (s.kind === "text" ? s.text : []));
    expect(drawn).toEqual(expect.arrayContaining(["Summary", head, "900", "202"]));
    expect(drawn.join(" ")).toMatch(/each method has its own epochs: .*; ms\/image: reading/);
    const json = comparisonJson(comparison) as { costs: readonly Record<string, unknown>[] };
    expect(json.costs[1]).toMatchObject({ msPerImage: 202, peakBytes: 800 * mib });
  });

  test("of several classes the time is the mean and the memory the most, and the CSV has each", () => {
    const more = measured({
      method: "cdo",
      class: "cable",
      epochs: 100,
      pixelAp: 0.1,
      cost: cost(150, 700),
    });
    const csv = comparisonCsv(compareRuns([...three, more])).split("\n");
    expect(csv.filter((line) => /^(training|ms_|gpu)/.test(line))).toEqual([
      "training_seconds,,mean,cdo-x,1,10.00,10.00,10.00,2",
      "training_seconds,,mean,cfa-x,1,10.00,,10.00,1",
      "training_seconds,,mean,fod-x,1,10.00,,10.00,1",
      "ms_per_image,,mean,cdo-x,1,10.0,30.0,20.0,2",
      "ms_per_image,,mean,cfa-x,1,202,,202,1",
      "ms_per_image,,mean,fod-x,1,,,,0",
      "gpu_mib,,maximum,cdo-x,1,900,700,900,2",
      "gpu_mib,,maximum,cfa-x,1,800,,800,1",
      "gpu_mib,,maximum,fod-x,1,,,,0",
    ]);
  });

  test("is not there for runs from before costs were measured, nor for one experiment", () => {
    const old = ["a", "b"].map((method) => measured({ method, epochs: 1, pixelAp: 0.5 }));
    expect(summaryText(compareRuns(old))).toBeUndefined();
    expect(comparisonText(compareRuns(old))).not.toMatch(/GPU MiB|ms\/image/);
    expect(summaryText(compareRuns(three.slice(0, 1)))).toBeUndefined();
  });

  test("damaged costs are costs that nobody knows", () => {
    for (const bad of [
      null,
      7,
      "x",
      {},
      { prediction: 1, peakBytes: "much" },
      cost(Number.NaN, -1),
    ]) {
      const list = [three[0]!, measured({ method: "odd", epochs: 1, pixelAp: 0.5, cost: bad })];
      expect(compareRuns(list).costs[1]).toMatchObject({
        name: "odd-x",
        msPerImage: undefined,
        peakBytes: undefined,
      });
    }
  });

  test("a run that was evaluated once more keeps what its training took", () => {
    const again = { prediction: { images: 1, batchSize: 1, milliseconds: 3 }, peakBytes: null };
    const log = lines([
      { event: "evaluation", epoch: 1, metrics: { i_roc: 0.5 } },
      { event: "end", cost: cost(50, 900) },
      { event: "resume" },
      { event: "end", cost: again },
    ]);
    expect(run({ name: "a", log })).toMatchObject({ msPerImage: 3, peakBytes: 900 * mib });
  });
});

describe("methods side by side", () => {
  test("size, epochs and batch are each method's own: told, but no warning, and strict lets them pass", () => {
    const { warnings, otherNotes } = compareRuns(three, { strict: true });
    expect(warnings).toEqual([]);
    expect(otherNotes).toEqual(
      expect.arrayContaining([
        "each method has its own image size: 200 (cdo-x, fod-x); 130 (cfa-x)",
        "each method has its own epochs: 100 (cdo-x, fod-x); 30 (cfa-x)",
      ]),
    );
  });

  test("their losses have nothing in common, and are shown when asked for", () => {
    const learnt = three.map((one) => ({ ...one, losses: [{ epoch: 1, value: 2 }] }));
    const shown = (runs: readonly Run[], metrics?: string[]) =>
      compareRuns(runs, metrics && { metrics }).metrics.map(({ key }) => key);
    expect(shown(learnt)).not.toContain("loss");
    expect(shown(learnt, ["loss"])).toEqual(["loss"]);
    expect(shown(learnt.slice(0, 1))).toContain("loss");
  });

  test("within a method they must be the same", () => {
    const config = { imageSize: 7, epochs: 100, batchSize: 4 };
    const odd = { ...measured({ method: "cdo", epochs: 100, pixelAp: 0.5 }), name: "odd" };
    const facts = { ...odd.facts, "image size": String(config.imageSize) };
    expect(compareRuns([...three, { ...odd, facts }]).warnings).toEqual([
      "not comparable: image size of cdo differ: 200 (cdo-x); 7 (odd)",
    ]);
  });
});
