/** "Did you mean", as for the settings of a run. */
import { fields } from "../detector/index.ts";

export const { editDistance, nearest } = fields;
