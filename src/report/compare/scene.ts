/** A picture as a list of shapes, so that tables and plots are laid out once and drawn twice: as pixels and as SVG. */
import type { Rgb } from "../canvas.ts";
import type { Polyline } from "../stroke.ts";
import { textWidth } from "../text.ts";

export interface RectShape {
  readonly kind: "rect";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly fill: Rgb;
}

export interface LineShape {
  readonly kind: "line";
  readonly points: Polyline;
  readonly colour: Rgb;
  readonly width: number;
  /** Lengths of dash and gap in turn. */
  readonly dash?: readonly number[];
}

/** The area between two lines over the same x. */
export interface BandShape {
  readonly kind: "band";
  readonly points: readonly (readonly [x: number, upper: number, lower: number])[];
  readonly fill: Rgb;
  readonly opacity: number;
}

export interface TextShape {
  readonly kind: "text";
  readonly x: number;
  /** The baseline. */
  readonly y: number;
  readonly text: string;
  /** Height of a capital letter. */
  readonly size: number;
  readonly colour: Rgb;
  readonly bold?: boolean;
  readonly anchor?: "start" | "middle" | "end";
  /** The whole text where this one is shortened. */
  readonly whole?: string;
}

export type Shape = RectShape | LineShape | BandShape | TextShape;

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly shapes: readonly Shape[];
}

/** The shapes moved right and down. */
export function moved(shapes: readonly Shape[], dx: number, dy: number): Shape[] {
  return shapes.map((shape): Shape => {
    if (shape.kind === "line") {
      return { ...shape, points: shape.points.map(([x, y]) => [x + dx, y + dy]) };
    }
    if (shape.kind === "band") {
      return { ...shape, points: shape.points.map(([x, a, b]) => [x + dx, a + dy, b + dy]) };
    }
    return { ...shape, x: shape.x + dx, y: shape.y + dy };
  });
}

/** Scenes one under the other. */
export function stacked(scenes: readonly Scene[], gap: number): Scene {
  let y = 0;
  const shapes: Shape[] = [];
  for (const scene of scenes) {
    for (const shape of moved(scene.shapes, 0, y)) shapes.push(shape);
    y += scene.height + gap;
  }
  const width = Math.max(0, ...scenes.map((scene) => scene.width));
  return { width, height: Math.max(0, y - gap), shapes };
}

/** Scenes in rows of `columns`, each column as wide as its widest scene. */
export function inGrid(scenes: readonly Scene[], columns: number, gap: number): Scene {
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(0, ...scenes.filter((_, i) => i % columns === c).map(({ width }) => width)),
  );
  const rows: Scene[] = [];
  for (let i = 0; i < scenes.length; i += columns) {
    const row = scenes.slice(i, i + columns);
    let x = 0;
    const shapes = row.flatMap((scene, c) => {
      const placed = moved(scene.shapes, x, 0);
      x += widths[c]! + gap;
      return placed;
    });
    rows.push({ width: x - gap, height: Math.max(...row.map(({ height }) => height)), shapes });
  }
  return stacked(rows, gap);
}

/** The text, or its beginning and end around an ellipsis where it is wider than `width`. */
export function shortened(text: string, width: number, size: number): string {
  if (textWidth(text, { size }) <= width) return text;
  const all = [...text];
  for (let kept = all.length - 1; kept > 1; kept--) {
    const head = Math.ceil(kept / 2);
    const short = `${all.slice(0, head).join("")}…${all.slice(all.length - (kept - head)).join("")}`;
    if (textWidth(short, { size }) <= width) return short;
  }
  return "…";
}

/** Each text as `shortened` makes it; those that would look alike begin where they differ, or get a number. */
export function shortenedApart(texts: readonly string[], width: number, size: number): string[] {
  const short = texts.map((text) => shortened(text, width, size));
  const told = [...short];
  for (const one of new Set(short)) {
    const alike = texts.flatMap((_, i) => (short[i] === one ? [i] : []));
    if (alike.length === 1) continue;
    const skip = Math.max(0, commonStart(alike.map((i) => texts[i]!)) - 3);
    const tails = alike.map((i) => {
      return shortened(`…${[...texts[i]!].slice(skip).join("")}`, width, size);
    });
    const isTold = new Set(tails).size === tails.length;
    alike.forEach((i, n) => {
      told[i] = isTold ? tails[n]! : `${n + 1}: ${shortened(texts[i]!, width - 3 * size, size)}`;
    });
  }
  return told;
}

/** How many characters all of them begin with. */
function commonStart(texts: readonly string[]): number {
  const [first = [], ...others] = texts.map((text) => [...text]);
  let n = 0;
  while (n < first.length && others.every((text) => text[n] === first[n])) n++;
  return n;
}

/** Lines no wider than `width`, broken at spaces. */
export function wrapped(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(longer, { size }) > width) {
      lines.push(line);
      line = shortened(word, width, size);
    } else {
      line = shortened(longer, width, size);
    }
  }
  return [...lines, line];
}
