/** The quantities that experiments are compared by, under the names that we, the authors and their forks gave them. */
export interface Metric {
  /** Our name, or the column's own. */
  readonly key: string;
  readonly title: string;
  /** Under which a log may hold it, the first that is there. */
  readonly names: readonly string[];
  /** Fractions are shown in percent; a loss as it is. */
  readonly isLoss: boolean;
}

const known: readonly Metric[] = [
  metric("image_auroc", "image AUROC", "mAUROC_sp_max", "i_roc", "AUROC_sp"),
  metric("pixel_auroc", "pixel AUROC", "mAUROC_px", "p_roc"),
  metric("aupro", "AUPRO", "mAUPRO_px", "p_pro", "pro"),
  metric("image_ap", "image AP", "mAP_sp_max"),
  metric("image_f1", "image F1", "mF1_max_sp_max"),
  metric("pixel_ap", "pixel AP", "mAP_px"),
  metric("pixel_f1", "pixel F1", "mF1_max_px"),
  { ...metric("loss", "loss"), isLoss: true },
];

function metric(key: string, title: string, ...others: readonly string[]): Metric {
  return { key, title, names: [key, ...others], isLoss: false };
}

/** The four tables of the fork: i_roc, p_roc, p_pro, loss. */
export const defaultMetrics = ["image_auroc", "pixel_auroc", "aupro", "loss"] as const;

/** What the summary of experiments shows besides their costs. */
export const summaryMetrics = ["image_auroc", "pixel_auroc", "pixel_ap", "aupro"] as const;

/** A metric by any of its names; another name is a column of its own. */
export function metricOf(name: string): Metric {
  return known.find(({ names }) => names.includes(name)) ?? metric(name, name);
}

/** The value of a metric among logged ones; undefined when it is not there or not a number. */
export function loggedValue(
  { names }: Metric,
  logged: Readonly<Record<string, number>>,
): number | undefined {
  const name = names.find((n) => Object.hasOwn(logged, n));
  return name === undefined ? undefined : logged[name];
}
