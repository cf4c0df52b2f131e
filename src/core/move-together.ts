/** Tensors side by side in one buffer, so that one launch can reach all of them. They stay the tensors they were. */
import { bytesOf, sizeOf } from "../kernels/index.ts";
import { copyElements } from "./ops/accumulate.ts";
import type { Tensor } from "./tensor.ts";

/** Every tensor begins on a multiple of it: also as halves, at half the offset. */
const alignment = 512;
const mostBytes = 2 ** 28;

/**
 * Moves f32 tensors into one buffer, or a few where the adapter binds less at once. For weights that are used together: halves of
 * all of them are then made in one launch. Views made before stay in the old memory.
 */
export function moveTogether(tensors: readonly Tensor[]): void {
  const [first] = tensors;
  if (!first) return;
  const most = Math.min(first.device.limits.maxStorageBufferBindingSize, mostBytes);
  let group: Tensor[] = [];
  let used = 0;
  for (const tensor of tensors) {
    const bytes = roomOf(tensor);
    if (used + bytes > most && group.length > 0) {
      moveGroup(group, used);
      [group, used] = [[], 0];
    }
    group.push(tensor);
    used += bytes;
  }
  moveGroup(group, used);
}

function roomOf({ shape }: Tensor): number {
  return Math.ceil((sizeOf(shape) * bytesOf.f32) / alignment) * alignment;
}

function moveGroup(tensors: readonly Tensor[], bytes: number): void {
  const { device } = tensors[0] as Tensor;
  const whole = device.empty([bytes / bytesOf.f32]);
  let at = 0;
  for (const tensor of tensors) {
    if (tensor.size === 0) continue;
    const home = whole.view(tensor.shape, at);
    copyElements(tensor, home);
    tensor.moveTo(home);
    home.dispose();
    at += roomOf(tensor);
  }
  whole.dispose(); // its memory is the tensors' now
}
