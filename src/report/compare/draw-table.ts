/** One table as a picture: a head with its colour bar, the names of the rows, and a coloured cell for every value. */
import { ink, type Rgb } from "../canvas.ts";
import { textWidth } from "../text.ts";
import type { ShownCell, ShownRow, ShownTable } from "./cells.ts";
import { diverging, inkOn, plain, viridis } from "./colours.ts";
import type { Scene, Shape } from "./scene.ts";
import { shortened, shortenedApart } from "./scene.ts";

/** Widths that all tables of a picture share. */
export interface TableLayout {
  readonly names: number;
  readonly cell: number;
  /** Whether some cell has a second line. */
  readonly isTall: boolean;
  /** Where the longest title ends. */
  readonly titles: number;
}

const size = { title: 11, head: 8, cell: 8.5, detail: 6.5 } as const;
const most = { names: 280, cell: 128, subtitle: 380 } as const;
const gap = 2;
const apart = 8;
const bar = { width: 110, least: 40, height: 8 } as const;

export function layoutOf(tables: readonly ShownTable[]): TableLayout {
  const cells = tables.flatMap(({ rows }) => rows.flatMap((row) => row.cells));
  const texts = [
    ...tables.flatMap(({ heads }) => heads).map((text) => textWidth(text, { size: size.head })),
    ...cells.map(({ text }) => textWidth(text, { size: size.cell }) * 1.06),
    ...cells.map(({ detail }) => textWidth(detail, { size: size.detail })),
  ];
  const names = tables.flatMap(({ rows }) =>
    rows.map(({ name }) => textWidth(name, { size: size.cell }) * 1.06),
  );
  return {
    names: Math.min(most.names, Math.ceil(largest(60, names)) + 14),
    cell: Math.min(most.cell, Math.ceil(largest(44, texts)) + 16),
    isTall: cells.some(({ detail }) => detail !== ""),
    titles: Math.max(0, ...tables.map(({ title }) => titleWidth(title))),
  };
}

const largest = (least: number, values: readonly number[]) =>
  values.reduce((a, b) => Math.max(a, b), least);

const titleWidth = (text: string) => textWidth(text, { size: size.title }) * 1.06;

export function drawTable(table: ShownTable, layout: TableLayout): Scene {
  const { names, cell, isTall } = layout;
  const left = (column: number) =>
    names + column * (cell + gap) + (isAverage(table, column) ? apart : 0);
  const width = left(table.heads.length - 1) + cell;
  const height = isTall ? 38 : 27;
  const top = 52;
  const shapes: Shape[] = [...title(table, width, layout.titles), ...heads(table, left, cell, top)];
  let y = top + 8;
  const labels = shortenedApart(
    table.rows.map((row) => row.name),
    names - 12,
    size.cell,
  );
  table.rows.forEach((row, r) => {
    const before = table.rows[r - 1];
    if (before?.isBaseline && !row.isBaseline) y += apart;
    shapes.push(...drawRow(row, labels[r]!, { y, height, left, cell }));
    y += height + gap;
  });
  const said = Math.min(most.subtitle, textWidth(table.subtitle, { size: size.head }));
  return { width: Math.max(width, said), height: y - gap, shapes };
}

function title(table: ShownTable, width: number, longest: number): Shape[] {
  const { title: text, subtitle } = table;
  const shapes: Shape[] = [
    { kind: "text", x: 0, y: 14, text, size: size.title, colour: ink.text, bold: true },
  ];
  const after = titleWidth(text) + 14;
  const beside = textWidth(subtitle, { size: size.head }) <= width - after - bar.width - 100;
  const place = beside ? { x: after, y: 14 } : { x: 0, y: 29 };
  const line = shortened(subtitle, Math.max(width - place.x, most.subtitle), size.head);
  shapes.push({ kind: "text", ...place, text: line, size: size.head, colour: ink.faint });
  return [...shapes, ...colourBar(table, width, longest)];
}

/** From the worst of each column to its best, or from much worse to much better than the baseline. */
function colourBar(
  { isDifference, isLoss, limit, rows }: ShownTable,
  right: number,
  longest: number,
): Shape[] {
  const isColoured = rows.some(({ cells }) => cells.some(({ fill }) => fill !== plain));
  const long = Math.min(bar.width, right - 34 - longest - 44);
  const left = right - 34 - long;
  if (!isColoured || long < bar.least) return [];
  const ends = isDifference
    ? [`−${limit.toFixed(2)}`, `+${limit.toFixed(2)}`]
    : isLoss
      ? ["high", "low"]
      : ["worst", "best"];
  const steps = 22;
  const shapes: Shape[] = Array.from({ length: steps }, (_, i) => ({
    kind: "rect",
    x: left + (i * long) / steps,
    y: 6,
    width: long / steps,
    height: bar.height,
    fill: isDifference ? diverging((2 * i) / (steps - 1) - 1) : viridis(i / (steps - 1)),
  }));
  const style = { kind: "text", y: 13.2, size: size.detail, colour: ink.faint } as const;
  return [
    ...shapes,
    { ...style, text: ends[0]!, x: left - 6, anchor: "end" },
    { ...style, text: ends[1]!, x: right, anchor: "end" },
  ];
}

const isAverage = ({ heads, hasAverage }: ShownTable, column: number) =>
  hasAverage && column === heads.length - 1;

function heads(table: ShownTable, left: (c: number) => number, cell: number, y: number): Shape[] {
  const labels = shortenedApart(table.heads, cell - 4, size.head);
  return table.heads.map((whole, c): Shape => {
    const isLast = isAverage(table, c);
    return {
      kind: "text",
      x: left(c) + cell / 2,
      y,
      text: labels[c]!,
      whole,
      size: size.head,
      colour: isLast ? ink.text : ink.faint,
      bold: isLast,
      anchor: "middle",
    };
  });
}

interface Place {
  readonly y: number;
  readonly height: number;
  readonly left: (column: number) => number;
  readonly cell: number;
}

function drawRow(row: ShownRow, label: string, { y, height, left, cell: width }: Place): Shape[] {
  const name: Shape = {
    kind: "text",
    x: 0,
    y: y + height / 2 + size.cell / 2,
    text: label,
    whole: row.name,
    size: size.cell,
    colour: ink.text,
    bold: row.isBaseline,
  };
  return [
    name,
    ...row.cells.flatMap((cell, c) => drawCell(cell, { x: left(c), y, width, height })),
  ];
}

function drawCell(
  { text, detail, fill, isBest, value }: ShownCell,
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Shape[] {
  const colour = value === undefined ? ink.faint : inkOn(fill);
  const middle = box.x + box.width / 2;
  const centre = box.y + box.height / 2;
  const shift = detail === "" ? 0 : 6.5;
  const base = { kind: "text", x: middle, anchor: "middle", colour } as const;
  const shapes: Shape[] = [
    { kind: "rect", ...box, fill },
    { ...base, y: centre + size.cell / 2 - shift, text, size: size.cell, bold: isBest },
  ];
  if (detail !== "") {
    const y = centre + size.detail / 2 + shift;
    shapes.push({ ...base, y, text: detail, size: size.detail, colour: softened(colour, fill) });
  }
  return shapes;
}

/** A little nearer to the background. */
const softened = (colour: Rgb, fill: Rgb): Rgb =>
  colour.map((c, i) => Math.round(c * 0.85 + fill[i]! * 0.15)) as unknown as Rgb;
