import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node"] } },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["scripts/env.mjs"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    env: {
      XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? "/tmp",
      LOUPE_PLANS_DIR: join(import.meta.dirname, "node_modules/.cache/no-plans"), // not what was measured on this machine
    },
  },
});
