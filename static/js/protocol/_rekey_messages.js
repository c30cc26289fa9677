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
import { checkMlkemCiphertext, checkMlkemKey, SUITE_X25519_MLKEM768 } from "./suites.js";

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
  /** @param {number} epoch @param {ExchangePublic} exchange @param {?EncapsulationKey} encapsulation none in suite 1 */
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
   *     37      2+1184 v16: ML-KEM-768 encapsulation key, empty in suite 1
   *     1223    64     signature by the device (in suite 1 at 39)
   */
  encode() {
    const { epoch, exchange, encapsulation, signature } = this;
    const mlkem = encapsulation?.bytes ?? new Uint8Array();
    return concat(u8(RekeyKind.INIT), u32(epoch), exchange.bytes, v16(mlkem), signature);
  }

  /** What the device signs. */
  signed(sessionId) {
    const unsigned = new RekeyInit(this.epoch, this.exchange, this.encapsulation).encode();
    return concat(utf8(PREFIXES["rekey client"]), sessionId, sha256(unsigned));
  }
}

/** 02: the server's half; its last frame of the old epoch. */
export class RekeyResponse {
  /** @param {number} epoch @param {ExchangePublic} exchange @param {Uint8Array} ciphertext 1088 or 0 bytes */
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
   *     37      2+1088 v16: ML-KEM-768 ciphertext, empty in suite 1
   *     1127    64     signature by the server (in suite 1 at 39)
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
  [RekeyKind.INIT](reader, suite) {
    const [epoch, exchange, mlkem] = [reader.u32(), new ExchangePublic(reader.take(32)), reader.v16()];
    checkMlkemKey(suite, mlkem);
    const encapsulation = mlkem.length > 0 ? new EncapsulationKey(mlkem) : null;
    return new RekeyInit(epoch, exchange, encapsulation, reader.take(SIGNATURE_BYTES));
  },
  [RekeyKind.RESPONSE](reader, suite) {
    const [epoch, exchange, ciphertext] = [reader.u32(), new ExchangePublic(reader.take(32)), reader.v16()];
    checkMlkemCiphertext(suite, ciphertext);
    return new RekeyResponse(epoch, exchange, ciphertext, reader.take(SIGNATURE_BYTES));
  },
  [RekeyKind.DONE]: (reader) => new RekeyDone(reader.take(FINISHED_BYTES)),
};

/**
 * What a payload of type KEY_ROTATION says in a session of this suite; nothing of it is verified yet.
 * Raises: malformed. Spec: 3.6
 * @param {Uint8Array} payload @param {number} [suite] @returns {RekeyRequest | RekeyInit | RekeyResponse | RekeyDone}
 */
export function parseRekey(payload, suite = SUITE_X25519_MLKEM768) {
  const reader = new Reader(payload);
  const kind = reader.u8();
  if (!Object.hasOwn(PARSERS, kind)) throw new Malformed(`rekey message ${kind}`);
  const message = PARSERS[kind](reader, suite);
  reader.end();
  return message;
}
