/** An axis: from values to pixels, with round numbers where the ticks are. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

export interface Scale {
  /** The pixel of a value; outside the range the end of the axis. */
  at(value: number): number;
  readonly ticks: readonly Tick[];
}

export interface ScaleRules {
  /** The axis does not go beyond these. */
  readonly least?: number;
  readonly most?: number;
  /** Ticks at whole numbers only, and no room at the ends. */
  readonly whole?: boolean;
}

/** An axis that holds all values, from pixel `from` to pixel `to`. */
export function scaleOf(
  values: readonly number[],
  from: number,
  to: number,
  { least = -Infinity, most = Infinity, whole = false }: ScaleRules = {},
): Scale {
  let low = values.reduce((a, b) => Math.min(a, b), Infinity);
  let high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!(high > low)) [low, high] = [low - (whole ? 1 : 0.5), high + (whole ? 1 : 0.5)];
  const room = whole ? 0 : 0.06 * (high - low);
  low = Math.max(least, low - room);
  high = Math.min(most, high + room);
  if (!(high > low)) [low, high] = [low - 1, low + 1];
  const at = (value: number) => {
    const inside = Math.max(low, Math.min(high, value));
    return from + ((inside - low) / (high - low)) * (to - from);
  };
  const step = roundStep((high - low) / 5, whole);
  const ticks: Tick[] = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    ticks.push({ at: at(k * step), text: tickText(k * step) });
  }
  return { at, ticks };
}

/** 1, 2 or 5 times a power of ten, at least `rough`. */
function roundStep(rough: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) ?? 10 * power;
  return whole ? Math.max(1, Math.round(step)) : step;
}

function tickText(value: number): string {
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(6)));
}
