/**
 * The bytes of H1, H2 and H3: parsed and written here, judged in the two handshake machines.
 *
 * Spec: 3.3
 */

import { concat, utf8 } from "../bytes.js";
import { encodeTlvs, parseText, parseTlvs, Reader, u8, u16, u64, v16 } from "./encoding.js";
import { Malformed, TooLarge, UnsupportedVersion, UsageError } from "./errors.js";
import { PREFIXES } from "./key_schedule.js";
import { DevicePublic, EncapsulationKey, ExchangePublic, IdentityPublic } from "./keys.js";
import { H1_MAX_BYTES, H2_MAX_BYTES, H3_MAX_BYTES, MAX_SUITES } from "./limits.js";
import { sha256 } from "./primitives.js";
import { checkMlkemCiphertext, checkMlkemKey, SUITE_X25519, SUITE_X25519_MLKEM768, SUITES } from "./suites.js";

export const PROTOCOL_VERSION = 0x0100;

export const HELLO = 0x01;
export const SERVER_HELLO = 0x02;
export const CLIENT_AUTH = 0x03;
export const GATE_BYTES = 16;
const MAGIC = 0x48;
const BINDER_BYTES = 32;
const SIGNATURE_BYTES = 64;
const MAX_BODY = { [HELLO]: H1_MAX_BYTES, [SERVER_HELLO]: H2_MAX_BYTES, [CLIENT_AUTH]: H3_MAX_BYTES };

/** One handshake message: `0x48 || type || v16(body)`. */
export function encodeRecord(type, body) {
  return concat(u8(MAGIC), u8(type), v16(body));
}

/** The body of a handshake message of this type. Raises: too_large; malformed. */
export function parseRecord(type, record) {
  const limit = MAX_BODY[type] + 4;
  if (record.length > limit) throw new TooLarge(`handshake message of ${record.length} bytes, at most ${limit}`);
  const reader = new Reader(record);
  if (reader.u8() !== MAGIC || reader.u8() !== type) throw new Malformed(`not handshake message ${type}`);
  const body = reader.v16();
  reader.end();
  return body;
}

/** H1 without its gate value. */
export class ClientHello {
  /** @param {{minVersion: number, maxVersion: number, random: Uint8Array, suites: number[], exchange: ExchangePublic,
   *          encapsulation: EncapsulationKey | null, extensions?: Map<number, Uint8Array>}} fields */
  constructor({ minVersion, maxVersion, random, suites, exchange, encapsulation, extensions = new Map() }) {
    Object.assign(this, { minVersion, maxVersion, random, suites, exchange, encapsulation, extensions });
    Object.freeze(this);
  }

  /**
   * H1's body up to the gate value.
   *
   *     +-----+-----+-----------+---+--------+------------+-------------+----------------+------+
   *     | min | max | random 32 | n | suites | X25519 32  | v16 ML-KEM  | v16 extensions | gate |
   *     +-----+-----+-----------+---+--------+------------+-------------+----------------+------+
   */
  encode() {
    return concat(
      u16(this.minVersion),
      u16(this.maxVersion),
      this.random,
      u8(this.suites.length),
      ...this.suites.map(u16),
      this.exchange.bytes,
      v16(this.encapsulation === null ? new Uint8Array() : this.encapsulation.bytes),
      v16(encodeTlvs(this.extensions)),
    );
  }

  /** The hello in a record whose gate value was checked before. Raises: too_large; malformed. */
  static parse(record) {
    const reader = new Reader(parseRecord(HELLO, record));
    const [minVersion, maxVersion, random, count] = [reader.u16(), reader.u16(), reader.take(32), reader.u8()];
    if (count < 1 || count > MAX_SUITES) throw new Malformed(`${count} suites, expected 1 to ${MAX_SUITES}`);
    const suites = Array.from({ length: count }, () => reader.u16());
    if (new Set(suites).size !== count || minVersion > maxVersion) {
      throw new Malformed("a suite twice, or a version range that is none");
    }
    const exchange = new ExchangePublic(reader.take(32));
    const mlkem = reader.v16();
    const extensions = parseTlvs(reader.v16());
    reader.take(GATE_BYTES);
    reader.end();
    const encapsulation = parseEncapsulation(suites, mlkem);
    return new ClientHello({ minVersion, maxVersion, random, suites, exchange, encapsulation, extensions });
  }
}

/** H2, its sealed part still closed. `clearRecord` is the record up to `mlkem_ct`, which th2 covers. */
export class ServerHello {
  constructor(suite, random, sessionId, exchange, ciphertext, sealed, clearRecord) {
    Object.assign(this, { suite, random, sessionId, exchange, ciphertext, sealed, clearRecord });
    Object.freeze(this);
  }

