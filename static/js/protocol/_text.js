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
  if (text.startsWith("\ufeff")) throw new Malformed("byte order mark");
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

/**
 * The JSON value in these bytes.
 *
 * Refused: more than maxBytes (too_large); duplicate members, integers outside 0..2^53-1, numbers that are not finite,
 * unpaired surrogates, nesting over 8 (malformed).
 * @param {Uint8Array} data @param {number} maxBytes
 */
export function parseJson(data, maxBytes) {
  if (data.length > maxBytes) throw new TooLarge(`${data.length} bytes of JSON, at most ${maxBytes}`);
  const text = parseText(data);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Malformed("not strict JSON");
  }
  checkTokens(text);
  return value;
}

/** Walks text that is known to be JSON, for what JSON.parse lets pass without a word: of two members it keeps the last. */
function checkTokens(text) {
  const open = [];
  let lastString = "";
  for (const [token] of text.matchAll(/"(?:[^"\\]+|\\.)*"|[{}[\]:]|-?[0-9][0-9.eE+-]*/g)) {
    if (token === "{" || token === "[") {
      if (open.push(new Set()) > MAX_DEPTH) throw new Malformed(`nested deeper than ${MAX_DEPTH}`);
    } else if (token === "}" || token === "]") {
      open.pop();
    } else if (token === ":") {
      if (open.at(-1).has(lastString)) throw new Malformed("duplicate member");
      open.at(-1).add(lastString);
    } else if (token.startsWith('"')) {
      lastString = JSON.parse(token);
      if (!lastString.isWellFormed()) throw new Malformed("unpaired surrogate");
    } else {
      checkNumber(token);
    }
  }
}

function checkNumber(digits) {
  const value = Number(digits);
  const isInteger = /^-?[0-9]+$/.test(digits);
  if (isInteger ? digits.startsWith("-") || value > INTEGER_MAX : !Number.isFinite(value)) {
    throw new Malformed("number out of range");
  }
}

function isJson(value) {
  if (value === null || typeof value === "boolean" || typeof value === "string") return true;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value instanceof Uint8Array || value instanceof Map) return false;
  return Object.values(value).every(isJson);
}
