/** How a training goes: the meter for who watches, the log for who looks later, the history that a checkpoint keeps. */
import type { Detector, Progress, TrainingCheckpoint } from "../detector/index.ts";
import { formatRate, formatSeconds, type Meter } from "./meter.ts";
import type { EpochMetrics } from "./results.ts";
import type { RunLog } from "./run-log.ts";
import type { Terminal } from "./terminal.ts";

/** What a run knows about its past besides the weights; saved with each checkpoint. Plain JSON. */
export interface History {
  /** Mean loss of each complete epoch. */
  readonly losses: readonly number[];
  /** Sum and number of the losses of the epoch under way. */
  readonly partial: { readonly sum: number; readonly steps: number };
  readonly evaluations: readonly EpochMetrics[];
}

export class TrainingProgress {
  readonly #terminal: Terminal;
  readonly #log: RunLog;
  readonly #meter: Meter;
  readonly #epochs: number;
  readonly #images: number;
  readonly #batchSize: number;
  #history: History;

  /** @param images how many one epoch has */
  constructor(
    detector: Pick<Detector, "epochs" | "batchSize">,
    images: number,
    checkpoint: TrainingCheckpoint | undefined,
    { terminal, log }: { readonly terminal: Terminal; readonly log: RunLog },
  ) {
    this.#terminal = terminal;
    this.#log = log;
    this.#epochs = detector.epochs;
    this.#batchSize = detector.batchSize;
    this.#images = images;
    const before = (checkpoint?.extra ?? {}) as Partial<History>;
    this.#history = {
      losses: before.losses ?? [],
      partial: before.partial ?? { sum: 0, steps: 0 },
      evaluations: before.evaluations ?? [],
    };
    const { epoch, step } = checkpoint?.progress ?? { epoch: 0, step: 0 };
    this.#meter = terminal.meter({
      label: "training",
      total: this.#epochs * images,
      unit: "images",
      start: this.#done({ epoch, step }),
    });
  }

  get history(): History {
    return this.#history;
  }

  /** Images seen; the last batch of an epoch may be smaller. */
  #done({ epoch, step }: Progress): number {
    return epoch * this.#images + Math.min(this.#images, step * this.#batchSize);
  }

  /** @param step how many of this epoch are done */
  step(epoch: number, step: number, iteration: number, loss: number): void {
    const { sum, steps } = this.#history.partial;
    this.#history = { ...this.#history, partial: { sum: sum + loss, steps: steps + 1 } };
    const label = `epoch ${epoch + 1}/${this.#epochs}`;
    this.#meter.update(this.#done({ epoch, step }), `loss ${loss.toPrecision(4)}`, label);
    this.#log.write("step", { epoch: epoch + 1, iteration, loss });
  }

  /** @param scalars what the method's course was in this epoch */
  epoch(epoch: number, scalars?: Readonly<Record<string, number>>): void {
    const { losses, partial } = this.#history;
    const loss = partial.sum / partial.steps;
    this.#history = {
      ...this.#history,
      losses: [...losses, loss],
      partial: { sum: 0, steps: 0 },
    };
    const rate = this.#meter.rate();
    const left = (this.#epochs - epoch - 1) * this.#images;
    const rest = left > 0 && rate > 0 ? `, ${formatSeconds(left / rate)} left` : "";
    const speed = `${formatRate(rate)} images/s`;
    const course = scalars ? { scalars } : {};
    this.#log.write("epoch", { epoch: epoch + 1, loss, imagesPerSecond: rate, ...course });
    const shown = Object.entries(scalars ?? {})
      .filter(([name]) => name !== "t" && !name.startsWith("p.")) // probabilities are for the log
      .map(([name, value]) => `, ${name} ${Number(value.toPrecision(3))}`)
      .join("");
    this.#terminal.info(
      `epoch ${epoch + 1}/${this.#epochs}: loss ${loss.toPrecision(5)}${shown}, ${speed}${rest}`,
    );
  }

  evaluated(evaluation: EpochMetrics): void {
    const { evaluations } = this.#history;
    this.#history = { ...this.#history, evaluations: [...evaluations, evaluation] };
    this.#log.write("evaluation", { ...evaluation });
  }

  end(): void {
    this.#meter.end();
  }
}
