/** log.jsonl follows the checkpoints: a run that goes on from one logs what comes after it once, not twice. */
import { readBytes, sizeOfFile, writeWhole } from "#store";
import { isObject } from "./fields.ts";

const newline = 0x0a;

/**
 * Removes the lines behind the first `bytes` that tell what will be told again.
 * @param again whether an event will be; lines that are no events stay, except a last one without its end
 */
export async function rewindLog(
  path: string,
  bytes: number,
  again: (event: Readonly<Record<string, unknown>>) => boolean,
): Promise<void> {
  if ((await sizeOfFile(path)) <= bytes) return;
  const whole = await readBytes(path);
  const cut = startOfLine(whole, bytes);
  const lines = new TextDecoder().decode(whole.subarray(cut)).split("\n");
  const torn = lines.pop() ?? ""; // what follows the last end of a line: nothing, unless a crash cut it off
  const kept = lines.filter((line) => !isRepeated(line, again)).map((line) => `${line}\n`);
  if (torn === "" && kept.length === lines.length) return;
  const rest = new TextEncoder().encode(kept.join(""));
  const all = new Uint8Array(cut + rest.length);
  all.set(whole.subarray(0, cut));
  all.set(rest, cut);
  await writeWhole(path, all);
}

/** The first line that begins at this byte or later: a log that was edited may be cut anywhere. */
function startOfLine(bytes: Uint8Array, at: number): number {
  if (at === 0 || bytes[at - 1] === newline) return at;
  const end = bytes.indexOf(newline, at);
  return end < 0 ? bytes.length : end + 1;
}

function isRepeated(line: string, again: Parameters<typeof rewindLog>[2]): boolean {
  try {
    const event: unknown = JSON.parse(line);
    return isObject(event) && again(event);
  } catch {
    return false;
  }
}
