/** Writing results outside a run folder with the run folder's care: whole or not at all, and clear words when it fails. */
export { writeWhole } from "#store";
