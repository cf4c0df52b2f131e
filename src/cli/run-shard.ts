/**
 * Which part of the jobs is this process's: as `--shard 2/8` says, or as the scheduler numbers it. The n parts are disjoint and make
 * up the whole; part i takes the jobs i, i + n, i + 2n, …
 */
import { LoupeError } from "../error.ts";

/** Part `index` (from 0) of `count`. */
export interface Shard {
  readonly index: number;
  readonly count: number;
  /** Who said so, for people. */
  readonly source: string;
}

export interface ShardSettings {
  /** `i/n`, from 1. */
  readonly shard?: string | undefined;
  /** Number of parts; which one is the scheduler's number modulo it. */
  readonly shards?: number | undefined;
}

export const shardPattern = /^[1-9]\d{0,6}\/[1-9]\d{0,6}$/;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part that was asked for; undefined: all jobs.
 * @param env SLURM_ARRAY_TASK_ID with _MIN, _STEP and _COUNT, or JOB_COMPLETION_INDEX with JOB_COMPLETIONS
 * @throws LoupeError `config`
 */
export function shardOf({ shard, shards }: ShardSettings, env: Environment): Shard | undefined {
  if (shard !== undefined) {
    if (shards !== undefined) {
      throw new LoupeError("config", "--shard and --shards: --shard says both, leave --shards out");
    }
    return givenShard(shard);
  }
  const told = schedulerOf(env);
  if (!told) {
    if (shards === undefined || shards === 1) return undefined;
    const rule = "which of them? no scheduler says it (SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX)";
    throw new LoupeError(
      "config",
      `--shards ${shards}: ${rule}; give --shard 1/${shards} and so on`,
    );
  }
  const source = `${told.name}=${told.id}`;
  if (shards !== undefined) return { index: told.id % shards, count: shards, source };
  if (told.count === undefined) {
    const next = `give --shards <number>, or --shard 1/1 for all jobs here`;
    throw new LoupeError("config", `run: ${source}, but not of how many; ${next}`);
  }
  if (told.position < told.count) return { index: told.position, count: told.count, source };
  const rule = `is part ${told.position + 1} of ${told.count}`;
  throw new LoupeError("config", `run: ${source} ${rule}; give --shards with the whole number`);
}

function givenShard(shard: string): Shard {
  const [part, count] = shard.split("/").map(Number) as [number, number];
  if (shardPattern.test(shard) && part <= count) {
    return { index: part - 1, count, source: `--shard ${shard}` };
  }
  throw new LoupeError("config", `--shard ${shard}: must be i/n with i from 1 to n, such as 2/8`);
}

interface Told {
  readonly name: string;
  /** As the scheduler numbers it. */
  readonly id: number;
  /** From 0. */
  readonly position: number;
  readonly count: number | undefined;
}

function schedulerOf(env: Environment): Told | undefined {
  const number = (name: string) => wholeOf(name, env[name]);
  const slurm = number("SLURM_ARRAY_TASK_ID");
  if (slurm !== undefined) {
    const least = number("SLURM_ARRAY_TASK_MIN") ?? 0;
    const step = number("SLURM_ARRAY_TASK_STEP") || 1;
    const position = Math.floor((slurm - least) / step);
    const count = number("SLURM_ARRAY_TASK_COUNT");
    return { name: "SLURM_ARRAY_TASK_ID", id: slurm, position, count };
  }
  const index = number("JOB_COMPLETION_INDEX");
  if (index === undefined) return undefined;
  const count = number("JOB_COMPLETIONS"); // Kubernetes gives none: the manifest may
  return { name: "JOB_COMPLETION_INDEX", id: index, position: index, count };
}

function wholeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new LoupeError("config", `${name}: must be a whole number, got ${JSON.stringify(text)}`);
}

/** Those of `jobs` that are this part's. */
export function partOf<T>(jobs: readonly T[], shard: Shard | undefined): T[] {
  return jobs.filter((_, i) => !shard || i % shard.count === shard.index);
}
