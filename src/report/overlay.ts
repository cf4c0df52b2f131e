/** One row per image: photo, heat map, prediction, ground truth, with a caption beneath that says score and verdict. */
import type { Image } from "../data/index.ts";
import { blank, fill, ink, paste } from "./canvas.ts";
import { distinctNumbers, judge } from "./caption.ts";
import type { ColourScale } from "./colour-scale.ts";
import { drawPanels, type Sample } from "./panels.ts";
import { drawLines } from "./stroke.ts";
import { drawText, fitText, textWidth } from "./text.ts";

export interface OverlayOptions {
  /** The run's colour scale; the contour lies at its threshold. */
  readonly scale: ColourScale;
  /** The image threshold: without it there is no verdict. */
  readonly threshold?: number;
  /** The longer side of one panel in pixels; 256 if not given. */
  readonly panel?: number;
}

const gap = 4;
const captionHeight = 30;

/**
 * The row of one sample: `n` panels with white gaps of 4 pixels, `n` = 4 with a mask and 3 without, and where the sample
 * has a score a caption of 30 pixels beneath. Pure: the same sample gives the same pixels. Throws as `drawPanels`.
 *
 * @example await writePng("000.png", drawOverlay({ photo, map, mask, score, label: 1 }, { scale, threshold }))
 */
export function drawOverlay(sample: Sample, options: OverlayOptions): Image {
  const { photo, heat, prediction, truth } = drawPanels(
    sample,
    options.scale,
    options.panel ?? 256,
  );
  const panels = truth ? [photo, heat, prediction, truth] : [photo, heat, prediction];
  const { width, height } = photo;
  const foot = sample.score === undefined ? 0 : captionHeight;
  const row = blank(panels.length * (width + gap) - gap, height + foot);
  panels.forEach((panel, i) => {
    paste(row, panel, i * (width + gap), 0);
  });
  if (foot) drawCaption(row, height, sample, options.threshold);
  return row;
}

/** Name on the left; score, threshold and verdict on the right; what doesn't fit is left out, the verdict last. */
function drawCaption(row: Image, top: number, sample: Sample, threshold: number | undefined): void {
  const style = { size: 9 };
  const baseline = top + 20;
  const score = sample.score as number;
  let right = row.width - 2;
  const put = (text: string, look: Parameters<typeof drawText>[3], space: number): void => {
    const width = textWidth(text, look);
    if (right - width < 0) return;
    drawText(row, text, [right - width, baseline], look);
    right -= width + space;
  };
  if (threshold !== undefined) {
    const { verdict, colour, mistake } = judge(score, threshold, sample.label);
    const said = mistake ? `${verdict} · ${mistake}` : verdict;
    put(said, { ...style, bold: true, colour: mistake ? ink.wrong : colour }, 10);
    if (right > 8) {
      const dot = { colour: mistake ? ink.wrong : colour, width: 8 };
      drawLines(row, [[[right, baseline - 4.5]]], dot);
      right -= 20;
    }
    const [a, b] = distinctNumbers(score, threshold);
    put(`score ${a} ${score >= threshold ? "≥" : "<"} ${b}`, style, 20);
  } else {
    put(`score ${distinctNumbers(score, score)[0]}`, style, 20);
  }
  const name = fitText(sample.name ?? "", right - 2, style);
  drawText(row, name, [1, baseline], { ...style, colour: ink.faint });
  fill(row, { top: row.height - 1, bottom: row.height, left: 0, right: row.width }, ink.rule);
}
