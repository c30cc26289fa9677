/**
 * What a frame of type 0x04 carries.
 *
 * Spec: 3.6
 */

import { concat, utf8 } from "../bytes.js";
import { Reader, u8, u32, v16 } from "./encoding.js";
import { Malformed } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { EncapsulationKey, ExchangePublic } from "./keys.js";
import { sha256 } from "./primitives.js";

const MLKEM_CIPHERTEXT_BYTES = 1088;
const FINISHED_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The first byte of a payload of type KEY_ROTATION. */
export const RekeyKind = Object.freeze({ REQUEST: 0, INIT: 1, RESPONSE: 2, DONE: 3 });

/** 00: the server asks the client to begin. */
export class RekeyRequest {
  /** One byte. */
  encode() {
    return u8(RekeyKind.REQUEST);
  }
}

/** 01: the client begins. */
export class RekeyInit {
  /** @param {number} epoch @param {ExchangePublic} exchange @param {EncapsulationKey} encapsulation */
  constructor(epoch, exchange, encapsulation, signature = new Uint8Array()) {
    Object.assign(this, { epoch, exchange, encapsulation, signature });
    Object.freeze(this);
  }

  /**
   * The payload; without the signature what it covers.
   *
   *     +----+-------+-----------+------------+--------------+
   *     | 01 | epoch | X25519 32 | v16 ML-KEM | signature 64 |
   *     +----+-------+-----------+------------+--------------+
   *
   *     offset  bytes  meaning
   *     0       1      kind, 1
   *     1       4      number of the epoch that is to begin
   *     5       32     X25519 public value
   *     37      2+1184 v16: ML-KEM-768 encapsulation key
   *     1223    64     signature by the device
   */
  encode() {
    const { epoch, exchange, encapsulation, signature } = this;
    return concat(u8(RekeyKind.INIT), u32(epoch), exchange.bytes, v16(encapsulation.bytes), signature);
  }

  /** What the device signs. */
  signed(sessionId) {
    const unsigned = new RekeyInit(this.epoch, this.exchange, this.encapsulation).encode();
    return concat(utf8(PREFIXES["rekey client"]), sessionId, sha256(unsigned));
  }
}

/** 02: the server's half; its last frame of the old epoch. */
export class RekeyResponse {
  /** @param {number} epoch @param {ExchangePublic} exchange @param {Uint8Array} ciphertext 1088 bytes */
  constructor(epoch, exchange, ciphertext, signature = new Uint8Array()) {
    Object.assign(this, { epoch, exchange, ciphertext, signature });
    Object.freeze(this);
  }

  /**
   * The payload; without the signature what it covers, after INIT.
   *
   *     +----+-------+-----------+------------+--------------+
   *     | 02 | epoch | X25519 32 | v16 ML-KEM | signature 64 |
   *     +----+-------+-----------+------------+--------------+
   *
   *     offset  bytes  meaning
   *     0       1      kind, 2
   *     1       4      number of the epoch that begins
   *     5       32     X25519 public value
   *     37      2+1088 v16: ML-KEM-768 ciphertext
   *     1127    64     signature by the server
   */
  encode() {
    const { epoch, exchange, ciphertext, signature } = this;
    return concat(u8(RekeyKind.RESPONSE), u32(epoch), exchange.bytes, v16(ciphertext), signature);
  }

  /** What the server signs; init is the payload it answers. */
  signed(sessionId, init) {
    const unsigned = new RekeyResponse(this.epoch, this.exchange, this.ciphertext).encode();
    return concat(utf8(PREFIXES["rekey server"]), sessionId, sha256(init, unsigned));
  }
}

/** 03: the client has the new keys; its last frame of the old epoch. */
export class RekeyDone {
  /** @param {Uint8Array} finished 32 bytes */
  constructor(finished) {
    Object.assign(this, { finished });
    Object.freeze(this);
  }

  /** Kind and finished value. */
  encode() {
    return concat(u8(RekeyKind.DONE), this.finished);
  }
}

const PARSERS = {
  [RekeyKind.REQUEST]: () => new RekeyRequest(),
  [RekeyKind.INIT](reader) {
    const [epoch, exchange] = [reader.u32(), new ExchangePublic(reader.take(32))];
    const encapsulation = EncapsulationKey.fromBytes(reader.v16());
    return new RekeyInit(epoch, exchange, encapsulation, reader.take(SIGNATURE_BYTES));
  },
  [RekeyKind.RESPONSE](reader) {
    const [epoch, exchange, ciphertext] = [reader.u32(), new ExchangePublic(reader.take(32)), reader.v16()];
    if (ciphertext.length !== MLKEM_CIPHERTEXT_BYTES) {
      throw new Malformed(`ML-KEM ciphertext of ${ciphertext.length} bytes, expected ${MLKEM_CIPHERTEXT_BYTES}`);
    }
    return new RekeyResponse(epoch, exchange, ciphertext, reader.take(SIGNATURE_BYTES));
  },
  [RekeyKind.DONE]: (reader) => new RekeyDone(reader.take(FINISHED_BYTES)),
};

/**
 * What a payload of type KEY_ROTATION says; nothing of it is verified yet. Raises: malformed. Spec: 3.6
 * @param {Uint8Array} payload @returns {RekeyRequest | RekeyInit | RekeyResponse | RekeyDone}
 */
export function parseRekey(payload) {
  const reader = new Reader(payload);
  const kind = reader.u8();
  if (!Object.hasOwn(PARSERS, kind)) throw new Malformed(`rekey message ${kind}`);
  const message = PARSERS[kind](reader);
  reader.end();
  return message;
}
