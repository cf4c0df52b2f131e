/** The script of one loading thread, started by `workers.node.ts`: makes training items and hands their memory over. */
import { parentPort, workerData } from "node:worker_threads";
import { LoupeError } from "../error.ts";
import { imageCache } from "./cache.ts";
import type { Finding } from "./finding.ts";
import { trainTransform, withSynthesis } from "./transforms.ts";
import type { Answer, Order, WorkerSetup } from "./workers.node.ts";

const port = parentPort!;
const { options, cacheBytes } = workerData as WorkerSetup;
const cache = imageCache(cacheBytes);

port.on("message", ({ id, epoch, sample, index, synthesis }: Order) => {
  const findings: Finding[] = [];
  const report = (finding: Finding) => void findings.push(finding);
  const image = new Float32Array(options.size * options.size * 3);
  const mask = new Float32Array(options.size * options.size);
  const answer = (rest: Partial<Answer>, moved: ArrayBuffer[] = []) =>
    port.postMessage({ id, findings, ...rest }, moved);
  const load = async () =>
    trainTransform({ ...withSynthesis(options, synthesis), epoch, cache, report });
  const made = load().then((transform) => transform(sample, index, image, mask));
  made.then(
    (survival) =>
      answer({ image, mask, ...(survival ? { survival } : {}) }, [image.buffer, mask.buffer]),
    (error: unknown) => {
      const code = error instanceof LoupeError ? error.code : "data";
      answer({ error: { code, message: error instanceof Error ? error.message : String(error) } });
    },
  );
});
