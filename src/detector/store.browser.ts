/** A browser has no run folders; everything that would need one says so. */
import { LoupeError } from "../error.ts";
import type { Entry } from "./store.ts";

function refuse(path: string): never {
  throw new LoupeError("io", `${path}: a browser has no run folders; keep states in memory`);
}

export const joinPath = (...parts: string[]): string => parts.join("/");
export const exists = async (_path: string): Promise<boolean> => false;
export const isLink = async (_path: string): Promise<boolean> => false;
export const sizeOfFile = async (_path: string): Promise<number> => 0;
export const readBytes = async (path: string, _most?: number): Promise<Uint8Array<ArrayBuffer>> =>
  refuse(path);
export const writeWhole = async (path: string, _data: string | Uint8Array): Promise<void> =>
  refuse(path);
export const appendLine = async (path: string, _line: string): Promise<void> => refuse(path);
export const makeFolder = async (path: string): Promise<void> => refuse(path);
export const listFolder = async (path: string): Promise<Entry[]> => refuse(path);
export const removeFile = async (path: string): Promise<void> => refuse(path);
export const removeEmptyFolder = async (path: string): Promise<void> => refuse(path);
