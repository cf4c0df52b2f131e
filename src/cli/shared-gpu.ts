/** One GPU for many trainings, one after the other; a new one after it was lost or ran full. */
import type { Device } from "../core/index.ts";
import { LoupeError } from "../error.ts";
import { type DeviceSettings, openGpu } from "./session.ts";
import type { Terminal } from "./terminal.ts";

export interface SharedGpu {
  /** Opened by the first call and after one that failed. Throws `device`. */
  open(): Promise<Device>;
  /** To be told of whatever a training threw. */
  afterError(error: unknown): void;
  close(): void;
}

export function sharedGpu(settings: DeviceSettings, terminal: Terminal): SharedGpu {
  let device: Device | undefined;
  const close = () => {
    device?.close();
    device = undefined;
  };
  return {
    async open() {
      device ??= await openGpu(settings, terminal);
      return device;
    },
    afterError(error) {
      const isUsable = error instanceof LoupeError && !["device", "memory"].includes(error.code);
      if (!isUsable) close();
    },
    close,
  };
}
