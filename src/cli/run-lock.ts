/**
 * Two processes must not work on one job. The lock is a file beside the run folder, made by `open` with `wx` (one process wins, on
 * NFS too), with who holds it. A holder touches it all the time, so a lock is left over if its process is gone from this machine,
 * or if nobody has touched it for three minutes (a killed task may come back on another node).
 */
import { randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { mkdir, open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { z } from "zod";
import { LoupeError } from "../error.ts";

const touchEvery = 15_000;
/** Of a lock that nobody has touched, milliseconds. */
const oldAge = 180_000;

/** Of the second file, which lives for milliseconds. */
const oldGate = 60_000;

const pause = (time: number) => new Promise((go) => setTimeout(go, time));

export interface Lock {
  /** Aborted when somebody else has taken it, having seen no sign of this process for too long. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

const held = z.object({
  pid: z.int(),
  host: z.string(),
  space: z.string(),
  since: z.string(),
  token: z.string(),
});
type Holder = z.infer<typeof held>;

export type Taken =
  | { readonly lock: Lock }
  /** Who holds it, for people. */
  | { readonly holder: string };

/**
 * Takes the lock or says who has it. Its folder is made.
 * @throws LoupeError `io`
 */
export async function takeLock(path: string): Promise<Taken> {
  const mine = describeSelf();
  tokens.add(mine.token);
  try {
    await mkdir(dirname(path), { recursive: true });
    for (let tries = 0; tries < 5; tries++) {
      if (await create(path, mine)) return { lock: hold(path, mine) };
      const found = await look(path);
      if (!found) continue; // given back meanwhile
      if (!isLeftOver(found)) return refused(mine, nameOf(found.holder));
      if (await takeOver(path, mine)) return { lock: hold(path, mine) };
    }
  } catch (cause) {
    tokens.delete(mine.token);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LoupeError("io", `${path}: the lock can't be made: ${reason}`, { cause });
  }
  return refused(mine, "another process");
}

function refused({ token }: Holder, holder: string): Taken {
  tokens.delete(token);
  return { holder };
}

/** As `takeLock`, waiting for it. */
export async function awaitLock(path: string, patience = 60_000): Promise<Lock> {
  for (const end = Date.now() + patience; ; ) {
    const taken = await takeLock(path);
    if ("lock" in taken) return taken.lock;
    if (Date.now() > end) {
      const next = "wait for it, or remove the file if it is gone";
      throw new LoupeError("io", `${path}: is held by ${taken.holder}; ${next}`);
    }
    await pause(100);
  }
}

/** Who holds a lock that is no left-over; undefined: nobody. */
export async function lockHolder(path: string): Promise<string | undefined> {
  const found = await look(path);
  return found && !isLeftOver(found) ? nameOf(found.holder) : undefined;
}

function describeSelf(): Holder {
  const since = new Date().toISOString();
  const token = randomBytes(8).toString("hex");
  return { pid: process.pid, host: hostname(), space: processSpace(), since, token };
}

/** Containers on one machine may share its name, but count their processes by themselves. */
function processSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return ""; // not Linux
  }
}

async function create(path: string, mine: Holder): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${JSON.stringify(mine)}\n`).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

interface Found {
  /** undefined: being written, or damaged. */
  readonly holder: Holder | undefined;
  /** Milliseconds since it was touched. */
  readonly age: number;
}

async function look(path: string): Promise<Found | undefined> {
  try {
    const { mtimeMs } = await stat(path);
    const read = held.safeParse(parse(await readFile(path, "utf8")));
    return { holder: read.data, age: Date.now() - mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLeftOver({ holder, age }: Found): boolean {
  if (age > oldAge) return true;
  if (holder?.host !== hostname() || holder.space !== processSpace()) return false;
  // this process does not take a lock twice: one of an earlier process with its number
  return holder.pid === process.pid ? !tokens.has(holder.token) : !isAlive(holder.pid);
}

/** Of the locks that this process holds or is about to. */
const tokens = new Set<string>();

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Takes over a left-over. Between the look at it and its removal another process could have done the same and locked anew, so only
 * who has the second file may remove, after looking once more.
 */
async function takeOver(path: string, mine: Holder): Promise<boolean> {
  const gate = `${path}.clear`;
  const before = await look(gate);
  if (before && before.age > oldGate) await rm(gate, { force: true }); // whoever made it died right there
  if (!(await create(gate, mine))) {
    await pause(20);
    return false;
  }
  try {
    const found = await look(path);
    if (found && !isLeftOver(found)) return false;
    await rm(path, { force: true });
    return await create(path, mine);
  } finally {
    await rm(gate, { force: true });
  }
}

const nameOf = (holder: Holder | undefined) =>
  holder ? `process ${holder.pid} on ${holder.host}, since ${holder.since}` : "another process";

function hold(path: string, mine: Holder): Lock {
  const lost = new AbortController();
  const isMine = async () => (await look(path))?.holder?.token === mine.token;
  const touch = async () => {
    if (!(await isMine())) return lost.abort();
    const now = new Date();
    await utimes(path, now, now);
  };
  const timer = setInterval(() => {
    touch().catch(() => {}); // the next time, if the file system only failed for a moment
  }, touchEvery);
  timer.unref();
  return {
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      tokens.delete(mine.token);
      if (await isMine()) await rm(path, { force: true });
    },
  };
}
