/** All commands, in the order of `loupe --help`. */
import type { CommandSpec } from "./command.ts";
import { dataCheck } from "./data.ts";
import { doctor } from "./doctor.ts";
import { metrics } from "./metrics.ts";
import { predict } from "./predict.ts";
import { test } from "./test.ts";
import { train } from "./train.ts";
import { weightsFetch, weightsList, weightsShow } from "./weights.ts";

export const commands: readonly CommandSpec[] = [
  train,
  test,
  predict,
  metrics,
  dataCheck,
  weightsList,
  weightsFetch,
  weightsShow,
  doctor,
];
