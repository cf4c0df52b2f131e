/** File names and folder names as the layouts understand them. */
import { byCodePoint, type Folder } from "../dataset.ts";
import type { Finding } from "../finding.ts";

const imageEndings = /\.(png|jpe?g|bmp)$/i;
const otherImages = /\.(tiff?|gif|webp|avif|heic|jp2|jxl|svg|ppm|pgm|npy|dcm)$/i;

/** Names of folders with normal images. */
export const goodNames = /^(good|ok|normal)$/i;
/** Names of folders whose subfolders, if any, are the kinds of defect. */
export const badNames = /^(bad|ko|ng|anomal(y|ous)|abnormal|defect(s|ive)?)$/i;
/** Names of folders with masks. */
export const maskNames = /^(masks?|ground_truth)$/i;

/** Whether a name is that of an image that is read. */
export function isImage(path: string): boolean {
  return imageEndings.test(path);
}

/** The images of a folder, and one finding for each file that is none. */
export function imagesOf(folder: Folder): { images: string[]; findings: Finding[] } {
  const images: string[] = [];
  const findings: Finding[] = [];
  for (const path of folder.files) {
    const file = `${folder.root}/${path}`;
    if (isImage(path)) images.push(path);
    else if (otherImages.test(path)) {
      const message = "PNG, JPEG and BMP are read, left out (convert it to PNG to use it)";
      findings.push({ level: "warning", file, message });
    } else findings.push({ level: "info", file, message: "not an image, left out" });
  }
  return { images, findings };
}

/** Folder parts, name without ending, in one Unicode form, so that names written on different systems agree. */
export function partsOf(path: string): { folders: string[]; stem: string } {
  const folders = path.normalize("NFC").split("/");
  const name = folders.pop()!;
  return { folders, stem: name.replace(/\.[^.]*$/, "") };
}

/** The last part of a path, the name of a class whose folder is given directly. */
export function baseName(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== "");
  return parts.at(-1) ?? path;
}

/** Each value once, by code point. */
export function sortedSet(values: Iterable<string>): string[] {
  return [...new Set(values)].sort(byCodePoint);
}
