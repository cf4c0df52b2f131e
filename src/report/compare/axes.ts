/** The frame of a plot: its title, lines at round numbers, and what runs along the bottom. */
import { ink } from "../canvas.ts";
import { type Shape, shortened } from "./scene.ts";
import type { Scale, Tick } from "./ticks.ts";

export const panel = { width: 380, height: 250 } as const;
/** Where values are drawn. */
export const box = {
  left: 46,
  right: panel.width - 8,
  top: 30,
  bottom: panel.height - 34,
} as const;
const small = 7;

export function axes(title: string, x: Scale, y: Scale, along: string): Shape[] {
  const { left, right, bottom } = box;
  const style = { kind: "text", size: small, colour: ink.faint } as const;
  const width = right - left;
  const text = shortened(title, width / 1.06, 9);
  return [
    { kind: "text", text, whole: title, x: left, y: 16, size: 9, colour: ink.text, bold: true },
    ...y.ticks.flatMap(({ at, text: value }: Tick): Shape[] => [
      { kind: "rect", x: left, y: at - 0.5, width, height: 1, fill: ink.rule },
      { ...style, text: value, x: left - 6, y: at + small / 2, anchor: "end" },
    ]),
    ...x.ticks.flatMap(({ at, text: value }: Tick): Shape[] => [
      { kind: "rect", x: at - 0.5, y: bottom, width: 1, height: 4, fill: ink.faint },
      { ...style, text: value, x: at, y: bottom + 14, anchor: "middle" },
    ]),
    { kind: "rect", x: left, y: bottom - 0.5, width, height: 1, fill: ink.faint },
    { ...style, text: along, x: right, y: bottom + 27, anchor: "end" },
  ];
}
