/**
 * What each protocol makes of a column. "exact" looks at every threshold; the others repeat a reference implementation,
 * quirks included, so that numbers can be laid beside its tables. A further protocol is one more entry in the table below.
 */
import {
  type Column,
  columns2023,
  columnsFod,
  defaultColumns,
  listColumns,
  parseColumn,
} from "./columns.ts";
import type { Regions } from "./components.ts";
import type { FloatArray, Pixels } from "./pixels.ts";
import {
  exactPixels,
  imageReader,
  imagesFod,
  type ProtocolSettings,
  pixels2023,
  pixels2025,
  pixelsCfa,
  pixelsFod,
  type Reader,
} from "./readers.ts";
import type { LabelSource } from "./samples.ts";

export type ProtocolName = "exact" | "cdo2025" | "cdo2023" | "cfa" | "fod";

export interface Protocol {
  readonly columns: readonly string[];
  /** What other columns there are, in words. */
  readonly more?: string;
  readonly labels: LabelSource;
  readonly scores: "given" | number;
  readonly settings: readonly (keyof ProtocolSettings)[];
  readonly parse: (name: string) => Column | undefined;
  readonly image: (labels: Uint8Array, scores: FloatArray) => Reader;
  readonly pixel: (
    pixels: Pixels,
    regions: Regions,
    settings: ProtocolSettings,
    raw: Pixels | undefined,
  ) => Reader;
  /** What whoever trains and predicts has to do for it. */
  readonly needs: ProtocolNeeds;
}

export interface ProtocolNeeds {
  /** The reference measures after each epoch, and its tables hold the best on test. */
  readonly everyEpoch: boolean;
  /** Some columns are of maps before they are smoothed. */
  readonly rawMaps: boolean;
}

const needsNothing: ProtocolNeeds = { everyEpoch: false, rawMaps: false };

const within = (columns: Readonly<Record<string, Column>>) => ({
  columns: Object.keys(columns),
  parse: (name: string) => (Object.hasOwn(columns, name) ? columns[name] : undefined),
});

export const protocols: Readonly<Record<ProtocolName, Protocol>> = {
  exact: {
    columns: defaultColumns,
    more: listColumns,
    labels: "flag",
    scores: "given",
    settings: ["fprLimit"],
    parse: parseColumn,
    image: (labels, scores) => imageReader(labels, scores, Number.NaN),
    pixel: exactPixels,
    needs: needsNothing,
  },
  cdo2025: {
    columns: defaultColumns,
    more: listColumns,
    // reference: an image is abnormal when its resized mask is, whatever the data set says
    labels: "mask",
    scores: "given",
    settings: ["useAdeval", "strips", "maxStepAupro"],
    parse: parseColumn,
    image: (labels, scores) => imageReader(labels, scores, 0),
    pixel: pixels2025,
    needs: needsNothing,
  },
  cdo2023: {
    ...within(columns2023),
    labels: "flag",
    // reference: the image score is the maximum of the map
    scores: 0,
    settings: [],
    image: (labels, scores) => imageReader(labels, scores, 0),
    pixel: pixels2023,
    needs: needsNothing,
  },
  cfa: {
    ...within(columns2023),
    labels: "flag",
    // reference: maxima of maps that are rescaled to [0, 1] over the whole test set, which changes none of these numbers
    scores: 0,
    settings: [],
    image: (labels, scores) => imageReader(labels, scores, 0),
    pixel: pixelsCfa,
    needs: { everyEpoch: true, rawMaps: false },
  },
  fod: {
    ...within(columnsFod),
    labels: "flag",
    // reference: maxima of the smoothed maps, while pixels are measured before smoothing
    scores: 0,
    settings: [],
    image: imagesFod,
    pixel: pixelsFod,
    needs: { everyEpoch: true, rawMaps: true },
  },
};

export const protocolNames = Object.keys(protocols) as readonly ProtocolName[];

export const protocolNeeds = (name: ProtocolName): ProtocolNeeds => protocols[name].needs;
