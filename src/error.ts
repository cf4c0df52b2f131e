/**
 * The one error class. It stands outside the rooms because every room throws it.
 *
 * Form of a message: `where: rule, values`, and for a user the next step, for example
 * `conv2d: input has 3 channels but weight expects 64 (weight [3, 3, 64, 128])`.
 */

/** What kind of thing went wrong; the CLI turns it into an exit code. */
export type ErrorCode =
  | "shape" // an op got shapes, dtypes or options that don't fit
  | "device" // no adapter, lost device, rejected launch, validation error
  | "memory" // a buffer or a grid over the adapter's limits, or no memory left
  | "numeric" // NaN or infinity where a number was needed
  | "data" // an image, mask, table or folder
  | "checkpoint" // weights, checkpoints, run folders
  | "config" // options and config files
  | "io"; // the file system: disk full, permission, missing folder

/** Every error tensorloupe throws on purpose. `code` says which kind; `cause` keeps the original. */
export class LoupeError extends Error {
  override readonly name = "LoupeError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
