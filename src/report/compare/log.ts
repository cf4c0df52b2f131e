/** log.jsonl of a run: evaluations, losses and what the method or its curriculum said by epoch, how it ended, and how long it took. */

export interface AtEpoch<T> {
  /** Epochs that were complete. */
  readonly epoch: number;
  readonly value: T;
}

type Numbers = Readonly<Record<string, number>>;

/** All lists go up by epoch, one entry each; of an epoch that was logged twice the later one counts. */
export interface Logged {
  readonly evaluations: readonly AtEpoch<Numbers>[];
  /** The same for each class, where one model is tested on several. */
  readonly classes: ReadonlyMap<string, readonly AtEpoch<Numbers>[]>;
  readonly losses: readonly AtEpoch<number>[];
  readonly scalars: readonly AtEpoch<Numbers>[];
  /** The last that was said of the whole run; undefined when nothing was. */
  readonly state: "running" | "end" | "interrupted" | "error" | undefined;
  /** Median training time of an epoch, evaluation left out; undefined when there are no times. */
  readonly secondsPerEpoch: number | undefined;
  /** From start to end, without the time between stops and resumptions. */
  readonly seconds: number | undefined;
  /** The part of them until the last step of each epoch: looking at the images first, and the steps. No evaluation, no saving. */
  readonly trainingSeconds: number | undefined;
  /** Of a test image in the last evaluation; undefined for runs from before it was measured. */
  readonly msPerImage: number | undefined;
  /** Most GPU memory in use at once, bytes. */
  readonly peakBytes: number | undefined;
  /** Lines that are not JSON objects. */
  readonly damaged: number;
}

type Event = Readonly<Record<string, unknown>>;

const states: Readonly<Record<string, NonNullable<Logged["state"]>>> = {
  start: "running",
  resume: "running",
  end: "end",
  interrupted: "interrupted",
  error: "error",
};

/**
 * @param metrics metrics.json: stands in where the log has no evaluation
 * @param images of one epoch, where known
 */
export function readLog(
  text: string,
  metrics: Event | undefined,
  images: number | undefined,
): Logged {
  const evaluations = new Map<number, Numbers>();
  const classes = new Map<string, Map<number, Numbers>>();
  const losses = new Map<number, number>();
  const scalars = new Map<number, Numbers>();
  const clock = new Clock(images);
  let cost: MeasuredCost = { msPerImage: undefined, peakBytes: undefined };
  let state: Logged["state"];
  let damaged = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const event = parse(line);
    if (!event) {
      damaged++;
      continue;
    }
    const name = typeof event.event === "string" ? event.event : "";
    if (Object.hasOwn(states, name)) state = states[name];
    clock.see(name, event);
    if (name === "end") cost = costOf(event.cost, cost);
    const epoch = epochOf(event);
    if (epoch === undefined) continue;
    if (name === "evaluation") {
      set(evaluations, epoch, numbersOf(event.metrics));
      addClasses(classes, epoch, event.classes);
    }
    if (name !== "epoch") continue;
    if (isNumber(event.loss)) losses.set(epoch, event.loss);
    set(scalars, epoch, numbersOf(event.scalars));
  }
  if (metrics) {
    const epoch = epochOf(metrics) ?? 0;
    if (evaluations.size === 0) set(evaluations, epoch, numbersOf(metrics.metrics));
    if (classes.size === 0) addClasses(classes, epoch, metrics.classes);
  }
  const { secondsPerEpoch, seconds, trainingSeconds } = clock;
  return {
    evaluations: inOrder(evaluations),
    classes: new Map([...classes].map(([name, values]) => [name, inOrder(values)])),
    losses: inOrder(losses),
    scalars: inOrder(scalars),
    state,
    damaged,
    ...cost,
    ...{ secondsPerEpoch, seconds, trainingSeconds },
  };
}

type MeasuredCost = Pick<Logged, "msPerImage" | "peakBytes">;

