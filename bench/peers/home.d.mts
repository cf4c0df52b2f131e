/** Types of home.mjs. */
export function peersHome(): string;
