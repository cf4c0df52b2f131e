/**
 * Makes a checkout ready to run: the Node version, the npm packages, and on Linux a Vulkan driver that WebGPU accepts.
 *
 * It runs before `npm ci` and perhaps on an old Node, so it imports nothing but Node's own modules, and those only
 * after the version is known to be recent enough. Run twice, it does nothing twice.
 */
import { nodeComplaint } from "./setup/node.mjs";

const complaint = nodeComplaint(process.versions.node);
if (complaint) {
  console.error(complaint);
  process.exit(1);
}
const { setup } = await import("./setup/steps.mjs");
process.exitCode = await setup();
