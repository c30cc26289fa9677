// The inner part of operations.js: the types a member of a request or an answer can have. Spec: 3.14

import { utf8 } from "../bytes.js";
import { Malformed } from "./errors.js";

/** A type of member: `check` refuses a value that is not of it, and names the path to it. */
export class Kind {
  /** Nothing, when the value is of this kind. Raises: malformed. @param {unknown} value @param {string} path */
  check(value, path) {
    if (!this.fits(value)) throw new Malformed(`${path} is not ${this}`);
  }
}

/** A byte string of one size. */
export class Exactly extends Kind {
  /** @param {number} size */
  constructor(size) {
    super();
    this.size = size;
  }

  fits(value) {
    return value instanceof Uint8Array && value.length === this.size;
  }

  toString() {
    return `b${this.size}`;
  }
}

/** A byte string up to a size; without one, as long as the frame lets it be. */
export class Bytes extends Kind {
  /** @param {number} [limit] */
  constructor(limit = Infinity) {
    super();
    this.limit = limit;
  }

  fits(value) {
    return value instanceof Uint8Array && value.length <= this.limit;
  }

  toString() {
    return `b${upTo(this.limit)}`;
  }
}

/** Text up to a number of bytes in UTF-8; without one, as long as the frame lets it be. */
export class Text extends Kind {
  /** @param {number} [limit] */
  constructor(limit = Infinity) {
    super();
    this.limit = limit;
  }

  fits(value) {
    return typeof value === "string" && utf8(value).length <= this.limit;
  }

  toString() {
    return `t${upTo(this.limit)}`;
  }
}

/** An integer in 0..2^53-1. */
export class Uint extends Kind {
  fits(value) {
    return Number.isSafeInteger(value) && value >= 0;
  }

  toString() {
    return "uint";
  }
}

/** True or false. */
export class Bool extends Kind {
  fits(value) {
    return typeof value === "boolean";
  }

  toString() {
    return "bool";
  }
}

/** An array up to a number of items of one kind; without one, as many as the frame holds. */
export class Many extends Kind {
  /** @param {Kind} of @param {number} [limit] */
  constructor(of, limit = Infinity) {
    super();
    this.of = of;
    this.limit = limit;
  }

  check(value, path) {
    super.check(value, path);
    value.forEach((item, index) => this.of.check(item, `${path}[${index}]`));
  }

  fits(value) {
    return Array.isArray(value) && value.length <= this.limit;
  }

  toString() {
    return `[${this.of}]${upTo(this.limit)}`;
  }
}

/** A named value of a map. */
export class Member {
  /** @param {string} name @param {Kind} kind */
  constructor(name, kind, required = true) {
    this.name = name;
    this.kind = kind;
    this.required = required;
  }

  toString() {
    return `\`${this.name}\` ${this.kind}${this.required ? "" : " ?"}`;
  }
}

/** A map with these members; unknown ones are ignored. */
export class Members extends Kind {
  /** @param {Member[]} members */
  constructor(members) {
    super();
    this.members = members;
  }

  check(value, path) {
    if (!this.fits(value)) throw new Malformed(`${path} is not a map`);
    for (const { name, kind, required } of this.members) {
      const where = path === "" ? name : `${path}.${name}`;
      if (Object.hasOwn(value, name)) kind.check(value[name], where);
      else if (required) throw new Malformed(`${where} is missing`);
    }
  }

  fits(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  }

  toString() {
    return `{${this.members.join(", ")}}`;
  }
}

function upTo(limit) {
  return limit === Infinity ? "" : `..${limit}`;
}
