/**
 * A comparison as one HTML file that loads nothing: tables that sort by a click, differences, tests, costs, curves as SVG, and
 * what to keep in mind. A policy in its head forbids every connection, so that no name from outside could make one.
 */

import { type ShownTable, showTable } from "./cells.ts";
import { inkOn } from "./colours.ts";
import type { Panel } from "./curves.ts";
import { drawCurves, stylesOf } from "./draw-curves.ts";
import { drawGains } from "./draw-gain.ts";
import { script, style } from "./html-parts.ts";
import type { Comparison } from "./model.ts";
import { framed } from "./picture.ts";
import { escapeXml as esc, hex, sceneSvg } from "./scene-svg.ts";
import { showSummary } from "./summary.ts";
import { costTable, pairedTable, reportTitle, seedsText, type WordTable } from "./words.ts";

export function comparisonHtml(comparison: Comparison): string {
  const title = reportTitle(comparison);
  const { tables, differences } = comparison;
  const show = (table: Comparison["tables"][number] | undefined) => {
    const { columns, statistic, baseline } = comparison;
    return table ? tableHtml(showTable(table, columns, statistic, baseline)) : "";
  };
  const pairs = tables.map((table) => {
    const change = differences.find(({ metric }) => metric === table.metric);
    return `<div class="pair">${show(table)}${show(change)}</div>`;
  });
  const overview = showSummary(comparison);
  const lists = [pairedTable(comparison), costTable(comparison)].filter((l) => l !== undefined);
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${esc(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${esc(title)}</h1>
<p class="sub">${esc(summary(comparison))}</p>
${remarks(comparison)}
${overview ? tableHtml(overview) : ""}
${pairs.join("\n")}
${lists.map(listHtml).join("\n")}
${curvesHtml(comparison)}
${runsHtml(comparison)}
</main>
<script>${script}</script>
</body>
</html>
`;
}

function summary({ rows, columns, runs, baseline }: Comparison): string {
  const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
  const parts = [
    count(rows.length, "experiment", "experiments"),
    count(columns.length, "class", "classes"),
    count(runs.length, "run", "runs"),
  ];
  return parts.join(", ") + (baseline === undefined ? "" : `; baseline: ${baseline}`);
}

function remarks({ warnings, notes, otherNotes }: Comparison): string {
  const items = (list: readonly string[]) => list.map((n) => `<li>${esc(n)}</li>`).join("");
  const bad =
    warnings.length > 0
      ? `<aside class="warn"><b>Warnings</b><ul>${items(warnings)}</ul></aside>`
      : "";
  return `${bad}<aside><b>How to read this</b><ul>${items([...notes, ...otherNotes])}</ul></aside>`;
}

function tableHtml({ title, subtitle, heads, rows }: ShownTable): string {
  const body = rows.map(({ name, isBaseline, cells }) => {
    const values = cells.map(({ text, detail, fill, isBest, value }) => {
      const colours = `background:${hex(fill)};color:${value === undefined ? "#84848e" : hex(inkOn(fill))}`;
      const small = detail === "" ? "" : `<small>${esc(detail)}</small>`;
      const inner = isBest ? `<b>${esc(text)}</b>` : esc(text);
      return `<td style="${colours}"${value === undefined ? "" : ` data-v="${value}"`}>${inner}${small}</td>`;
    });
    return `<tr${isBaseline ? ' class="base"' : ""}><th scope="row">${esc(name)}</th>${values.join("")}</tr>`;
  });
  return section(title, subtitle, ["", ...heads], body, "heat");
}

function listHtml({ title, heads, rows }: WordTable): string {
  const body = rows.map(
    ([name = "", ...cells]) =>
      `<tr><th scope="row">${esc(name)}</th>${cells.map((cell) => `<td${sortKey(cell)}>${esc(cell)}</td>`).join("")}</tr>`,
  );
  return section(title, "", heads, body, "list");
}

/** A number to sort by where the text is one; text sorts as text. */
function sortKey(text: string): string {
  const number = Number(text.replace("−", "-").replace(/ \(.*/, ""));
  return text !== "" && Number.isFinite(number) ? ` data-v="${number}"` : "";
}

function section(
  title: string,
  subtitle: string,
  heads: readonly string[],
  body: readonly string[],
  kind: string,
): string {
  const head = heads
    .map(
      (text) => `<th scope="col"><button type="button">${esc(text || "experiment")}</button></th>`,
    )
    .join("");
  const small = subtitle === "" ? "" : ` <span class="sub">${esc(subtitle)}</span>`;
  return `<section><h2>${esc(title)}${small}</h2><div class="scroll"><table class="${kind}"><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div></section>`;
}

function curvesHtml(comparison: Comparison): string {
  const { curves, curvesByClass, schedules, columns } = comparison;
  const styles = stylesOf(comparison.rows);
  const figure = (panels: readonly Panel[], title: string) => {
    const scene = drawCurves(panels, styles, 3);
    return scene ? `<figure>${sceneSvg(framed(scene), title)}</figure>` : "";
  };
  const parts = (title: string, inner: string) =>
    inner === "" ? "" : `<section><h2>${esc(title)}</h2>${inner}</section>`;
  const each = curvesByClass.map(({ column, panels }) => {
    const inner = figure(panels, `Learning curves of ${column}`);
    return inner === "" ? "" : `<details><summary>${esc(column)}</summary>${inner}</details>`;
  });
  const gains = drawGains(comparison, styles, 3);
  const title = columns.length > 1 ? "Learning curves, averaged over classes" : "Learning curves";
  return [
    parts(title, figure(curves, title) + each.join("\n")),
    parts("Schedules and other values by epoch", figure(schedules, "Values by epoch")),
    parts(
      "Cost and gain",
      gains ? `<figure>${sceneSvg(framed(gains), "Cost and gain")}</figure>` : "",
    ),
  ].join("\n");
}

function runsHtml({ runs, rows }: Comparison): string {
  const items = runs.map(
    ({ path, method, unfinished }) =>
      `<li><code>${esc(path)}</code> ${esc(method)}${unfinished === undefined ? "" : `, ${esc(unfinished)}`}</li>`,
  );
  const seeds = rows.map(({ name, seeds: own }) => `${name}: ${seedsText(own)}`).join(", ");
  return `<details><summary>${runs.length} runs</summary><p>${esc(seeds)}</p><ul>${items.join("")}</ul></details>`;
}