/** What an `end` says; what it does not say stays as it was `before`: a run that was only evaluated again trained nothing. */
function costOf(told: unknown, before: MeasuredCost): MeasuredCost {
  const { prediction, peakBytes } = objectOf(told);
  const { images, milliseconds } = objectOf(prediction);
  const isTimed = isNumber(images) && images > 0 && isNumber(milliseconds);
  return {
    msPerImage: isTimed ? milliseconds / images : before.msPerImage,
    peakBytes: isNumber(peakBytes) && peakBytes > 0 ? peakBytes : before.peakBytes,
  };
}

/** @param logged by class: metrics, or an evaluation that has them */
function addClasses(
  classes: Map<string, Map<number, Numbers>>,
  epoch: number,
  logged: unknown,
): void {
  for (const [name, value] of Object.entries(objectOf(logged))) {
    const own = classes.get(name) ?? new Map<number, Numbers>();
    classes.set(name, own);
    set(own, epoch, numbersOf((value as Event | null)?.metrics ?? value));
  }
}

/** Adds up times. What happened between two lines of one process counts; a stop does not. */
class Clock {
  readonly #images: number | undefined;
  #epochs: number[] = [];
  #rates: number[] = [];
  #total = 0;
  #training = 0;
  /** Since the last event of the training itself: what was said in between belongs to what comes next. */
  #between = 0;
  #last: number | undefined;
  /** When the training of the epoch under way began. */
  #began: number | undefined;

  constructor(images: number | undefined) {
    this.#images = images;
  }

  see(name: string, event: Event): void {
    if (name === "test") return; // later, by another command
    if (name === "epoch" && isNumber(event.imagesPerSecond)) {
      this.#rates.push(event.imagesPerSecond);
    }
    const time = typeof event.time === "string" ? Date.parse(event.time) / 1000 : Number.NaN;
    if (Number.isNaN(time)) return;
    const before = this.#last;
    this.#last = time;
    if (name === "resume") {
      this.#began = undefined; // the rest of an epoch is not an epoch
      this.#between = 0;
      return;
    }
    const passed = before === undefined ? 0 : Math.max(0, time - before);
    this.#total += passed;
    this.#between += passed;
    if (name === "step" || name === "epoch") this.#training += this.#between;
    if (name !== "info" && name !== "warning") this.#between = 0;
    if (name === "epoch" && this.#began !== undefined) {
      this.#epochs.push(Math.max(0, time - this.#began));
    }
    if (name !== "step" && name !== "info" && name !== "warning") this.#began = time;
  }

  get secondsPerEpoch(): number | undefined {
    const measured = median(this.#epochs);
    if (measured !== undefined) return measured;
    const rate = median(this.#rates);
    return rate !== undefined && rate > 0 && this.#images !== undefined
      ? this.#images / rate
      : undefined;
  }

  get trainingSeconds(): number | undefined {
    return this.#training > 0 ? this.#training : undefined;
  }

  get seconds(): number | undefined {
    return this.#total > 0 ? this.#total : undefined;
  }
}

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function parse(line: string): Event | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Event) : undefined;
  } catch {
    return undefined;
  }
}

const objectOf = (value: unknown): Event =>
  typeof value === "object" && value !== null ? (value as Event) : {};

const isNumber = (value: unknown): value is number => Number.isFinite(value);

function epochOf({ epoch }: Event): number | undefined {
  return isNumber(epoch) && epoch >= 0 ? epoch : undefined;
}

/** The finite numbers of an object; a metric that is undefined is null in JSON. */
function numbersOf(value: unknown): Numbers {
  return Object.fromEntries(
    Object.entries(objectOf(value)).filter(([, v]) => isNumber(v)),
  ) as Numbers;
}

function set(map: Map<number, Numbers>, epoch: number, values: Numbers): void {
  if (Object.keys(values).length > 0) map.set(epoch, values);
}

function inOrder<T>(map: ReadonlyMap<number, T>): AtEpoch<T>[] {
  return [...map].sort(([a], [b]) => a - b).map(([epoch, value]) => ({ epoch, value }));
}
