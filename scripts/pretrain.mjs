/** Runs scripts/pretrain/main.ts as it is: `npm run pretrain -- <options>`. */
import "./env.mjs";
import { register } from "node:module";

process.setSourceMapsEnabled(true);
register("./ts-hook.mjs", import.meta.url);
await import("./pretrain/main.ts");
