/** The library: the engine, the networks, the data, the metrics and the methods. Each room is also an entry of its own. */
export * from "./cdo/index.ts";
export * from "./cfa/index.ts";
export * from "./core/index.ts";
export * as data from "./data/index.ts";
export * from "./detector/index.ts";
export * from "./fod/index.ts";
export * as metrics from "./metrics/index.ts";
export * as models from "./models/index.ts";
export * as report from "./report/index.ts";
