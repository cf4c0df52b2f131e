/**
 * Does a state dict fit a model? Names and shapes are compared before anything is loaded, and one message lists what is wrong, like
 * PyTorch's `load_state_dict(strict=True)`.
 */
import { LoupeError } from "../../error.ts";
import { printable } from "./printable.ts";

/** Parts of published ImageNet weights that our three-level backbones don't have, by the start of their names. */
export const teacherHeads = {
  resnet: ["fc.", "layer4."],
  vgg: ["classifier."],
  /** lukemelas's names. */
  efficientnet: [
    "_fc.",
    "_conv_head.",
    "_bn1.",
    ...Array.from({ length: 12 }, (_, i) => `_blocks.${27 + i}.`),
  ],
  /** timm's names. */
  timmEfficientnet: ["classifier.", "conv_head.", "bn2.", "blocks.5.", "blocks.6."],
  hrnet: ["incre_modules.", "downsamp_modules.", "final_layer.", "classifier.", "last_layer."],
} as const;

/** How a state dict and a model differ. */
export interface StateMatch {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly misshaped: readonly {
    readonly name: string;
    readonly expected: readonly number[];
    readonly found: readonly number[];
  }[];
  /** Names of the checkpoint that `ignore` or the counter rule took out. */
  readonly ignored: readonly string[];
  /** Names that fit. */
  readonly matched: readonly string[];
  readonly fits: boolean;
}

/** BatchNorm's counter: written by torch, used by nobody here. */
const counter = ".num_batches_tracked";

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((size, i) => size === b[i]);

/**
 * Compares names and shapes. `expected` has PyTorch's names and PyTorch's shapes (convolutions OIHW). Names that begin with an entry of
 * `ignore` are neither wanted nor refused, and `*.num_batches_tracked` is optional on both sides.
 */
export function matchState(
  expected: ReadonlyMap<string, readonly number[]>,
  state: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  options: { readonly ignore?: readonly string[] } = {},
): StateMatch {
  const ignore = options.ignore ?? [];
  const isIgnored = (name: string) => ignore.some((start) => name.startsWith(start));
  const isCounter = (name: string) => name.endsWith(counter);
  const missing: string[] = [];
  const misshaped: { name: string; expected: readonly number[]; found: readonly number[] }[] = [];
  const matched: string[] = [];
  for (const [name, shape] of expected) {
    const found = state.get(name)?.shape;
    if (found !== undefined && sameShape(found, shape)) matched.push(name);
    else if (isIgnored(name)) continue;
    else if (found !== undefined) misshaped.push({ name, expected: shape, found });
    else if (!isCounter(name)) missing.push(name);
  }
  const others = [...state.keys()].filter((name) => !expected.has(name));
  const unexpected = others.filter((name) => !isIgnored(name) && !isCounter(name));
  const ignored = others.filter((name) => isIgnored(name) || isCounter(name));
  const fits = missing.length + unexpected.length + misshaped.length === 0;
  return { missing, unexpected, misshaped, ignored, matched, fits };
}

function listed(what: string, items: readonly string[], limit: number): string[] {
  if (items.length === 0) return [];
  const rest = items.length > limit ? `, … ${items.length - limit} more` : "";
  return [
    `${items.length} ${what}: ${items
      .slice(0, limit)
      .map((item) => printable(item))
      .join(", ")}${rest}`,
  ];
}

function advice(match: StateMatch, file: string): string {
  const show = `loupe weights show ${file} lists what it holds`;
  if (match.matched.length === 0)
    return `no name fits, so these are probably weights of another network; ${show}`;
  if (match.misshaped.length > 0)
    return `the names fit but not the sizes, so the width or depth probably differs; ${show}`;
  return show;
}

/**
 * One message that says how a checkpoint does not fit: counts, the first few of each kind, and the next step. `model` and `file` name
 * the two sides.
 */
export function explainMismatch(
  match: StateMatch,
  names: { readonly model: string; readonly file: string; readonly limit?: number },
): string {
  const { model, file, limit = 4 } = names;
  const misshaped = match.misshaped.map(
    (m) => `${m.name} [${m.found.join(", ")}] instead of [${m.expected.join(", ")}]`,
  );
  const lines = [
    ...listed("missing", match.missing, limit),
    ...listed("unexpected", match.unexpected, limit),
    ...listed("of another shape", misshaped, limit),
  ];
  return `${file}: does not fit ${model}\n  ${lines.join("\n  ")}\n  ${advice(match, file)}`;
}

/** Throws `explainMismatch`'s message unless the checkpoint fits. */
export function requireMatch(
  match: StateMatch,
  names: { readonly model: string; readonly file: string },
): void {
  if (!match.fits) throw new LoupeError("checkpoint", explainMismatch(match, names));
}
