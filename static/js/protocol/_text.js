// The inner part of encoding.js for what is text outside: UTF-8, base64 and JSON, one strict form each.

import { Malformed, TooLarge, UsageError } from "./errors.js";
import { INTEGER_MAX, MAX_DEPTH } from "./limits.js";

/** The UTF-8 text in these bytes; invalid sequences and a byte order mark are refused. @param {Uint8Array} data */
export function parseText(data) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new Malformed("not UTF-8");
  }
  return checkText(text);
}

/**
 * The text, if it may travel by itself or in CBOR. Decoders differ in whether they keep a byte order mark; so nobody
 * gets to send one. Raises: malformed. @param {string} text @returns {string}
 */
export function checkText(text) {
  if (text.startsWith("\ufeff")) throw new Malformed("byte order mark");
  if (!text.isWellFormed()) throw new Malformed("unpaired surrogate");
  return text;
}

/** RFC 4648 section 4, with padding. @param {Uint8Array} data @returns {string} */
export function encodeBase64(data) {
  return btoa(Array.from(data, (octet) => String.fromCharCode(octet)).join(""));
}

/** @param {string} text canonical base64 with padding @returns {Uint8Array} */
export function parseBase64(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
    throw new Malformed("not base64");
  }
  const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  // A second spelling of the same bytes, by other trailing bits, would make a signed or hashed text malleable.
  if (encodeBase64(data) !== text) throw new Malformed("not canonical base64");
  return data;
}

/** RFC 4648 section 5, without padding. @param {Uint8Array} data @returns {string} */
export function encodeBase64url(data) {
  return encodeBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text canonical base64url without padding @returns {Uint8Array} */
export function parseBase64url(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw new Malformed("not base64url");
  }
  const padding = "=".repeat((4 - (text.length % 4)) % 4);
  return parseBase64(text.replaceAll("-", "+").replaceAll("_", "/") + padding);
}

/** The value as compact UTF-8 JSON. @returns {Uint8Array} */
export function encodeJson(value) {
  if (!isJson(value)) throw new UsageError("not a JSON value");
  return new TextEncoder().encode(JSON.stringify(value));
}

/** A number that JSON writes with a point or an exponent; 1.0 must not pass for the integer 1. */
export class Decimal {
  /** @param {number} value finite */
  constructor(value) {
    this.value = value;
    Object.freeze(this);
  }

  toJSON() {
    return this.value;
  }
}

/**
 * The JSON value in these bytes; numbers with a point or an exponent come as `Decimal`.
 *
 * Refused: more than maxBytes (too_large); duplicate members, integers outside 0..2^53-1, numbers that are not finite,
 * unpaired surrogates, nesting over 8 (malformed).
 * @param {Uint8Array} data @param {number} maxBytes
 */
export function parseJson(data, maxBytes) {
  if (data.length > maxBytes) throw new TooLarge(`${data.length} bytes of JSON, at most ${maxBytes}`);
  const text = parseText(data);
  try {
    JSON.parse(text);
  } catch {
    throw new Malformed("not strict JSON");
  }
  // JSON.parse proves the grammar, but of two members with one name it keeps the last: so the value is built here.
  return build(text.matchAll(/"(?:[^"\\]+|\\.)*"|[{}[\]]|-?[0-9][0-9.eE+-]*|true|false|null/g), 0);
}

/** The value that begins with the next token, or undefined where an array or object ends. */
function build(tokens, depth) {
  const [token] = tokens.next().value;
  if (token === "}" || token === "]") return undefined;
  if (token === "{" || token === "[") {
    if (depth === MAX_DEPTH) throw new Malformed(`nested deeper than ${MAX_DEPTH}`);
    return token === "{" ? buildObject(tokens, depth + 1) : buildArray(tokens, depth + 1);
  }
  const value = JSON.parse(token);
  if (typeof value === "number") return checkedNumber(token, value);
  if (typeof value === "string" && !value.isWellFormed()) throw new Malformed("unpaired surrogate");
  return value;
}

function buildArray(tokens, depth) {
  const items = [];
  for (let item = build(tokens, depth); item !== undefined; item = build(tokens, depth)) items.push(item);
  return items;
}

function buildObject(tokens, depth) {
  const members = new Map();
  for (let name = build(tokens, depth); name !== undefined; name = build(tokens, depth)) {
    if (members.has(name)) throw new Malformed("duplicate member");
    members.set(name, build(tokens, depth));
  }
  // `fromEntries` makes a name `__proto__` an ordinary member.
  return Object.fromEntries(members);
}

function checkedNumber(digits, value) {
  const isInteger = /^-?[0-9]+$/.test(digits);
  if (isInteger ? digits.startsWith("-") || value > INTEGER_MAX : !Number.isFinite(value)) {
    throw new Malformed("number out of range");
  }
  return isInteger ? value : new Decimal(value);
}

function isJson(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value instanceof Uint8Array || value instanceof Map) return false;
  return Object.values(value).every(isJson);
}
