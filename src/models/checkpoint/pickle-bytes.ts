/** A cursor over pickle bytes: every read is checked against the end, so a length in the file can never reach beyond it. */
import { LoupeError } from "../../error.ts";

/** Longest line of a text opcode (a module or attribute name, a protocol-1 integer). */
const maxLine = 4096;
/** Largest integer read, in bytes: torch's own largest is its 10-byte magic number. */
const maxInteger = 64;

/** Reads little-endian values one after the other and throws at the end of the file. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly #view: DataView;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves on by `length` and returns where it stood. */
  skip(length: number): number {
    const from = this.at;
    if (length > this.bytes.length - from) {
      throw new LoupeError(
        "checkpoint",
        `pickle: ${length} bytes wanted at byte ${from} but the file has ${this.bytes.length}; it is cut off or damaged`,
      );
    }
    this.at = from + length;
    return from;
  }

  u8(): number {
    return this.bytes[this.skip(1)]!;
  }
  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }
  /** A 64-bit length; one beyond the safe integers is beyond any file too. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.skip(8), true));
  }
  /** Pickle's floats are big-endian. */
  f64(): number {
    return this.#view.getFloat64(this.skip(8), false);
  }

  raw(length: number): Uint8Array {
    const from = this.skip(length);
    return this.bytes.subarray(from, this.at);
  }

  utf8(length: number): string {
    const raw = this.raw(length);
    try {
      return this.#utf8.decode(raw);
    } catch {
      throw new LoupeError("checkpoint", `pickle: text before byte ${this.at} is not UTF-8`);
    }
  }

  /** One character a byte. (TextDecoder's "latin1" is Windows-1252.) */
  latin1(length: number): string {
    const raw = this.raw(length);
    let text = "";
    for (let i = 0; i < raw.length; i += 4096)
      text += String.fromCharCode(...raw.subarray(i, i + 4096));
    return text;
  }

  line(): string {
    const end = this.bytes.subarray(this.at, this.at + maxLine).indexOf(10);
    if (end < 0) {
      throw new LoupeError(
        "checkpoint",
        `pickle: no end of line within ${maxLine} bytes of byte ${this.at}`,
      );
    }
    const text = this.latin1(end);
    this.at++;
    return text;
  }

  /** A two's-complement little-endian integer; a bigint only where a number can't hold it. */
  integer(length: number): number | bigint {
    if (length > maxInteger) {
      throw new LoupeError(
        "checkpoint",
        `pickle: an integer of ${length} bytes, at most ${maxInteger} are allowed`,
      );
    }
    let value = 0n;
    for (const byte of this.raw(length).toReversed()) value = (value << 8n) | BigInt(byte);
    return narrow(BigInt.asIntN(length * 8, value));
  }
}

/** A number where it is exact, else the bigint. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
