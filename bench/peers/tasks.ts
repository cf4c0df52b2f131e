/** The tasks that every engine does, with their inputs in bench/inputs.ts, and the values that all must come to. */
import { attentionPriorPoints, attentionPriorTask } from "../attention.ts";
import { cfaMapTask, cfaStepTask } from "../cfa.ts";
import {
  commonLayer,
  commonNumbers,
  convolutionTask,
  convolutionTrainingTask,
  trainingPoints,
} from "../convolutions.ts";
import { fodMapTask, fodStepTask } from "../fod.ts";
import { drawn } from "../inputs.ts";
import { matmulTask } from "../matmul.ts";
import { cfaStep, fodStep, sgdStep } from "../networks.ts";
import { sumPoints, sumTask } from "../reductions.ts";
import { convPoints, matmulPoints } from "../reference.ts";
import { logitPoints, resnet18Task } from "../resnet18.ts";
import { sgdStepTask } from "../sgd-step.ts";
import type { Point, Task } from "../task.ts";
import type { TaskKey } from "./protocol.ts";

export interface SharedTask {
  readonly key: TaskKey;
  /** How we do it. */
  readonly ours: Task;
  /** What the answer must be, in our layouts. */
  readonly points: () => readonly Point[];
  /** Allowed: atol + rtol · |value|. */
  readonly rtol: number;
  readonly atol: number;
  /** The call whose answer it is. */
  readonly call: number;
}

const side = 1024;
const large = 4096;
const plain = { rtol: 1e-3, atol: 2e-3, call: 1 };

export const sharedTasks: readonly SharedTask[] = [
  {
    ...plain,
    key: "matmul",
    ours: matmulTask(side),
    points: () => matmulPoints(drawn(side * side, 1), drawn(side * side, 2), side),
  },
  {
    ...plain,
    key: "conv",
    ours: convolutionTask(commonLayer, "forward", { numbers: commonNumbers }),
    points: () => {
      const { x, w } = commonNumbers();
      return convPoints(x, w, commonLayer);
    },
  },
  { ...plain, key: "conv-gradients", ours: convolutionTrainingTask, points: trainingPoints },
  sum(0),
  sum(1),
  {
    key: "resnet18",
    ours: resnet18Task,
    points: () => logitPoints,
    rtol: 1e-3,
    atol: 1e-4,
    call: 1,
  },
  {
    key: "sgd-step",
    ours: sgdStepTask,
    points: () => [[0, sgdStep.eleventhLoss]],
    rtol: 2e-6,
    atol: 0,
    call: 11,
  },
  {
    ...{ key: "attention", ours: attentionPriorTask, points: attentionPriorPoints },
    ...{ rtol: 1e-3, atol: 1e-3, call: 1 },
  },
  method("cfa-step", cfaStepTask, [[0, cfaStep.loss]]),
  method("cfa-map", cfaMapTask, cfaStep.map),
  method("fod-step", fodStepTask, [[0, fodStep.loss]]),
  method("fod-map", fodMapTask, fodStep.map),
];

/** PyTorch alone has these, and attention, beside us. */
function method(key: TaskKey, ours: Task, points: readonly Point[]): SharedTask {
  return { key, ours, points: () => points, rtol: 1e-3, atol: 0, call: 1 };
}

function sum(axis: 0 | 1): SharedTask {
  return {
    key: `sum-${axis}`,
    ours: sumTask(large, axis),
    points: () => sumPoints(drawn(large * large, 1), large, axis),
    rtol: 1e-3,
    atol: 1e-2,
    call: 1,
  };
}
