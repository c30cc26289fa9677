// The inner part of the connection files: members of parsed JSON, each with its type checked. Spec: 3.8

import { Decimal, parseBase64 } from "./_text.js";
import { Malformed } from "./errors.js";

/** Whether a parsed value is a JSON object. */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}

/** The member's value, or the default when it is absent; nothing inherited. */
export function member(members, name, byDefault = undefined) {
  return Object.hasOwn(members, name) ? members[name] : byDefault;
}

/** An object, null when it is absent. */
export function map(members, name) {
  if (!Object.hasOwn(members, name)) return null;
  if (!isObject(members[name])) throw new Malformed(`${name} is not a map`);
  return members[name];
}

/** The bytes of a base64 text, exactly `size` of them when it is given. */
export function bytes(members, name, size = null) {
  const data = parseBase64(text(members, name));
  if (size !== null && data.length !== size) throw new Malformed(`${name} of ${data.length} bytes, expected ${size}`);
  return data;
}

export function text(members, name, byDefault = undefined) {
  const value = member(members, name, byDefault);
  if (typeof value !== "string") throw new Malformed(`${name} is not text`);
  return value;
}

export function integer(members, name, byDefault = undefined) {
  const value = member(members, name, byDefault);
  if (!Number.isSafeInteger(value)) throw new Malformed(`${name} is not an integer`);
  return value;
}

export function flag(members, name, byDefault) {
  const value = member(members, name, byDefault);
  if (typeof value !== "boolean") throw new Malformed(`${name} is not true or false`);
  return value;
}

/** A number from 0 up, 0 when it is absent. */
export function number(members, name) {
  const given = member(members, name, 0);
  const value = given instanceof Decimal ? given.value : given;
  if (typeof value !== "number" || value < 0) throw new Malformed(`${name} is not a number from 0 up`);
  return value;
}

export function texts(members, name, byDefault) {
  const value = member(members, name, byDefault);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new Malformed(`${name} is not a list of texts`);
  }
  return [...value];
}

export function integers(members, name, byDefault) {
  const value = member(members, name, byDefault);
  if (!Array.isArray(value) || !value.every(Number.isSafeInteger)) {
    throw new Malformed(`${name} is not a list of integers`);
  }
  return [...value];
}