  /**
   * H2 from its first byte through `mlkem_ct`; sealedBytes is the length of what will follow.
   *
   *     +------+---------+-------+-----------+------------+-----------+------------+------------+
   *     | head | version | suite | random 32 | session 16 | X25519 32 | v16 ML-KEM | v16 sealed |
   *     +------+---------+-------+-----------+------------+-----------+------------+------------+
   */
  static encodeClear(suite, random, sessionId, exchange, ciphertext, sealedBytes) {
    const chosen = concat(u16(PROTOCOL_VERSION), u16(suite));
    const body = concat(chosen, random, sessionId, exchange.bytes, v16(ciphertext));
    return concat(u8(MAGIC), u8(SERVER_HELLO), u16(body.length + 2 + sealedBytes), body);
  }

  /** H2: the clear part, whose length field already counts what follows, and the sealed part. */
  static encode(clearRecord, sealed) {
    return concat(clearRecord, v16(sealed));
  }

  /**
   * H2 taken apart; `offered` are the suites of the H1 it answers.
   * Raises: too_large; malformed; unsupported_version (also for a suite that was not offered).
   */
  static parse(record, offered = [SUITE_X25519_MLKEM768]) {
    const reader = new Reader(parseRecord(SERVER_HELLO, record));
    const [version, suite] = [reader.u16(), reader.u16()];
    if (version !== PROTOCOL_VERSION || !SUITES.includes(suite) || !offered.includes(suite)) {
      throw new UnsupportedVersion(`server chose version ${version}, suite ${suite}`);
    }
    const [random, sessionId, exchange] = [reader.take(32), reader.take(16), new ExchangePublic(reader.take(32))];
    const ciphertext = reader.v16();
    const clearRecord = record.slice(0, 4 + reader.offset);
    const sealed = reader.v16();
    reader.end();
    checkMlkemCiphertext(suite, ciphertext);
    return new ServerHello(suite, random, sessionId, exchange, ciphertext, sealed, clearRecord);
  }
}

/** What H2's seal holds, its signature aside: who the server is, its clock, its name, its parameters. */
export class ServerProof {
  constructor(serverPublic, serverTimeMs, serverId, params) {
    Object.assign(this, { serverPublic, serverTimeMs, serverId, params });
    Object.freeze(this);
  }

  /** The plaintext before the signature: `server_public 32 || u64 server_time_ms || v16 server_id || v16 params`. */
  encode() {
    return concat(this.serverPublic.bytes, u64(this.serverTimeMs), v16(utf8(this.serverId)), v16(this.params));
  }

  /** The proof and its signature; the caller verifies it before it believes any of this. Raises: malformed. */
  static parse(plaintext) {
    const reader = new Reader(plaintext);
    const serverPublic = new IdentityPublic(reader.take(32));
    const proof = new ServerProof(serverPublic, reader.u64(), parseText(reader.v16()), reader.v16());
    const signature = reader.take(SIGNATURE_BYTES);
    reader.end();
    return [proof, signature];
  }

  /** What the server's identity signs. */
  signed(th2) {
    return concat(utf8(PREFIXES["server signature"]), sha256(th2, this.encode()));
  }
}

/** What H3's seal holds, binder and signature aside: which PSK, which device, its clock, its parameters. */
export class ClientProof {
  constructor(pskId, devicePublic, clientTimeMs, params) {
    Object.assign(this, { pskId, devicePublic, clientTimeMs, params });
    Object.freeze(this);
  }

  /** The plaintext before binder and signature: `psk_id 16 || device_public 32 || u64 client_time_ms || v16 params`. */
  encode() {
    if (this.pskId.length !== 16) throw new UsageError(`PSK id of ${this.pskId.length} bytes, expected 16`);
    return concat(this.pskId, this.devicePublic.bytes, u64(this.clientTimeMs), v16(this.params));
  }

  /** The proof, its binder and its signature; the caller verifies both before it believes any of this. */
  static parse(plaintext) {
    const reader = new Reader(plaintext);
    const proof = new ClientProof(reader.take(16), new DevicePublic(reader.take(32)), reader.u64(), reader.v16());
    const [binder, signature] = [reader.take(BINDER_BYTES), reader.take(SIGNATURE_BYTES)];
    reader.end();
    return [proof, binder, signature];
  }

  /** What the device signs. */
  signed(th3, binder) {
    return concat(utf8(PREFIXES["client signature"]), sha256(th3, this.encode(), binder));
  }
}

function parseEncapsulation(suites, mlkem) {
  const isHybrid = suites.includes(SUITE_X25519_MLKEM768);
  checkMlkemKey(isHybrid ? SUITE_X25519_MLKEM768 : SUITE_X25519, mlkem);
  return isHybrid ? new EncapsulationKey(mlkem) : null;
}
