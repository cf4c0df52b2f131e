/** What `store.node.ts` and `store.browser.ts` share; `#store` is one of the two. */

/** What lies in a folder. A symbolic link is neither a file nor a folder. */
export interface Entry {
  readonly name: string;
  readonly kind: "file" | "folder" | "other";
}

/** The name under which a file is written before it takes its place. `mark`: eight hexadecimal digits. */
export const unfinishedName = (name: string, mark: string): string => `.${name}.${mark}.tmp`;

/** The file that was to be written under this unfinished name; undefined for other names. */
export const finishedName = (name: string): string | undefined =>
  /^\.(.+)\.[0-9a-f]{8}\.tmp$/s.exec(name)?.[1];
