/** The twin of dawn.mjs for a page, which has its GPU already. */
import { adapterName, watchErrors } from "./watched.mjs";

export async function installGpu() {
  const { gpu } = navigator;
  return { adapter: await adapterName(gpu), failure: watchErrors(gpu) };
}
