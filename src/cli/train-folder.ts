/** Which folder a run goes into, and whether it begins there or goes on. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { LoupeError } from "../error.ts";

/** A class and its folder. */
export interface Place {
  /** Of a joint training a name for all its classes. */
  readonly className: string;
  /** The classes of a joint training. */
  readonly classes?: readonly string[] | undefined;
  readonly path: string;
  /** Go on with what is there. */
  readonly resume: boolean;
}

export const isRun = (path: string): boolean => existsSync(join(path, "run.json"));

/** The folder of each class. `title`: of the experiment; `output`: as given; `resume`: whether a run that is there goes on. */
export function placesOf(
  names: readonly string[],
  title: string,
  output: string | undefined,
  resume: boolean,
): Place[] {
  if (resume && output === undefined) {
    throw new LoupeError(
      "config",
      "--resume: which run? give it: --resume <run>, or name its --output",
    );
  }
  requireOwnFolders(names);
  return names.map((className) => {
    const single = names.length === 1;
    const safe = safeName(className);
    const path =
      output === undefined
        ? freeFolder(join("runs", titled(title, safe)))
        : single
          ? output
          : join(output, safe);
    return { className, path, resume: resume && isRun(path) };
  });
}

/** Throws `config` for names that come to one folder, also where case makes no difference. */
function requireOwnFolders(names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const folder = safeName(name).toLowerCase();
    const other = seen.get(folder);
    if (other !== undefined) {
      const next = "train them one by one with --class and an --output of their own";
      throw new LoupeError(
        "config",
        `classes "${other}" and "${name}" would share a run folder; ${next}`,
      );
    }
    seen.set(folder, name);
  }
}

/** The class behind the method's name: `cdo-bottle-resnet18` for `cdo-resnet18`. */
function titled(title: string, className: string): string {
  const [first = "", ...rest] = safeName(title).split("-");
  return [first, className, ...rest].join("-");
}

/** The one folder of a training on all classes together. */
export function jointPlace(
  classes: readonly string[],
  title: string,
  output: string | undefined,
  resume: boolean,
): Place {
  const [place] = placesOf([jointName(classes)], title, output, resume);
  return { ...(place as Place), classes };
}

/** `bottle+cable`; where that is long, the first and how many more: `bottle+14`. */
export function jointName(classes: readonly string[]): string {
  const all = classes.join("+");
  return all.length <= 60 ? all : `${classes[0]}+${classes.length - 1}`;
}

/** A name from outside as a part of a path. */
export function safeName(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^\.+/, "_");
}

/** The first of `<start>-1`, `<start>-2`, … that does not exist. */
export function freeFolder(start: string): string {
  for (let n = 1; ; n++) if (!existsSync(`${start}-${n}`)) return `${start}-${n}`;
}
