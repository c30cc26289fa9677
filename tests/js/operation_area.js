// The area `operations` of tests/vectors. See its README.

import { concat, fromHex, sameBytes } from "../../static/js/bytes.js";
import { parseExchange, Request, Response } from "../../static/js/protocol/bodies.js";
import {
  checkAnswer,
  checkNotice,
  checkRequest,
  NOTICES,
  OPERATIONS,
} from "../../static/js/protocol/operations.js";
import { sha256 } from "../../static/js/protocol/primitives.js";

/** Of a longer byte string a case has size and hash. */
const SHOWN_BYTES = 256;

/** A request, an answer or a notice, whole; the members that the table knows. @param {Record<string, any>} given */
export function operations({ does, op, data }) {
  const whole = concat(...data.map(piece));
  const exchange = parseExchange(whole);
  if (!sameBytes(exchange.encode(), whole)) throw new Error("it does not come back the same");
  if (!(exchange instanceof (does === "answer" ? Response : Request))) throw new Error("it is of another kind");
  if (does === "answer") {
    checkAnswer(op, exchange.body);
    return { members: known(OPERATIONS[op].answer, exchange.body) };
  }
  const [check, table] = does === "request" ? [checkRequest, OPERATIONS] : [checkNotice, NOTICES];
  const asked = check(exchange.body);
  return { op: asked, members: known(table[asked].body, exchange.body) };
}

function piece(each) {
  return typeof each === "string" ? fromHex(each) : new Uint8Array(each[1]).fill(fromHex(each[0])[0]);
}

function known(kind, body) {
  const names = kind.members.map((each) => each.name).filter((name) => Object.hasOwn(body, name));
  return Object.fromEntries(names.map((name) => [name, shown(body[name])]));
}

function shown(value) {
  if (value instanceof Uint8Array) {
    return value.length <= SHOWN_BYTES ? value : { size: value.length, sha256: sha256(value) };
  }
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown(item)]));
}
