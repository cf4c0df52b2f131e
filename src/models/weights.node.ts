/**
 * The cache of published weights on disk. A file is fetched once into a temporary name, checked, and renamed; its SHA-256 is recorded
 * beside it (`<file>.sha256`, as sha256sum writes it) and checked at every use. A file put there by hand is taken the same way.
 * Weights that come with the package are read where they lie.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LoupeError } from "../error.ts";
import {
  checkContent,
  checkHash,
  download,
  downloadFailed,
  findWeights,
  type LoadedWeights,
  requireWeights,
  type WeightsEntry,
  type WeightsOptions,
  type WeightsStatus,
  weightsTable,
} from "./weights.ts";

/** The cache folder: `LOUPE_WEIGHTS_DIR`, else `XDG_CACHE_HOME/tensorloupe`, else `~/.cache/tensorloupe`. */
export function weightsHome(options: Pick<WeightsOptions, "home"> = {}): string {
  const own = options.home ?? process.env.LOUPE_WEIGHTS_DIR;
  if (own) return resolve(own);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return resolve(cache, "tensorloupe");
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";

function raise(what: string, error: unknown): never {
  throw new LoupeError("io", `weights: ${what} (${(error as Error).message})`, { cause: error });
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const info = await stat(path);
    return info.isFile() ? info.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    raise(`can't look at ${path}`, error);
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    raise(`can't read ${path}`, error);
  }
}

const recordOf = (path: string) => `${path}.sha256`;

async function recordedHash(path: string): Promise<string | undefined> {
  if ((await sizeOf(recordOf(path))) === undefined) return undefined;
  const text = new TextDecoder().decode(await readBytes(recordOf(path)));
  const hash = /^([0-9a-f]{64})\s/.exec(`${text} `)?.[1];
  if (hash !== undefined) return hash;
  throw new LoupeError(
    "checkpoint",
    `weights: ${recordOf(path)} holds no SHA-256; delete it to record the hash again`,
  );
}

/** Writes the record; a cache that is shared read-only stays without one. */
async function recordHash(path: string, file: string, sha256: string): Promise<void> {
  const part = `${recordOf(path)}.${randomUUID()}.part`;
  try {
    await writeFile(part, `${sha256}  ${file}\n`);
    await rename(part, recordOf(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EROFS" || code === "EACCES") return;
    await rm(part, { force: true });
    raise(`can't write ${recordOf(path)}`, error);
  }
}

/** Fetches into `part`; returns the SHA-256 of what came. */
async function fetchInto(
  part: string,
  entry: WeightsEntry,
  options: WeightsOptions,
): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(part, "wx");
  try {
    await download(entry, options, async (chunk) => {
      hash.update(chunk);
      await file.writeFile(chunk);
    });
    await file.sync();
  } finally {
    await file.close();
  }
  const head = new Uint8Array(512);
  const again = await open(part, "r");
  const { bytesRead } = await again.read(head).finally(() => again.close());
  checkContent(entry, head.subarray(0, bytesRead));
  return hash.digest("hex");
}

/**
 * Makes sure the weights of that name are in the cache: downloads them unless they are, checks them, and records their hash. Throws
 * `LoupeError("io")` with the URL and the place for the file if the download fails.
 */
export async function fetchWeights(
  name: string,
  options: WeightsOptions = {},
): Promise<WeightsStatus> {
  const entry = requireWeights(name, options.table);
  const home = weightsHome(options);
  if (entry.packaged) {
    await readPackaged(entry, entry.packaged);
    return statusOf(entry, home);
  }
  const path = join(home, entry.file);
  if ((await sizeOf(path)) !== undefined) {
    await checkCached(entry, path);
    return statusOf(entry, home);
  }
  const record = recordOf(path);
  const part = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(home, { recursive: true }).catch((e) => raise(`can't create ${home}`, e));
    const sha256 = await fetchInto(part, entry, options).catch((error) => {
      if (options.signal?.aborted) throw error;
      throw downloadFailed(entry, error, `put it at ${path}, or pass its path to --weights`);
    });
    const recorded = await recordedHash(path);
    checkHash(entry, sha256, recorded, { where: `what ${entry.url} sent`, record });
    await rename(part, path).catch((e) => raise(`can't write ${path}`, e));
    await recordHash(path, entry.file, sha256);
  } finally {
    await rm(part, { force: true });
  }
  return statusOf(entry, home);
}

/** Reads a cached file, checks its hash, and records it at the first use. */
async function checkCached(entry: WeightsEntry, path: string): Promise<LoadedWeights> {
  const bytes = await readBytes(path);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const recorded = await recordedHash(path);
  checkHash(entry, sha256, recorded, { where: path, record: recordOf(path) });
  if (recorded === undefined) await recordHash(path, entry.file, sha256);
  return { name: entry.name, bytes, sha256, entry };
}

/** Reads what came with the package, and checks it against the hash in the table. */
async function readPackaged(entry: WeightsEntry, place: URL): Promise<LoadedWeights> {
  const path = fileURLToPath(place);
  if ((await sizeOf(path)) === undefined) {
    const text = `weights: ${entry.name} should have come with the package but ${path} is missing; install it again`;
    throw new LoupeError("io", text);
  }
  const bytes = await readBytes(path);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  checkHash(entry, sha256, undefined, { where: path, record: "" });
  return { name: entry.name, bytes, sha256, entry };
}

async function statusOf(entry: WeightsEntry, home: string): Promise<WeightsStatus> {
  const path = entry.packaged ? fileURLToPath(entry.packaged) : join(home, entry.file);
  const bytes = await sizeOf(path);
  if (entry.packaged) {
    return { entry, path, cached: bytes !== undefined, bytes, sha256: entry.sha256Prefix };
  }
  const cached = bytes !== undefined;
  return { entry, path, cached, bytes, sha256: cached ? await recordedHash(path) : undefined };
}

/** Every entry of the table with what the cache has of it. Reads no weights and uses no network. */
export async function listWeights(options: WeightsOptions = {}): Promise<WeightsStatus[]> {
  const home = weightsHome(options);
  return Promise.all((options.table ?? weightsTable).map((entry) => statusOf(entry, home)));
}

/**
 * The bytes that `--weights` means: a name in the table (fetched once, then from the cache) or the path of a file. A file that has a
 * table's name is reached as `./name`.
 */
export async function loadWeights(
  nameOrPath: string,
  options: WeightsOptions = {},
): Promise<LoadedWeights> {
  const entry = findWeights(nameOrPath, options.table);
  if (entry?.packaged) return readPackaged(entry, entry.packaged);
  if (entry !== undefined) {
    const path = join(weightsHome(options), entry.file);
    if ((await sizeOf(path)) === undefined) await fetchWeights(entry.name, options);
    return checkCached(entry, path);
  }
  if ((await sizeOf(nameOrPath)) === undefined) requireWeights(nameOrPath, options.table);
  const bytes = await readBytes(nameOrPath);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { name: nameOrPath, bytes, sha256, entry: undefined };
}
