/**
 * The settings of CDO as plain data: what is saved with a run and what a config file may hold. Two versions are known by name,
 * "2025" (the authors' refactor) and "2023" (the paper's code); a setting left out takes the version's value.
 */
import { LoupeError } from "../error.ts";

export type CdoVersion = "2025" | "2023";

export interface CdoConfig {
  readonly version: CdoVersion;
  /** A backbone with three feature levels, see `backboneNames`. */
  readonly backbone: string;
  /** Side of the square image, pixels. */
  readonly imageSize: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Learning rate of the first iteration. */
  readonly learningRate: number;
  /** Total L2 norm the gradient is clipped to; 0 does not clip. */
  readonly clipNorm: number;
  /** MOM: train on images with white-noise patches, and push their features apart. */
  readonly mom: boolean;
  /** OOM: weight each pixel by (d/μ)^γ or (μ/d)^γ. */
  readonly oom: boolean;
  readonly gamma: number;
  /** Pass training images through 1024 × 1024 as the 2025 code does. */
  readonly detour: boolean;
  /** Standard deviation of the blur of the map, pixels. */
  readonly sigma: number;
  /** The image score is the mean of this share of the largest pixels; 0: the maximum. */
  readonly scoreRatio: number;
  /** How level maps are joined. "concat": the features are, at the size of level 0, and give a single map. */
  readonly mapMode: "add" | "mul" | "concat";
  /** 2025: 1 − cosine, or the Euclidean distance, of the unit vectors. The 2023 map is its squared distance. */
  readonly mapDistance: "cosine" | "euclidean";
  /** Weights of the levels in mode "add". */
  readonly levelWeights: readonly [number, number, number];
  /** reference: the 2025 code divides the sum of three maps by 3 · Σ weights = 9, not by 3. "none" leaves the sum. */
  readonly mapScale: "reference" | "mean" | "none";
}

const shared = {
  backbone: "hrnet_w32",
  imageSize: 256,
  mom: true,
  oom: true,
  gamma: 2,
  sigma: 4,
  mapMode: "add",
  mapDistance: "cosine",
  levelWeights: [1, 1, 1],
} as const;

/** Every setting of each version. */
export const cdoDefaults: Readonly<Record<CdoVersion, CdoConfig>> = {
  "2025": {
    ...shared,
    version: "2025",
    epochs: 100,
    batchSize: 32,
    learningRate: 1e-3,
    clipNorm: 5,
    detour: true,
    scoreRatio: 0.01,
    mapScale: "reference",
  },
  "2023": {
    ...shared,
    version: "2023",
    epochs: 50,
    batchSize: 16,
    learningRate: 4e-4,
    clipNorm: 0,
    detour: false,
    scoreRatio: 0,
    mapScale: "none",
  },
};

/**
 * A complete config from what was given.
 * The 2025 learning rate follows the batch, 0.0005 · batch / 16, unless it is given. // reference: an override of the batch did not
 */
export function cdoConfig(given: Partial<CdoConfig> = {}): CdoConfig {
  const version = given.version ?? "2025";
  const defaults = cdoDefaults[version];
  if (!defaults) {
    throw new LoupeError("config", `cdo: version "${version}" is unknown; use "2025" or "2023"`);
  }
  const config = { ...defaults, ...definedOf(given) };
  const follows = version === "2025" && given.learningRate === undefined;
  const learningRate = follows ? (0.0005 * config.batchSize) / 16 : config.learningRate;
  check({ ...config, learningRate });
  return { ...config, learningRate };
}

function definedOf<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) as Partial<T>;
}

function check(config: CdoConfig): void {
  const rules: readonly (readonly [keyof CdoConfig, boolean, string])[] = [
    ["imageSize", isWhole(config.imageSize, 1), "a whole number of pixels"],
    ["epochs", isWhole(config.epochs, 0), "a whole number, 0 or more"],
    ["batchSize", isWhole(config.batchSize, 1), "a whole number, 1 or more"],
    ["learningRate", config.learningRate > 0, "more than 0"],
    ["clipNorm", config.clipNorm >= 0, "0 (off) or more"],
    ["gamma", config.gamma >= 0, "0 or more"],
    ["sigma", config.sigma >= 0, "0 (off) or more"],
    ["scoreRatio", config.scoreRatio >= 0 && config.scoreRatio <= 1, "between 0 and 1"],
  ];
  for (const [name, good, rule] of rules) {
    if (!good) throw new LoupeError("config", `cdo: ${name} must be ${rule}, got ${config[name]}`);
  }
}

function isWhole(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least;
}
