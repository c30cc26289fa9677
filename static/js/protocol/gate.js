/**
 * The gate: a server tells holders of the discovery secret from strangers before it does any costly work.
 *
 * Spec: 3.3
 */

import { concat, sameBytes } from "../bytes.js";
import { u8, u16 } from "./encoding.js";
import { encodeRecord, GATE_BYTES, HELLO } from "./handshake_messages.js";
import { H1_MAX_BYTES } from "./limits.js";
import { constantTimeEqual, hmacSha256, sha256 } from "./primitives.js";

/** One pair of gate key and identity under which a server may be addressed. */
export class Gate {
  /** @param {import("./keys.js").GateKey} gateKey @param {import("./keys.js").IdentityKey} identity */
  constructor(gateKey, identity) {
    this.gateKey = gateKey;
    this.identity = identity;
    this.serverPublic = identity.public;
    Object.freeze(this);
  }
}

/** H1: the body with its gate value, as a record. */
export function closeHello(gateKey, serverPublic, body) {
  return encodeRecord(HELLO, concat(body, valueOf(gateKey, serverPublic, body)));
}

/**
 * The gate this H1 was made for, or null for a stranger.
 *
 * Looks at length and gate value alone: no parsing, no public-key work. Everything is computed before anything is
 * judged, so a wrong length takes as long as a wrong gate value. Whatever it lets through was made by a holder of the
 * discovery secret, though perhaps not for the first time; see `gateValue`.
 * @param {Uint8Array} record @param {Iterable<Gate>} gates @returns {Gate | null}
 */
export function findGate(record, gates) {
  const body = record.subarray(4, 4 + H1_MAX_BYTES);
  const signed = body.subarray(0, -GATE_BYTES);
  const value = body.subarray(-GATE_BYTES);
  const fitting = [...gates].filter((gate) =>
    constantTimeEqual(valueOf(gate.gateKey, gate.serverPublic, signed), value),
  );
  const head = concat(u8(0x48), u8(HELLO), u16(body.length));
  const isWhole = body.length > GATE_BYTES && record.length === head.length + body.length;
  return (isWhole && sameBytes(record.subarray(0, 4), head) && fitting[0]) || null;
}

/** The 16 bytes by which a server knows an H1 it has seen before. */
export function gateValue(record) {
  return record.slice(-GATE_BYTES);
}

function valueOf(gateKey, serverPublic, body) {
  return hmacSha256(gateKey.bytes, concat(sha256(serverPublic.bytes), body)).slice(0, GATE_BYTES);
}
