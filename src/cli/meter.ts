/**
 * Progress with rate and time left. On a terminal it is one line that is rewritten; elsewhere a plain line now and then, so
 * that a log file stays readable.
 */
import { harmless } from "./harmless.ts";
import type { Output } from "./terminal.ts";

export interface MeterOptions {
  /** What is counted, for example `epoch 3/10`. */
  readonly label: string;
  readonly total: number;
  /** Name of one of them, for the rate. */
  readonly unit: string;
  /** Done before, by an earlier run; default 0. */
  readonly start?: number;
}

const redrawMs = 100;
const plainMs = 15_000;
/** The rate is that of this last stretch: the first steps compile shaders and say little. */
const windowMs = 30_000;

export class Meter {
  readonly #out: Output;
  readonly #now: () => number;
  readonly #total: number;
  readonly #unit: string;
  readonly #moving: boolean;
  #label: string;
  #marks: { at: number; done: number }[];
  #shown: number;
  #onScreen = false;
  #ended = false;

  constructor(out: Output, now: () => number, { label, total, unit, start = 0 }: MeterOptions) {
    this.#out = out;
    this.#now = now;
    this.#label = label;
    this.#total = total;
    this.#unit = unit;
    this.#moving = out.isTTY === true;
    this.#marks = [{ at: now(), done: start }];
    this.#shown = this.#moving ? Number.NEGATIVE_INFINITY : now();
  }

  /** `done` of the total are done; `note` is shown behind. */
  update(done: number, note = "", label = this.#label): void {
    this.#label = label;
    const at = this.#now();
    this.#marks.push({ at, done });
    while (this.#marks.length > 2 && at - this.#marks[1]!.at > windowMs) this.#marks.shift();
    if (at - this.#shown < (this.#moving ? redrawMs : plainMs)) return;
    this.#shown = at;
    this.#draw(done, note);
  }

  /** Takes the line off the screen, so that another can be printed. */
  clear(): void {
    if (this.#onScreen) this.#out.write("\r\x1b[2K");
    this.#onScreen = false;
  }

  end(): void {
    this.clear();
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Units per second over the last stretch; 0 before anything was done. */
  rate(): number {
    const first = this.#marks[0]!;
    const last = this.#marks.at(-1)!;
    const seconds = (last.at - first.at) / 1000;
    return seconds > 0 ? (last.done - first.done) / seconds : 0;
  }

  #draw(done: number, note: string): void {
    const rate = this.rate();
    const left = rate > 0 ? `, ${formatSeconds((this.#total - done) / rate)} left` : "";
    const speed = rate > 0 ? `, ${formatRate(rate)} ${this.#unit}/s` : "";
    const said = `${this.#label}: ${done}/${this.#total} ${this.#unit}${note && `, ${note}`}${speed}${left}`;
    const text = harmless(said);
    if (!this.#moving) {
      this.#out.write(`${text}\n`);
      return;
    }
    const width = Math.max(20, (this.#out.columns ?? 80) - 1);
    const bar = barOf(done / Math.max(1, this.#total));
    this.#out.write(`\r\x1b[2K${`${bar} ${text}`.slice(0, width)}`);
    this.#onScreen = true;
  }
}

const barWidth = 16;

function barOf(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barWidth);
  return "█".repeat(full) + "░".repeat(barWidth - full);
}

/** Three digits: `0.123`, `4.56`, `78.9`, `123`. */
export function formatRate(rate: number): string {
  if (rate >= 100) return String(Math.round(rate));
  return rate.toFixed(rate >= 10 ? 1 : rate >= 1 ? 2 : 3);
}

/** `7 s`, `1:23 min`, `2:05 h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const [big, small, unit] =
    whole < 3600
      ? [Math.floor(whole / 60), whole % 60, "min"]
      : [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), "h"];
  return `${big}:${String(small).padStart(2, "0")} ${unit}`;
}
