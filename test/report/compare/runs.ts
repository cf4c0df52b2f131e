/** Hand-written runs: the text of run.json and log.jsonl with known numbers. */
import { type Run, readRuns } from "../../../src/report/index.ts";

export interface Written {
  readonly name?: string;
  readonly class?: string;
  readonly seed?: number;
  readonly role?: string;
  /** Values of mAUROC_sp_max after epoch 1, 2, …, or of several metrics. */
  readonly values?: readonly (number | Readonly<Record<string, number | null>>)[];
  /** Of epoch 1, 2, …; 10, 9, 8, … if not given. */
  readonly losses?: readonly number[];
  readonly scalars?: readonly Readonly<Record<string, number>>[];
  readonly path?: string;
  readonly record?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly options?: Readonly<Record<string, unknown>>;
  /** The whole log, instead of one made of the above. */
  readonly log?: string;
  /** metrics.json */
  readonly metrics?: string;
  /** The last event; `end` if not given. */
  readonly last?: string;
}

export function recordOf(w: Written): string {
  return JSON.stringify({
    ...(w.name === undefined ? {} : { name: w.name }),
    ...(w.role === undefined ? {} : { role: w.role }),
    method: "cdo",
    config: { backbone: "resnet18", imageSize: 64, epochs: w.values?.length ?? 0, ...w.config },
    data: { root: "/data/set", class: w.class ?? "bottle", train: 20, test: 9, ...w.data },
    seed: w.seed ?? 1,
    options: { protocol: "exact", ...w.options },
    ...w.record,
  });
}

export function logOf(w: Written): string {
  const events: Record<string, unknown>[] = [{ event: "start" }];
  (w.values ?? []).forEach((value, i) => {
    const epoch = i + 1;
    const loss = w.losses ? w.losses[i] : 10 - i;
    const scalars = w.scalars?.[i];
    events.push({ event: "epoch", epoch, loss, ...(scalars ? { scalars } : {}) });
    const metrics = typeof value === "number" ? { mAUROC_sp_max: value } : value;
    events.push({ event: "evaluation", epoch, metrics });
  });
  events.push({ event: w.last ?? "end" });
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}

export function run(w: Written): Run {
  return all(w)[0]!;
}

/** A run of several classes is one for each. */
export function all(w: Written): Run[] {
  const path = w.path ?? `runs/${w.name ?? "x"}/${w.class ?? "bottle"}/seed${w.seed ?? 1}`;
  return readRuns({
    path,
    folders: path.split("/"),
    record: recordOf(w),
    log: w.log ?? logOf(w),
    ...(w.metrics === undefined ? {} : { metrics: w.metrics }),
  });
}

/** Lines of a log. */
export const lines = (events: readonly unknown[]): string =>
  events.map((event) => `${JSON.stringify(event)}\n`).join("");
