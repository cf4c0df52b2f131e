/** Everything that `npm run bench` measures of ours. */
import type { Precision } from "../src/core/index.ts";
import { attentionTasks } from "./attention.ts";
import { batchNormTasks } from "./batch-norm.ts";
import { cdoPredictTask, cdoStepTask } from "./cdo.ts";
import { cfaMapTask, cfaPredictTask, cfaStepTask } from "./cfa.ts";
import { convolutionTasks, convolutionTrainingTask } from "./convolutions.ts";
import { fodMapTask, fodPredictTask, fodStepTask } from "./fod.ts";
import { interpolateTasks } from "./interpolate.ts";
import { matmulTask } from "./matmul.ts";
import { kmeansTask, nearestTasks } from "./nearest.ts";
import { sumTask } from "./reductions.ts";
import { resnet18Task } from "./resnet18.ts";
import { sgdStepTask } from "./sgd-step.ts";
import type { Task } from "./task.ts";

const small = { backbone: "resnet18", imageSize: 128 };
const large = { backbone: "hrnet_w32", imageSize: 256 };

/** A software adapter gets small batches, for it would take an hour. In half precision there is what is made of products. */
export function allTasks(software: boolean, precision: Precision = "f32"): Task[] {
  const batch = software ? 4 : 32;
  if (precision === "f16") {
    return [
      matmulTask(1024, precision),
      ...(software ? [] : [matmulTask(4096, precision)]),
      ...convolutionTasks(batch, precision),
      ...cdoTasks(software, precision),
    ];
  }
  return [
    matmulTask(64),
    matmulTask(1024),
    ...(software ? [] : [matmulTask(4096)]),
    ...convolutionTasks(batch),
    convolutionTrainingTask,
    sumTask(4096, 0),
    sumTask(4096, 1),
    ...batchNormTasks(batch),
    ...interpolateTasks(batch),
    ...nearestTasks,
    kmeansTask,
    ...attentionTasks,
    resnet18Task,
    sgdStepTask,
    ...cdoTasks(software, precision),
    cfaStepTask,
    cfaMapTask,
    cfaPredictTask,
    fodStepTask,
    fodMapTask,
    fodPredictTask,
  ];
}

function cdoTasks(software: boolean, precision: Precision): Task[] {
  const [one, two] = [
    { ...small, precision },
    { ...large, precision },
  ];
  return [
    cdoStepTask(one, software ? 8 : 32),
    ...(software ? [2] : [16, 32]).map((batch) => cdoStepTask(two, batch)),
    cdoPredictTask(one),
    cdoPredictTask(two),
  ];
}
