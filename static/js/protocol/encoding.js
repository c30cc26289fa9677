/**
 * Values to bytes and back, in exactly one way: fixed integers, length-prefixed strings, base64, JSON, CBOR and TLVs.
 *
 * Every parser refuses what the encoder would not have written.
 * Raises: malformed, too_large; usage when our own value does not fit.
 * Spec: 3
 */

import { decode, encode, rfc8949EncodeOptions } from "../../vendor/cborg.js";
import { concat, sameBytes } from "../bytes.js";
import { checkText } from "./_text.js";
import { Malformed, UsageError } from "./errors.js";
import { INTEGER_MAX, MAX_DEPTH } from "./limits.js";

export {
  encodeBase64,
  encodeBase64url,
  encodeJson,
  parseBase64,
  parseBase64url,
  parseJson,
  parseText,
} from "./_text.js";

function unsigned(value, size) {
  const fits = Number.isSafeInteger(value) && value >= 0 && value < 2 ** (8 * size);
  if (!fits) throw new UsageError(`expected an integer of ${size} bytes`);
  const data = new Uint8Array(size);
  for (let index = size - 1, rest = value; index >= 0; index -= 1) {
    data[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return data;
}

/** One byte. @param {number} value */
export function u8(value) {
  return unsigned(value, 1);
}

/** Two bytes, big endian. @param {number} value */
export function u16(value) {
  return unsigned(value, 2);
}

/** Four bytes, big endian. @param {number} value */
export function u32(value) {
  return unsigned(value, 4);
}

/** Eight bytes, big endian. @param {number} value up to 2^53-1 */
export function u64(value) {
  return unsigned(value, 8);
}

/** Two bytes of length, then the data. @param {Uint8Array} data up to 65,535 bytes */
export function v16(data) {
  return concat(u16(data.length), data);
}

/** Takes a message apart from front to back; nothing can be read twice and `end` refuses what is left. */
export class Reader {
  #data;
  #offset = 0;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.#data = data;
  }

  /** The next `count` bytes. @param {number} count @returns {Uint8Array} */
  take(count) {
    const left = this.#data.length - this.#offset;
    if (count > left) throw new Malformed(`expected ${count} bytes more, got ${left}`);
    this.#offset += count;
    // A copy, and a plain one: slices of a Node Buffer would share its memory.
    return new Uint8Array(this.#data.subarray(this.#offset - count, this.#offset));
  }

  u8() {
    return this.#unsigned(1);
  }

  u16() {
    return this.#unsigned(2);
  }

  u32() {
    return this.#unsigned(4);
  }

  u64() {
    return this.#unsigned(8);
  }

  v16() {
    return this.take(this.u16());
  }

  /** How many bytes were taken. */
  get offset() {
    return this.#offset;
  }

  /** Everything that is left. */
  rest() {
    return this.take(this.#data.length - this.#offset);
  }

  /** Refuses trailing bytes. */
  end() {
    const left = this.#data.length - this.#offset;
    if (left !== 0) throw new Malformed(`${left} bytes too many`);
  }

  #unsigned(size) {
    const value = this.take(size).reduce((sum, octet) => sum * 256 + octet, 0);
    if (value > INTEGER_MAX) throw new Malformed("an integer above 2^53-1");
    return value;
  }
}

/** Values by type as `u16 type || v16 value`, ascending. @param {Map<number, Uint8Array>} values */
export function encodeTlvs(values) {
  const types = [...values.keys()].sort((left, right) => left - right);
  return concat(...types.map((type) => concat(u16(type), v16(values.get(type)))));
}

/** @param {Uint8Array} data TLVs to its end @returns {Map<number, Uint8Array>} unknown types included */
export function parseTlvs(data) {
  const values = new Map();
  const reader = new Reader(data);
  let last = -1;
  while (reader.offset < data.length) {
    const type = reader.u16();
    if (type <= last) throw new Malformed("TLV types do not ascend");
    values.set(type, reader.v16());
    last = type;
  }
  return values;
}

/** What cborg must refuse by itself. */
const CBOR_OPTIONS = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
};

/** The value as deterministic CBOR. Raises: usage (a type, number or depth that the protocol does not carry). */
export function encodeCbor(value) {
  try {
    checkCbor(value, 0);
  } catch (error) {
    throw new UsageError(error.text);
  }
  return encode(value, rfc8949EncodeOptions);
}

/** The value of deterministic CBOR: text keys, no tags, no floats, integers in 0..2^53-1, nesting up to 8. */
export function parseCbor(data) {
  let value;
  try {
    value = plainMaps(decode(data, CBOR_OPTIONS));
  } catch {
    throw new Malformed("not CBOR of the protocol's kind");
  }
  checkCbor(value, 0);
  // cborg lets unsorted keys and whole numbers written as floats pass; written anew they differ.
  if (!sameBytes(encode(value, rfc8949EncodeOptions), data)) throw new Malformed("CBOR is not deterministic");
  return value;
}

/** Maps as plain objects; `fromEntries` makes a key `__proto__` an ordinary member. */
function plainMaps(value) {
  if (Array.isArray(value)) return value.map(plainMaps);
  if (!(value instanceof Map)) return value;
  if ([...value.keys()].some((key) => typeof key !== "string")) throw new Malformed("CBOR key that is not text");
  return Object.fromEntries([...value].map(([key, item]) => [key, plainMaps(item)]));
}

function checkCbor(value, depth) {
  if (typeof value === "string") {
    checkText(value);
  } else if (value === null || typeof value === "boolean" || value instanceof Uint8Array) {
    return;
  } else if (typeof value === "object") {
    if (depth === MAX_DEPTH) throw new Malformed(`nested deeper than ${MAX_DEPTH}`);
    if (!Array.isArray(value)) Object.keys(value).forEach((key) => checkCbor(key, depth));
    Object.values(value).forEach((item) => checkCbor(item, depth + 1));
  } else if (!Number.isSafeInteger(value) || value < 0) {
    throw new Malformed("CBOR value of a kind the protocol does not carry");
  }
}
