/**
 * The layout of BTAD (beanTech): as MVTec AD, with `ok` and `ko` for `good` and the one kind of defect, and masks whose ending
 * may differ from their image's. Source: arXiv 2104.10036.
 */
import type { Layout } from "../dataset.ts";
import { mvtec } from "./mvtec.ts";

export const btad: Layout = {
  name: "btad",
  looksLike: "<class>/train/ok, <class>/test/<ok|ko>, <class>/ground_truth/ko",
  matches: ({ files }) => {
    return (
      files.some((path) => /(?:^|\/)train\/ok\//i.test(path)) &&
      files.some((path) => /(?:^|\/)(?:test|ground_truth)\/ko\//i.test(path))
    );
  },
  read: mvtec.read,
};
