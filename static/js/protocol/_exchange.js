/**
 * Questions and answers inside a session (0x12): the three forms of an exchange.
 *
 * Spec: 3.11
 */

import { concat } from "../bytes.js";
import { encodeCbor, parseCbor, Reader, u8, u32 } from "./encoding.js";
import { Malformed } from "./errors.js";

const REQUEST = 0;
const RESPONSE = 1;
const FAILURE = 2;

/** What the three forms of an exchange (0x12) share: a number the asking side counts, and a map. */
class Exchange {
  /** @param {number} id @param {Record<string, unknown>} body */
  constructor(id, body) {
    Object.assign(this, { id, body });
    Object.freeze(this);
  }
}

/** A question (0x12); the asking side counts the ids. */
export class Request extends Exchange {
  /** `u8 0 || u32 id || CBOR map`. */
  encode() {
    return encodeExchange(REQUEST, this.id, this.body);
  }
}

/** The answer to the request of the same id. */
export class Response extends Exchange {
  /** `u8 1 || u32 id || CBOR map`. */
  encode() {
    return encodeExchange(RESPONSE, this.id, this.body);
  }
}

/** The request of the same id was not done; its map has `code`, `text` and what the operation adds. */
export class Failure extends Exchange {
  /** `u8 2 || u32 id || CBOR map`. */
  encode() {
    return encodeExchange(FAILURE, this.id, this.body);
  }
}

/**
 * The request, response or failure in these bytes (0x12). Raises: malformed (also for a failure without code and text).
 * @param {Uint8Array} data @returns {Request | Response | Failure}
 */
export function parseExchange(data) {
  const reader = new Reader(data);
  const [kind, number, body] = [reader.u8(), reader.u32(), parseCbor(reader.rest())];
  const isMap = typeof body === "object" && body !== null && !Array.isArray(body) && !(body instanceof Uint8Array);
  if (!isMap) throw new Malformed("exchange without a map");
  if (kind === REQUEST) return new Request(number, body);
  if (kind === RESPONSE) return new Response(number, body);
  if (kind === FAILURE && typeof body.code === "number" && typeof body.text === "string") {
    return new Failure(number, body);
  }
  throw new Malformed(`exchange of kind ${kind}`);
}

function encodeExchange(kind, number, body) {
  return concat(u8(kind), u32(number), encodeCbor(body));
}
