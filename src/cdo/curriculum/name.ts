/** What a curriculum is called in tables and in the names of folders, when nobody has given it a name. */
import {
  type CompleteCurriculum,
  type CurriculumConfig,
  curriculumConfig,
  type Place,
  places,
} from "./config.ts";
import { canonical } from "./lean.ts";
import { curriculumPresets, presetNames } from "./presets.ts";
import { curriculumOfWords } from "./words.ts";
import { wordsOfCurriculum } from "./words-write.ts";

const longest = 48;

/**
 * Short, the same for the same curriculum, and good for a file name on every system: the names of presets where they fit, otherwise
 * the words that describe it; with a checksum of all of it where these are too long or can't say it.
 * @example nameOfCurriculum({ gamma: { from: 0, to: 2, schedule: { name: "linear", a: 0.5 } } }) // "oom-warmup"
 */
export function nameOfCurriculum(config: CurriculumConfig): string {
  const complete = curriculumConfig(config);
  if (complete.name !== undefined) return complete.name;
  const parts = places.flatMap((place) => (complete[place] ? [nameOfPart(complete, place)] : []));
  if (parts.length === 0) return "none";
  const isFork = complete.progress === "fork" && !parts.some(({ counts }) => counts);
  const name = [...parts.map(({ name }) => name), ...(isFork ? ["fork"] : [])].join("_");
  return name.length > 80 ? cut(name, complete) : name;
}

/** `counts`: the name says how progress is counted. */
function nameOfPart(config: CompleteCurriculum, place: Place): { name: string; counts: boolean } {
  const own = { progress: config.progress, [place]: config[place] } as CompleteCurriculum;
  const wanted = canonical(own);
  const preset = presetNames.find((name) => {
    const { config: known } = curriculumPresets[name];
    if (known.progress && known.progress !== config.progress) return false;
    return canonical(curriculumConfig({ ...known, progress: config.progress })) === wanted;
  });
  if (preset) return { name: preset, counts: curriculumPresets[preset].config.progress === "fork" };
  const words = wordsOfCurriculum({ ...own, progress: "full" });
  const name = words
    .join("-")
    .replace(/[:,/+]/g, "-")
    .replace(/=/g, "");
  const said = canonical(curriculumOfWords([...words, `progress:${config.progress}`])) === wanted;
  return { name: said && name.length <= longest ? name : cut(name, own), counts: false };
}

function cut(name: string, of: object): string {
  const sum = checksum(canonical(of)).toString(16).padStart(8, "0");
  return `${name.slice(0, longest).replace(/[^a-z0-9]+$/i, "")}-${sum}`;
}

/** FNV-1a, 32 bits. */
function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
