/**
 * The browser's twin of `weights.node.ts`: the cache is Cache Storage, so a second visit needs no network. Where the page has none
 * (no HTTPS), the weights are fetched anew each time. The hash of the first download is kept with the file and checked at every use.
 * Weights that come with the package are fetched from beside this module; the browser's ordinary cache keeps them.
 */
import {
  checkContent,
  checkHash,
  download,
  downloadFailed,
  type LoadedWeights,
  requireWeights,
  type WeightsEntry,
  type WeightsOptions,
  type WeightsStatus,
  weightsTable,
} from "./weights.ts";

const hashHeader = "x-loupe-sha256";

/** Name of the Cache Storage that holds the weights. */
export function weightsHome(options: Pick<WeightsOptions, "home"> = {}): string {
  return options.home ?? "tensorloupe-weights";
}

async function store(options: WeightsOptions): Promise<Cache | undefined> {
  return globalThis.caches?.open(weightsHome(options));
}

async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((b) => b.toString(16).padStart(2, "0")).join("");
}

async function fetched(
  entry: WeightsEntry,
  options: WeightsOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  try {
    await download(entry, options, (chunk) => {
      chunks.push(new Uint8Array(chunk));
    });
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    checkContent(entry, bytes.subarray(0, 512));
    return bytes;
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw downloadFailed(entry, error, "drop it on the page");
  }
}

/** Where the page finds packaged weights. */
function assetUrl({ packaged, file }: WeightsEntry, { assets }: WeightsOptions): string {
  if (assets === undefined) return (packaged as URL).href;
  const folder = new URL(assets, globalThis.location?.href);
  if (!folder.pathname.endsWith("/")) folder.pathname += "/";
  return new URL(file, folder).href;
}

async function loadPackaged(entry: WeightsEntry, options: WeightsOptions): Promise<LoadedWeights> {
  const url = assetUrl(entry, options);
  const bytes = await fetched({ ...entry, url }, options);
  const sha256 = await sha256Of(bytes);
  checkHash(entry, sha256, undefined, { where: `what ${url} sent`, record: "" });
  return { name: entry.name, bytes, sha256, entry };
}

/** The weights of that name, from Cache Storage or the network, checked. The browser knows no paths: any other name throws. */
export async function loadWeights(
  name: string,
  options: WeightsOptions = {},
): Promise<LoadedWeights> {
  const entry = requireWeights(name, options.table);
  if (entry.packaged) return loadPackaged(entry, options);
  const { url = "" } = entry;
  const cache = await store(options);
  const kept = await cache?.match(url);
  const bytes = kept ? new Uint8Array(await kept.arrayBuffer()) : await fetched(entry, options);
  const sha256 = await sha256Of(bytes);
  checkHash(entry, sha256, kept?.headers.get(hashHeader) ?? undefined, {
    where: kept ? "the browser's copy" : `what ${url} sent`,
    record: "this page's site data",
  });
  if (!kept) {
    const copy = new Response(bytes, { headers: { [hashHeader]: sha256 } });
    // A full quota must not stop weights that are already here; the next visit fetches them again.
    await cache?.put(url, copy).catch(() => undefined);
  }
  return { name: entry.name, bytes, sha256, entry };
}

/** Makes sure the weights of that name are in Cache Storage. */
export async function fetchWeights(
  name: string,
  options: WeightsOptions = {},
): Promise<WeightsStatus> {
  const { entry } = await loadWeights(name, options);
  return statusOf(entry ?? requireWeights(name, options.table), options);
}

async function statusOf(entry: WeightsEntry, options: WeightsOptions): Promise<WeightsStatus> {
  if (entry.packaged) {
    const path = assetUrl(entry, options);
    return { entry, path, cached: true, bytes: undefined, sha256: entry.sha256Prefix };
  }
  const { url = "" } = entry;
  const kept = await (await store(options))?.match(url);
  const bytes = kept && (await kept.blob()).size;
  const sha256 = kept?.headers.get(hashHeader) ?? undefined;
  return { entry, path: url, cached: kept !== undefined, bytes, sha256 };
}

/** Every entry of the table with what Cache Storage has of it. */
export async function listWeights(options: WeightsOptions = {}): Promise<WeightsStatus[]> {
  return Promise.all((options.table ?? weightsTable).map((entry) => statusOf(entry, options)));
}
