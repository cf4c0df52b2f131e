/**
 * A curriculum in words, for the command line: names of presets (`freq-step5 oom-warmup`), or what they are made of
 * (`freq:step:k=5 alpha:4,0.6:linear:a=0.8 gamma:linear:from=0,to=2,a=0.5`), or both where they don't meet in one place.
 */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";
import { type AxisName, axisNames, textureNames } from "./axes.ts";
import {
  type CompleteCurriculum,
  curriculumConfig,
  type Place,
  partConfig,
  places,
} from "./config.ts";
import { canonical } from "./lean.ts";
import { curriculumPresets, type PresetName, presetNames } from "./presets.ts";
import { scheduleNames } from "./schedule.ts";
import { drawn } from "./strength.ts";
import { Word } from "./word.ts";
import { hookWords } from "./words-hooks.ts";
import { adaptiveWords, axisWord } from "./words-parts.ts";
import { wordsOfCurriculum } from "./words-write.ts";

const adaptiveNames = Object.keys(adaptiveWords) as (keyof typeof adaptiveWords)[];
const hookNames = Object.keys(hookWords) as (keyof typeof hookWords)[];
const heads = [...axisNames, ...adaptiveNames, ...hookNames, "progress", "guard"] as const;

/** What words said so far, and which of them. */
interface Said {
  readonly parts: Partial<Record<Place, object>>;
  readonly axes: Record<string, unknown>;
  readonly by: Map<string, Word>;
  progress?: "full" | "fork";
}

/**
 * The curriculum that words describe; undefined for `none`.
 * @param words one by one, or in one text with spaces between
 * @throws LoupeError `config` naming the word and what could stand there
 * @example curriculumOfWords("freq:step:k=5 progress:fork guard:off") // as the preset freq-step5
 */
export function curriculumOfWords(
  words: string | readonly string[],
  where = "curriculum",
): CompleteCurriculum | undefined {
  const given = (typeof words === "string" ? [words] : words).flatMap((text) =>
    text.split(/\s+/).filter((part) => part !== ""),
  );
  if (given.length === 0) {
    const next = `give none, or one or more of ${presetNames.join(", ")}`;
    throw new LoupeError("config", `${where}: it has no words; ${next}`);
  }
  const all = given.map((text, i) => new Word(text, i + 1, where));
  const none = all.find((word) => word.text === "none");
  if (none && all.length === 1) return undefined;
  if (none) throw none.fail("it stands alone; leave out the other words, or this one");
  const said: Said = { parts: {}, axes: {}, by: new Map() };
  for (const word of all) say(said, word);
  return composed(said, where);
}

function say(said: Said, word: Word): void {
  if (isOneOf(presetNames, word.text)) sayPreset(said, word, word.text);
  else sayOwn(said, word);
}

function sayOwn(said: Said, word: Word): void {
  const head = word.name(heads);
  if (head === undefined) throw unknownWord(word);
  if (head === "progress") {
    const progress = word.mustName(["full", "fork"], "way of counting progress");
    sayProgress(said, word, progress);
  } else if (head === "guard") {
    once(said, word, "guard");
    said.axes.guard = word.mustName(["on", "off"], "state of the guard") === "on";
  } else if (isOneOf(axisNames, head)) sayAxis(said, word, head);
  else if (isOneOf(adaptiveNames, head)) {
    once(said, word, "synthesis");
    const own = adaptiveWords[head](word);
    word.end(`a ${head} has no schedule; it goes by what the network has learned`);
    said.parts.synthesis = checked(word, "synthesis", { [head]: own });
  } else {
    once(said, word, head);
    said.parts[head] = checked(word, head, hookWords[head](word));
  }
  word.end();
}

function sayPreset(said: Said, word: Word, name: PresetName): void {
  const { config } = curriculumPresets[name];
  for (const place of places.filter((p) => config[p] !== undefined)) {
    once(said, word, place);
    said.parts[place] = config[place] as object;
  }
  if (config.progress) sayProgress(said, word, config.progress);
}

