#!/usr/bin/env node
/** The command `loupe`: everything it does begins and ends here. */
import { commands } from "./commands.ts";
import { version } from "./environment.ts";
import { runCommandLine } from "./program.ts";
import { processTerminal } from "./terminal.ts";

for (const stream of [process.stdout, process.stderr]) {
  // `loupe … | head` closes the pipe early; that is no failure of ours
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}
process.exitCode = await runCommandLine(
  process.argv.slice(2),
  commands,
  processTerminal(),
  version,
);
