/** All commands, in the order of `loupe --help`. */
import type { CommandSpec } from "./command.ts";
import { compare } from "./compare.ts";
import { dataCheck, dataDemo } from "./data.ts";
import { dataIndex } from "./data-index.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { features } from "./features.ts";
import { fodDistanceMaps } from "./fod-distance-maps.ts";
import { fodReference } from "./fod-reference.ts";
import { metrics } from "./metrics.ts";
import { predict } from "./predict.ts";
import { preview } from "./preview.ts";
import { run } from "./run.ts";
import { schemaCommand } from "./schema.ts";
import { test } from "./test.ts";
import { train } from "./train.ts";
import { tune } from "./tune.ts";
import { weightsFetch, weightsList, weightsShow } from "./weights.ts";

const working: readonly CommandSpec[] = [
  train,
  run,
  test,
  predict,
  metrics,
  compare,
  preview,
  features,
  fodReference,
  fodDistanceMaps,
  dataCheck,
  dataDemo,
  dataIndex,
  weightsList,
  weightsFetch,
  weightsShow,
  demo,
  tune,
  doctor,
];

export const commands: readonly CommandSpec[] = [...working, schemaCommand(working)];
