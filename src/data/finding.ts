/**
 * What was noticed about a file, as data. Readers and checks go on after a problem and hand back a list of these,
 * so that a user sees everything that is wrong at once.
 */

/** `error`: the file can't be used; `warning`: it is used, but look at it; `info`: it was left out on purpose. */
export type Level = "error" | "warning" | "info";

/**
 * One problem with one file. `message` is `rule (next step): values`, so that equal rules can be listed together.
 */
export type Finding = { readonly level: Level; readonly file: string; readonly message: string };

/** Where a loader reports what it notices while it reads. */
export type Report = (finding: Finding) => void;
