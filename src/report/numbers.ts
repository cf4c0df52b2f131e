/** Numbers as text, rounded as Python's `%.2f` does it, so that a table equals the reference's to the last digit. */

/** What stands where there is no value. */
export const missing = "--";

/** `value` with a fixed number of decimals, 0 to 20; exact ties go to the even digit, as in Python; NaN is `--`. */
export function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return missing;
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const rounded = value.toFixed(digits);
  // toFixed takes the larger of two equally near numbers; 80 further digits are all that a tie can have.
  const exact = Math.abs(value).toFixed(Math.min(100, digits + 80));
  const rest = exact.slice(exact.indexOf(".") + 1 + digits);
  if (!/^50*$/.test(rest)) return rounded;
  const below = exact.slice(0, exact.length - rest.length).replace(/\.$/, "");
  const even = Number(below.at(-1)) % 2 === 0;
  return even ? `${value < 0 ? "-" : ""}${below}` : rounded;
}

/** A fraction as a percentage with two decimals and no sign: 0.98765 is `98.77`. */
export function percent(fraction: number, digits = 2): string {
  return fixed(fraction * 100, digits);
}
