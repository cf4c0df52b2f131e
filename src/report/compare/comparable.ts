/** Whether results may be laid side by side: the same images, size, length of training and way of measuring. */
import type { Arranged, Experiment } from "./experiments.ts";
import type { Facts, Run } from "./run.ts";

/** Facts that differ from class to class by nature; the others must agree over the whole table. */
const byClass: ReadonlySet<keyof Facts> = new Set(["training images", "test images", "test data"]);
/** Facts of which each method has its own; they must agree among the runs of a method. */
const byMethod: ReadonlySet<keyof Facts> = new Set(["image size", "epochs", "batch size"]);

/** One sentence for each thing that differs between experiments, with the values and who has them. */
export function differences({ experiments, columns }: Arranged): string[] {
  const names = Object.keys(experiments[0] ? someRun(experiments[0]).facts : {}) as (keyof Facts)[];
  const found = names.flatMap((name) => {
    if (byMethod.has(name)) {
      return eachMethod(experiments, (title, rows, runsOf) =>
        spread(`${name}${title} differ`, rows, runsOf, name),
      );
    }
    if (!byClass.has(name)) return spread(`${name} differ`, experiments, allRuns, name);
    return columns.flatMap((column) => {
      const ofClass = (row: Experiment) => [...(row.runs.get(column)?.values() ?? [])];
      return spread(`${name} of ${column} differ`, experiments, ofClass, name);
    });
  });
  const evaluated = eachMethod(experiments, (title, rows, runsOf) =>
    evaluationDifference(`evaluated epochs${title} differ`, rows, runsOf),
  );
  return [...found, ...evaluated, ...seedDifference(experiments)];
}

/** What methods differ in by nature: said, but no reason not to lay them side by side. */
export function methodDifferences({ experiments }: Arranged): string[] {
  if (methodsOf(experiments).length < 2) return [];
  return [...byMethod].flatMap((name) =>
    spread(`each method has its own ${name}`, experiments, allRuns, name),
  );
}

const methodsOf = (experiments: readonly Experiment[]) => [
  ...new Set(experiments.flatMap((row) => allRuns(row).map(({ method }) => method))),
];

/** For the runs of each method by themselves; `title`: what tells them apart where there are several. */
function eachMethod(
  experiments: readonly Experiment[],
  find: (
    title: string,
    rows: readonly Experiment[],
    runsOf: (row: Experiment) => readonly Run[],
  ) => string[],
): string[] {
  const methods = methodsOf(experiments);
  return methods.flatMap((method) => {
    const runsOf = (row: Experiment) => allRuns(row).filter((run) => run.method === method);
    const rows = experiments.filter((row) => runsOf(row).length > 0);
    return find(methods.length > 1 ? ` of ${method}` : "", rows, runsOf);
  });
}

const allRuns = ({ runs }: Experiment): Run[] =>
  [...runs.values()].flatMap((cell) => [...cell.values()]);

const someRun = (row: Experiment): Run => allRuns(row)[0]!;

function spread(
  title: string,
  experiments: readonly Experiment[],
  runsOf: (row: Experiment) => readonly Run[],
  fact: keyof Facts,
): string[] {
  return told(title, experiments, (row) => [
    ...new Set(runsOf(row).flatMap(({ facts }) => facts[fact] ?? [])),
  ]);
}

/** The last evaluations must lie at the same epochs, or means over them and maxima say different things. */
function evaluationDifference(
  title: string,
  experiments: readonly Experiment[],
  runsOf: (row: Experiment) => readonly Run[],
): string[] {
  return told(title, experiments, (row) => [
    ...new Set(
      runsOf(row)
        .filter(({ evaluations }) => evaluations.length > 0)
        .map(({ evaluations }) => shortList(evaluations.map(({ epoch }) => epoch))),
    ),
  ]);
}

function shortList(epochs: readonly number[]): string {
  const last = epochs.slice(-5).join(", ");
  return epochs.length > 5 ? `${epochs.length} with ${last} at the end` : last;
}

/** Seeds make pairs: the same seed has the same order of images and the same masks. */
function seedDifference(experiments: readonly Experiment[]): string[] {
  return told("seeds differ", experiments, (row) => [
    [...new Set(allRuns(row).map(({ seed }) => seed))].sort((a, b) => a - b).join(", "),
  ]);
}

function told(
  title: string,
  experiments: readonly Experiment[],
  valuesOf: (row: Experiment) => readonly string[],
): string[] {
  const holders = new Map<string, string[]>();
  for (const row of experiments) {
    for (const value of valuesOf(row)) {
      holders.set(value, [...(holders.get(value) ?? []), row.name]);
    }
  }
  if (holders.size < 2) return [];
  const shown = [...holders].map(([value, names]) => `${value} (${some(names)})`);
  return [`${title}: ${some(shown, 6, "; ")}`];
}

/** The first few of a list. */
export function some(names: readonly string[], most = 4, joint = ", "): string {
  const more = names.length - most;
  return more > 0 ? `${names.slice(0, most).join(joint)}${joint}${more} more` : names.join(joint);
}

/** Whether some class is in more than one experiment; those that share none with another are named. */
export function withoutCommonClass({ experiments }: Arranged): readonly string[] {
  if (experiments.length < 2) return [];
  return experiments
    .filter((row) => {
      const others = experiments.filter((other) => other !== row);
      return ![...row.runs.keys()].some((column) => others.some(({ runs }) => runs.has(column)));
    })
    .map(({ name }) => name);
}
