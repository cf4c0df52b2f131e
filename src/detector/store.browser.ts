/** A browser has no run folders; everything that would need one says so. */
import { LoupeError } from "../error.ts";

function refuse(path: string): never {
  throw new LoupeError("io", `${path}: a browser has no run folders; keep states in memory`);
}

export const joinPath = (...parts: string[]): string => parts.join("/");
export const exists = async (_path: string): Promise<boolean> => false;
export const readBytes = async (path: string): Promise<Uint8Array<ArrayBuffer>> => refuse(path);
export const writeWhole = async (path: string, _data: string | Uint8Array): Promise<void> =>
  refuse(path);
export const appendLine = async (path: string, _line: string): Promise<void> => refuse(path);
export const shorten = async (path: string, _bytes: number): Promise<void> => refuse(path);
export const makeFolder = async (path: string): Promise<void> => refuse(path);
export const listFolder = async (path: string): Promise<string[]> => refuse(path);
export const removeFile = async (path: string): Promise<void> => refuse(path);
