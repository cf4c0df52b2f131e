/**
 * The column names of the reference's tables and what each one measures. `sp` is one sample (image), `px` all pixels of all
 * images; `m` stands for the mean over classes that the reference takes later.
 */
import { type Overlap, thresholdList } from "./normalised.ts";

export type Column =
  | { readonly scope: "image"; readonly measure: "AUROC" | "AP" | "F1" }
  | {
      readonly scope: "pixel";
      readonly measure: "AUROC" | "AP" | "AUPRO";
      /** Of the maps before they were smoothed. */
      readonly raw?: true;
    }
  /** Largest value over thresholds, or mean over a list of thresholds of the normalised maps. */
  | { readonly scope: "pixel"; readonly measure: Overlap; readonly over: "max" | Float64Array };

/** The seven columns of the CDO 2025 tables. */
export const defaultColumns = [
  "mAUROC_sp_max",
  "mAP_sp_max",
  "mF1_max_sp_max",
  "mAUROC_px",
  "mAP_px",
  "mF1_max_px",
  "mAUPRO_px",
] as const;

const fixed: Readonly<Record<string, Column>> = {
  AUROC_sp: { scope: "image", measure: "AUROC" },
  mAUROC_sp_max: { scope: "image", measure: "AUROC" },
  mAP_sp_max: { scope: "image", measure: "AP" },
  mF1_max_sp_max: { scope: "image", measure: "F1" },
  mAUROC_px: { scope: "pixel", measure: "AUROC" },
  mAP_px: { scope: "pixel", measure: "AP" },
  mAUPRO_px: { scope: "pixel", measure: "AUPRO" },
};

/** The three columns of the CDO 2023 tables and of CFA's. */
export const columns2023: Readonly<Record<string, Column>> = {
  i_roc: { scope: "image", measure: "AUROC" },
  p_roc: { scope: "pixel", measure: "AUROC" },
  p_pro: { scope: "pixel", measure: "AUPRO" },
};

/** FOD's two columns, and beside them, not of the reference, pixel AUROC of the maps that its images are scored by. */
export const columnsFod: Readonly<Record<string, Column>> = {
  i_roc: { scope: "image", measure: "AUROC" },
  p_roc: { scope: "pixel", measure: "AUROC", raw: true },
  p_roc_smoothed: { scope: "pixel", measure: "AUROC" },
};

/** The 2025 columns besides the default ones. */
export const listColumns =
  "m<F1|Dice|Acc|IoU>_max_px and m<F1|Dice|Acc|IoU>_px_<first>_<last>_<step>";

/** Reads a 2025 column name; undefined if there is no such column. Throws `config` on an impossible threshold list. */
export function parseColumn(name: string): Column | undefined {
  if (Object.hasOwn(fixed, name)) return fixed[name];
  const [, measure, list] = /^m(F1|Dice|Acc|IoU)_(max_px|px_.+)$/.exec(name) ?? [];
  if (measure === undefined || list === undefined) return undefined;
  const over = list === "max_px" ? "max" : parseList(name, list);
  return over && { scope: "pixel", measure: measure as Overlap, over };
}

function parseList(name: string, list: string): Float64Array | undefined {
  const number = "(\\d+(?:\\.\\d+)?)";
  const parts = new RegExp(`^px_${number}_${number}_${number}$`).exec(list);
  if (parts === null) return undefined;
  return thresholdList(name, Number(parts[1]), Number(parts[2]), Number(parts[3]));
}
