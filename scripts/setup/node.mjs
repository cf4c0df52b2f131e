/** The oldest Node that runs tensorloupe. Plain old syntax: this file must load on the Node it refuses. */

const OLDEST = [20, 19];

/** Returns what to tell the user about this Node version, or an empty string if it is recent enough. */
export function nodeComplaint(version) {
  const parts = version.split(".").map(Number);
  if (parts[0] > OLDEST[0] || (parts[0] === OLDEST[0] && parts[1] >= OLDEST[1])) return "";
  return (
    "setup: Node " +
    OLDEST.join(".") +
    " or newer is needed, this is Node " +
    version +
    ".\n" +
    "  Install a newer one (https://nodejs.org, or: nvm install 22) and run this again."
  );
}
