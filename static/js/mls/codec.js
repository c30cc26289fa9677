/**
 * The presentation language of RFC 9420 2.1: integers, optional values, and vectors behind a variable-size length.
 *
 * One form each: a length that could be shorter, an optional octet but 0 and 1, and anything missing or left over are
 * malformed, so what was read encodes back to the same bytes.
 */

import { concat, join } from "../bytes.js";
import { Reader as ProtocolReader, u8, u16, u32 } from "../protocol/encoding.js";
import { Malformed, UsageError } from "../protocol/errors.js";

export { u8, u16, u32, u64 } from "../protocol/encoding.js";

// RFC 9420 2.1.2: the first two bits say whether the length takes one, two or four bytes.
const [ONE_BYTE, TWO_BYTES, FOUR_BYTES] = [2 ** 6, 2 ** 14, 2 ** 30];

/** The protocol's reader, and MLS's vectors. */
export class Reader extends ProtocolReader {
  #data;

  /** @param {Uint8Array} data */
  constructor(data) {
    super(data);
    this.#data = data;
  }

  /** How many bytes were not taken. */
  get left() {
    return this.#data.length - this.offset;
  }

  /** What was taken from `offset` on. @param {number} offset */
  since(offset) {
    return new Uint8Array(this.#data.subarray(offset, this.offset));
  }

  /** The next eight bytes as an integer of any size. @returns {bigint} */
  wide() {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /**
   * The length of the vector that comes next (RFC 9420 2.1.2), fewer than 2**30 bytes.
   *
   * Raises: malformed (a length that is not the shortest).
   */
  vectorLength() {
    const first = this.u8();
    if (first < ONE_BYTE) return first;
    const size = first >> 6;
    if (size === 3) throw new Malformed("vector length of eight bytes");
    const length = this.take(2 ** size - 1).reduce((sum, octet) => sum * 256 + octet, first & 0x3f);
    if (length < (size === 1 ? ONE_BYTE : TWO_BYTES)) throw new Malformed("vector length is not the shortest");
    return length;
  }

  /**
   * The bytes of the vector that comes next.
   *
   * Raises: malformed (more bytes than are there, too).
   */
  vector() {
    return this.take(this.vectorLength());
  }

  /** The items of the next vector, each read by `read`, which takes at least one byte. */
  vectorOf(read) {
    const inner = new Reader(this.vector());
    const items = [];
    while (inner.left > 0) items.push(read(inner));
    return Object.freeze(items);
  }

  /**
   * The value, or null (RFC 9420 2.1.1).
   *
   * Raises: malformed (an octet but 0 and 1).
   */
  optional(read) {
    const present = this.u8();
    if (present > 1) throw new Malformed(`optional octet ${present}`);
    return present === 1 ? read(this) : null;
  }
}

/** Eight bytes, big endian, of the whole range. @param {bigint} value */
export function wide(value) {
  if (value < 0n || value >= 1n << 64n) throw new UsageError(`${value} does not fit 8 bytes`);
  return concat(u32(Number(value >> 32n)), u32(Number(value & 0xffffffffn)));
}

/** The shortest form of a length, fewer than 2**30 bytes (RFC 9420 2.1.2). @param {number} length */
export function vectorLength(length) {
  if (length < ONE_BYTE) return u8(length);
  if (length < TWO_BYTES) return u16(length + 2 ** 14);
  if (length < FOUR_BYTES) return u32(length + 2 ** 31);
  throw new UsageError(`vector of ${length} bytes`);
}

/** The bytes behind their length. @param {Uint8Array} data */
export function vector(data) {
  return concat(vectorLength(data.length), data);
}

/**
 * The items' encodings, joined, behind their length.
 * @param {readonly ({encode(): Uint8Array} | Uint8Array)[]} items
 */
export function vectorOf(items) {
  return vector(join(items.map((item) => (item instanceof Uint8Array ? item : item.encode()))));
}

/** The encoded value behind a 1, or a 0 alone. @param {Uint8Array | null} encoded */
export function optional(encoded) {
  return encoded === null ? Uint8Array.of(0) : concat(Uint8Array.of(1), encoded);
}
