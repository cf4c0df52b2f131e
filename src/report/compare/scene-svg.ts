/** A scene as SVG 1.1: text stays text, nothing is loaded, and names from outside can't become markup. */
import type { Rgb } from "../canvas.ts";
import { printable } from "../terminal-text.ts";
import type { Scene, Shape, TextShape } from "./scene.ts";

/** Height of capitals as a share of the font size, in the sans-serifs that screens have. */
const capitals = 0.72;

/** @param title what the picture shows, for screen readers */
export function sceneSvg({ width, height, shapes }: Scene, title: string): string {
  const size = `width="${number(width)}" height="${number(height)}"`;
  const box = `viewBox="0 0 ${number(width)} ${number(height)}"`;
  const font = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${box} role="img" ${font}>`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...shapes.map(shapeSvg),
    "</svg>\n",
  ].join("\n");
}

function shapeSvg(shape: Shape): string {
  if (shape.kind === "text") return textSvg(shape);
  if (shape.kind === "rect") {
    const { x, y, width, height, fill } = shape;
    const place = `x="${number(x)}" y="${number(y)}"`;
    return `<rect ${place} width="${number(width)}" height="${number(height)}" fill="${hex(fill)}"/>`;
  }
  if (shape.kind === "band") {
    const upper = shape.points.map(([x, y]) => [x, y] as const);
    const lower = shape.points.map(([x, , y]) => [x, y] as const).reverse();
    const points = pointList([...upper, ...lower]);
    return `<polygon points="${points}" fill="${hex(shape.fill)}" fill-opacity="${number(shape.opacity)}"/>`;
  }
  const dash = shape.dash ? ` stroke-dasharray="${shape.dash.map(number).join(" ")}"` : "";
  const stroke = `stroke="${hex(shape.colour)}" stroke-width="${number(shape.width)}"${dash}`;
  const joins = 'fill="none" stroke-linejoin="round" stroke-linecap="round"';
  return `<polyline points="${pointList(shape.points)}" ${stroke} ${joins}/>`;
}

function textSvg({ x, y, text, size, colour, bold, anchor, whole }: TextShape): string {
  const weight = bold ? ' font-weight="700"' : "";
  const place = `x="${number(x)}" y="${number(y)}" font-size="${number(size / capitals)}"`;
  const side = anchor && anchor !== "start" ? ` text-anchor="${anchor}"` : "";
  const title = whole !== undefined && whole !== text ? `<title>${escapeXml(whole)}</title>` : "";
  return `<text ${place}${side}${weight} fill="${hex(colour)}">${title}${escapeXml(text)}</text>`;
}

const pointList = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y]) => `${number(x)},${number(y)}`).join(" ");

const number = (value: number): string => String(Math.round(value * 100) / 100);

export const hex = (colour: Rgb): string =>
  `#${colour.map((c) => Math.round(c).toString(16).padStart(2, "0")).join("")}`;

/** Text for XML and HTML, in elements and in attributes; what XML does not allow becomes visible. */
export function escapeXml(text: string): string {
  return printable(text.replace(/\p{Cs}/gu, "\ufffd"))
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
    .replace(/[\ufffe\uffff]/g, "\ufffd");
}
