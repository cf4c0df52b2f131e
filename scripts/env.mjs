/**
 * Sets the environment that setup found to work, for the process that imports this file: `import "./env.mjs"` first,
 * or vitest's `setupFiles`. The Vulkan loader reads the variables when the first adapter is asked for, so that is early
 * enough; in a worker thread it would not be, as process.env is a copy there.
 */
import { gpuEnv } from "./setup/environment.mjs";

Object.assign(process.env, gpuEnv());