function sayAxis(said: Said, word: Word, axis: AxisName): void {
  if (said.parts.synthesis) once(said, word, "synthesis");
  once(said, word, axis);
  if (isOneOf(textureNames, axis)) once(said, word, "texture");
  said.axes[axis] = axisWord(word, axis);
  checked(word, "synthesis", { [axis]: said.axes[axis] });
  if (!said.by.has("synthesis")) said.by.set("synthesis", word);
}

function sayProgress(said: Said, word: Word, progress: "full" | "fork"): void {
  const before = said.by.get("progress");
  if (before && said.progress !== progress) {
    const counts = `it counts progress as "${progress}"`;
    throw word.fail(`${counts}, but ${shown(before)} as "${said.progress}"; keep one of them`);
  }
  said.by.set("progress", word);
  said.progress = progress;
}

const what: Readonly<Record<string, string>> = {
  synthesis: "how anomalies are made",
  texture: "what patches are filled with",
  order: "which images come",
  weights: "what images weigh",
  gamma: "what γ is",
  guard: "whether there is a guard",
};

/** Remembers who said it first; a second one is a contradiction. */
function once(said: Said, word: Word, key: string): void {
  const before = said.by.get(key);
  if (before) {
    const about = what[key] ?? `how ${key} changes`;
    throw word.fail(`it says ${about}, and so does ${shown(before)}; keep one of them`);
  }
  said.by.set(key, word);
}

const shown = (word: Word) => word.label.replace(/^.*?: (?=word \d)/, "").replace(", ", " ");

/** Throws with the word in front for what the rules refuse. */
function checked(word: Word, place: Place, part: object): object {
  return partConfig(place, part, `${word.label}: ${place}`);
}

function composed(said: Said, where: string): CompleteCurriculum {
  const { parts, axes, progress, by } = said;
  const synthesis = parts.synthesis ?? axes;
  const hasAxes = axisNames.some((axis) => axis in synthesis);
  const guard = by.get("guard");
  if (guard && !hasAxes) throw guard.fail("there is nothing to guard; name an axis, such as freq");
  return curriculumConfig(
    {
      ...parts,
      ...(hasAxes ? { synthesis: { ...parts.synthesis, ...axes } } : {}),
      ...(progress ? { progress } : {}),
    },
    where,
  );
}

function unknownWord(word: Word): LoupeError {
  const piece = word.ahead ?? "";
  if (isOneOf(presetNames, piece)) return word.fail(presetAlone(piece));
  if (piece === "none") return word.fail("none takes nothing behind it");
  const problem = `"${piece.slice(0, 100)}" is not known`;
  if (piece.includes("=")) {
    return word.fail(`${problem}; settings stand behind what they belong to, as in freq:step:k=5`);
  }
  const listed = piece.split(/[,+]/);
  if (listed.length > 1 && listed.every((name) => isOneOf(axisNames, name))) {
    return word.fail(`${problem}; axes are words of their own, as in ${listed.join(" ")}`);
  }
  const parts: readonly string[] = [...scheduleNames, ...drawn, "reversed"];
  if (parts.includes(piece)) {
    return word.fail(`${problem}; a schedule follows its axis, as in freq:linear:a=0.8,reversed`);
  }
  const near = fields.nearest(piece, [...presetNames, ...heads]);
  if (near) return word.fail(`${problem}; did you mean "${near}"?`);
  const rest = heads.filter((name) => !isOneOf(presetNames, name));
  const next = `or say it yourself with ${rest.join(", ")}, as in freq:step:k=5`;
  return word.fail(`${problem}; there are ${presetNames.join(", ")}; ${next}`);
}

function presetAlone(name: PresetName): string {
  const config = curriculumConfig(curriculumPresets[name].config);
  const words = wordsOfCurriculum(config).join(" ");
  const isSame = canonical(curriculumOfWords(words)) === canonical(config);
  const next = isSame ? `begin with ${words}` : "write it as an object in a config file";
  return `the preset ${name} takes nothing behind it; to change it, ${next}`;
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return names.includes(name as T);
}
