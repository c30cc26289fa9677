// Vectors of variable size as MLS writes them, for the few parts of its messages that are read here. RFC 9420 2.1.2

import { concat } from "../bytes.js";
import { u8, u16, u32 } from "./encoding.js";
import { Malformed, UsageError } from "./errors.js";

/** The length in one, two or four bytes, its size in the first two bits; then the data. */
export function encodeVector(data) {
  const { length } = data;
  if (length < 2 ** 6) return concat(u8(length), data);
  if (length < 2 ** 14) return concat(u16(length + 2 ** 14), data);
  if (length < 2 ** 30) return concat(u32(length + 2 ** 31), data);
  throw new UsageError(`MLS vector of ${length} bytes`);
}

/** The next vector. Raises: malformed (a length that is not in its shortest form, or beyond the end). */
export function parseVector(reader) {
  const first = reader.u8();
  const size = first >> 6;
  if (size === 3) throw new Malformed("MLS vector length");
  const length = reader.take(2 ** size - 1).reduce((sum, octet) => sum * 256 + octet, first & 0x3f);
  if (size > 0 && length < 2 ** [6, 14][size - 1]) throw new Malformed("MLS vector length is not the shortest");
  return reader.take(length);
}
