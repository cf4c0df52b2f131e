/**
 * One word of a curriculum on the command line, such as `freq:step:k=5`: pieces between colons, which are names, numbers
 * (`4,0.6`) or settings (`a=0.8,reversed`). Whoever reads a piece takes it; messages name the word and its place.
 */
import { fields } from "../../detector/index.ts";
import { LoupeError } from "../../error.ts";

const numeric = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A number as people write it, not "" and not "0x10". */
export function numberOf(text: string): number | undefined {
  return numeric.test(text) ? Number(text) : undefined;
}

const nameNumbers = "a number needs its name, as in a=0.8";
const isNumeric = (text: string) => numberOf(text) !== undefined;

export type Setting = number | string | boolean | readonly number[];

export class Word {
  readonly text: string;
  readonly label: string;
  readonly #pieces: readonly string[];
  #at = 0;

  /** @param position from 1 */
  constructor(text: string, position: number, where: string) {
    this.text = text;
    this.label = `${where}: word ${position}, "${text.slice(0, 100)}"`;
    this.#pieces = text.split(":");
  }

  /** The next piece, which stays. */
  get ahead(): string | undefined {
    return this.#pieces[this.#at];
  }

  fail(problem: string): LoupeError {
    return new LoupeError("config", `${this.label}: ${problem}`);
  }

  take(): string | undefined {
    return this.#pieces[this.#at++];
  }

  /** Takes the next piece if it is one of these names. */
  name<T extends string>(names: readonly T[]): T | undefined {
    const found = names.find((name) => name === this.ahead);
    if (found !== undefined) this.#at++;
    return found;
  }

  /** Takes the next piece, which must be one of these. */
  mustName<T extends string>(names: readonly T[], what: string): T {
    const found = this.name(names);
    if (found !== undefined) return found;
    throw this.unknown(what, names);
  }

  /** Pieces that nobody has taken yet. */
  get rest(): readonly string[] {
    return this.#pieces.slice(this.#at);
  }

  /** The next piece is none of what may stand there. */
  unknown(what: string, names: readonly string[]): LoupeError {
    const piece = this.ahead;
    if (piece === undefined)
      return this.fail(`${what} is missing; it is one of ${names.join(", ")}`);
    const problem = `"${piece.slice(0, 100)}" is no ${what}`;
    if (piece !== "" && piece.split(",").every(isNumeric)) {
      return this.fail(`${problem}; ${nameNumbers}`);
    }
    if (piece.includes("=")) {
      return this.fail(`${problem}; settings follow what they belong to, as in step:k=5`);
    }
    const near = fields.nearest(piece, names);
    const isOther = near !== undefined && near !== piece;
    const next = isOther ? `did you mean "${near}"?` : `one of ${names.join(", ")} may stand there`;
    return this.fail(`${problem}; ${next}`);
  }

  /** Takes the next piece if it is numbers between commas. */
  numbers(): readonly number[] {
    const values = this.ahead?.split(",").map(numberOf) ?? [];
    if (values.length === 0 || values.includes(undefined)) return [];
    this.#at++;
    return values as number[];
  }

  /**
   * Takes the next piece if it is settings.
   * @param known the names there are, those that are flags with `true`
   * @param advice to go behind the message for a name that isn't there
   */
  settings(
    known: Readonly<Record<string, boolean>>,
    advice: (name: string) => string = () => "",
  ): Record<string, Setting> {
    const piece = this.ahead;
    const isSetting =
      piece?.includes("=") || piece?.split(",").some((part) => known[part] === true);
    if (piece === undefined || !isSetting) return {};
    this.#at++;
    const found: Record<string, Setting> = {};
    for (const part of piece.split(",")) {
      const [name = "", ...rest] = part.split("=");
      if (!Object.hasOwn(known, name)) {
        throw this.#unknownSetting(part, Object.keys(known), advice(name));
      }
      if (name in found) throw this.fail(`"${name}" is given twice`);
      found[name] = this.#value(part, known[name] === true, rest);
    }
    return found;
  }

  /** Nothing may be left. */
  end(expected = "nothing more may stand there"): void {
    const piece = this.ahead;
    if (piece === undefined) return;
    const isNumbers = piece !== "" && piece.split(",").every(isNumeric);
    const next = isNumbers ? nameNumbers : expected;
    throw this.fail(`"${piece.slice(0, 100)}" is too much; ${next}`);
  }

  #value(part: string, isFlag: boolean, rest: readonly string[]): Setting {
    if (rest.length === 0 && isFlag) return true;
    const [text] = rest;
    if (rest.length !== 1 || !text) {
      throw this.fail(`"${part}" must be a name and a value, as in a=0.8`);
    }
    if (isFlag) throw this.fail(`"${part}" takes no value; leave out "=${text}"`);
    const values = text.split("/").map(numberOf);
    if (values.includes(undefined)) throw this.fail(`"${part}": "${text}" is not a number`);
    return values.length > 1 ? (values as number[]) : (values[0] as number);
  }

  #unknownSetting(part: string, known: readonly string[], advice: string): LoupeError {
    const takes = known.length > 0 ? `it takes ${known.join(", ")}` : "it takes no settings";
    const next = advice === "" ? takes : `${takes}; ${advice}`;
    return this.fail(`there is no setting "${part.slice(0, 100)}" here; ${next}`);
  }
}
