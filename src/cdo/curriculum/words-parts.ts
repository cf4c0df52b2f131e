/** What words about anomalies say: axes with their schedules, and the adaptive ones. Checks are those of the configs. */
import { type AxisName, axisNames, axisSettings, type PlainAxes } from "./axes.ts";
import { numberOf, type Word } from "./word.ts";
import { type Given, strength, taking } from "./words-schedule.ts";

/** `[numbers|settings]` of an axis, such as `4,0.6`, `most=0.6` or `beyond`. */
function axisParameters(word: Word, axis: AxisName): Given {
  const { numbers: names, flags } = axisSettings(axis);
  const numbers = word.numbers();
  if (numbers.length > names.length) {
    const takes = names.length > 0 ? `at most ${names.join(", ")}` : "no numbers";
    throw word.fail(`${axis} takes ${takes}, got ${numbers.join(", ")}`);
  }
  const more = numberOf(word.ahead ?? "");
  if (numbers.length > 0 && more !== undefined) {
    const next = `${axis}:${[...numbers, more].join(",")}`;
    throw word.fail(`numbers of an axis stand together between commas, as in ${next}`);
  }
  if (numbers.length > 0) return Object.fromEntries(numbers.map((value, i) => [names[i], value]));
  const all = [...names, ...flags];
  const own = { ...taking(...names), ...Object.fromEntries(flags.map((name) => [name, true])) };
  const parts = word.ahead?.includes("=") ? word.ahead.split(",") : [];
  const stray = parts.find((part) => !all.includes(part.split("=")[0] ?? ""));
  if (stray === undefined) return word.settings(own);
  const takes = all.length > 0 ? `it takes ${all.join(", ")}` : "it takes none";
  const next = `settings of a schedule follow its name, as in ${axis}:step:k=5`;
  throw word.fail(`${axis} has no setting "${stray}"; ${takes}; ${next}`);
}

/** `AXIS[:numbers|settings][:schedule[:settings]]` */
export function axisWord(word: Word, axis: AxisName): Given {
  const own = axisParameters(word, axis);
  return word.ahead === undefined ? own : { ...own, schedule: strength(word) };
}

/** `AXIS[+AXIS…]` */
function axesPiece(word: Word): PlainAxes {
  const piece = word.ahead;
  if (piece === undefined) throw word.fail("it lacks its axes, such as freq or freq+alpha");
  const names = piece.split("+");
  const listed = piece.split(",");
  if (listed.length > 1 && listed.every((name) => axisNames.includes(name as AxisName))) {
    throw word.fail(`"${piece}": axes are joined with +, as in ${listed.join("+")}`);
  }
  for (const name of names) {
    if (!axisNames.includes(name as AxisName)) {
      throw word.fail(`"${name}" is no axis; there are ${axisNames.join(", ")}`);
    }
  }
  word.take();
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** `selector[:exp3|greedy][:axes][:settings]`, `gate:axes[:settings]`, `plateau:axes[:settings]` */
export const adaptiveWords = {
  selector(word: Word): Given {
    const method = word.name(["exp3", "greedy"]);
    const isAxes = word.ahead !== undefined && !word.ahead.includes("=");
    const axes = isAxes ? { axes: axesPiece(word) } : {};
    const settings = word.settings(taking("levels", "epsilon", "eta", "window", "probe"));
    return { ...(method ? { method } : {}), ...axes, ...settings };
  },
  gate(word: Word): Given {
    const axes = axesPiece(word);
    const names = ["start", "up", "down", "above", "below", "patience", "probe"];
    return { axes, ...word.settings(taking(...names)) };
  },
  plateau(word: Word): Given {
    const axes = axesPiece(word);
    const names = ["levels", "improvement", "patience", "smoothing"];
    return { axes, ...word.settings(taking(...names)) };
  },
} as const;
