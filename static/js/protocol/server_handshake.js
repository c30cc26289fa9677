/**
 * The server's half of the handshake: H1 in, H2 out, H3 in, AUTH_OK out, session.
 *
 * No browser is a server; this half is here so that the two machines can be run back to back in one language too.
 * Spec: 3.3
 */

import { concat } from "../bytes.js";
import { wipe } from "./_secret_fields.js";
import { encodeTlvs, parseTlvs } from "./encoding.js";
import { Unauthentic, UnsupportedVersion, UsageError } from "./errors.js";
import { MessageType } from "./frame.js";
import {
  CLIENT_AUTH,
  ClientHello,
  ClientProof,
  parseRecord,
  PROTOCOL_VERSION,
  ServerHello,
  ServerProof,
} from "./handshake_messages.js";
import { epochZero, finishedValue, HandshakeKeys, pskBinder } from "./key_schedule.js";
import { ExchangeSecret } from "./keys.js";
import { parseClientName, ServerParameters } from "./parameters.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual, randomBytes, sha256, TAG_BYTES } from "./primitives.js";
import { Role, Session } from "./session.js";
import { chooseSuite, SUITE_X25519_MLKEM768 } from "./suites.js";

const SIGNATURE_BYTES = 64;

/** Who says to be calling. Only pskId may be acted on (to look up the PSK) before `verify` has passed. */
export class ClientAuth {
  constructor(pskId, devicePublic, clientTimeMs, params, clientName) {
    Object.assign(this, { pskId, devicePublic, clientTimeMs, params, clientName });
    Object.freeze(this);
  }
}

/**
 * One caller whose H1 fits this gate; after any error it is thrown away and the connection closed with 1008.
 *
 * Call `receiveHello`, `receiveClientAuth`, `verify`, `finish`, in this order, each once. With `pqRequired` only the
 * suite with ML-KEM is taken; without it, that one when it is offered.
 */
export class ServerHandshake {
  #gate;
  #serverId;
  #parameters;
  #pqRequired;
  #started = false;
  /** What H1 and H2 leave behind until H3 comes: their records, suite, session id, ephemeral values and keys. */
  #helloDone = null;
  /** That and what H3 leaves behind until the caller has proved itself: proof, binder, signature, transcript hash. */
  #auth = null;
  /** What is left of a caller who has: suite, session id, transcript hash and keys. */
  #verified = null;
  #session = null;

  /** @param {import("./gate.js").Gate} gate @param {string} serverId @param {ServerParameters} [parameters] */
  constructor(gate, serverId, parameters = new ServerParameters(), pqRequired = true) {
    this.#gate = gate;
    this.#serverId = serverId;
    this.#parameters = parameters;
    this.#pqRequired = pqRequired;
  }

  /**
   * H2. The record's gate value was checked by `findGate`.
   *
   * Raises: too_large; malformed; unsupported_version (also when no suite is offered that may be taken).
   * Spec: 3.3
   */
  async receiveHello(record, nowMs) {
    const exchange = ExchangeSecret.generate();
    const random = [randomBytes(32), randomBytes(16)];
    try {
      return await this._receiveHello(record, nowMs, ...random, exchange, (key) => key.encapsulate());
    } finally {
      exchange.erase();
    }
  }

  /** H2 from given random values, for the vectors. */
  async _receiveHello(record, nowMs, serverRandom, sessionId, exchange, encapsulate) {
    if (this.#started) throw new UsageError("H1 comes once");
    this.#started = true;
    const hello = ClientHello.parse(record);
    const speaksOurs = hello.minVersion <= PROTOCOL_VERSION && PROTOCOL_VERSION <= hello.maxVersion;
    if (!speaksOurs) {
      throw new UnsupportedVersion(`client speaks ${hello.minVersion} to ${hello.maxVersion}`);
    }
    const suite = chooseSuite(this.#pqRequired, hello.suites);
    const isHybrid = suite === SUITE_X25519_MLKEM768;
    // Suite 1 has no half of ML-KEM, even when a key for the other suite came with it.
    const [kemSecret, ciphertext] = isHybrid ? encapsulate(hello.encapsulation) : [new Uint8Array(), new Uint8Array()];
    const shared = concat(kemSecret, exchange.exchange(hello.exchange));
    const proof = new ServerProof(this.#gate.serverPublic, nowMs, this.#serverId, this.#parameters.encode());
    const sealedBytes = proof.encode().length + SIGNATURE_BYTES + TAG_BYTES;
    const clear = ServerHello.encodeClear(suite, serverRandom, sessionId, exchange.public, ciphertext, sealedBytes);
    const th2 = sha256(record, clear);
    const keys = HandshakeKeys.derive(shared, th2);
    wipe(shared, kemSecret);
    const plaintext = concat(proof.encode(), this.#gate.identity.sign(proof.signed(th2)));
    const sealed = await aeadSeal(await aeadKey(keys.serverKey), keys.serverIv, plaintext, th2);
    const answer = ServerHello.encode(clear, sealed);
    const exchanges = { serverExchange: exchange.public, clientExchange: hello.exchange };
    this.#helloDone = { records: concat(record, answer), suite, sessionId, ...exchanges, keys };
    return answer;
  }

  /**
   * Whose PSK and device to look up; nothing of it is proven yet.
   *
   * Raises: too_large; malformed; unauthentic.
   * Spec: 3.3
   */
  async receiveClientAuth(record) {
    if (this.#helloDone === null) throw new UsageError("H3 comes once, after H2");
    const hello = this.#helloDone;
    this.#helloDone = null;
    const { records, keys } = hello;
    const sealed = parseRecord(CLIENT_AUTH, record);
    const plaintext = await aeadOpen(await aeadKey(keys.clientKey), keys.clientIv, sealed, sha256(records));
    const [proof, binder, signature] = ClientProof.parse(plaintext);
    const { pskId, devicePublic, clientTimeMs, params } = proof;
    const auth = new ClientAuth(pskId, devicePublic, clientTimeMs, parseTlvs(params), parseClientName(params));
    this.#auth = { ...hello, proof, binder, signature, th4: sha256(records, record) };
    return auth;
  }

  /**
   * Nothing, when the caller proved this PSK and this device.
   *
   * For an id nobody has, pass a random PSK: everything is computed before anything is judged, so the caller cannot
   * tell an unknown id from a wrong PSK, device or signature. expectedDevice is null only for an invite that no device
   * has used.
   * Raises: unauthentic.
   * Spec: 3.3
   */
  verify(psk, expectedDevice) {
    if (this.#auth === null) throw new UsageError("verify comes once, after H3");
    const { records, suite, sessionId, keys, serverExchange, clientExchange } = this.#auth;
    const { proof, binder, signature, th4 } = this.#auth;
    const th3 = sha256(records);
    const mainSecret = keys.mainSecret(psk);
    const binderFits = constantTimeEqual(pskBinder(mainSecret, th3, proof.encode()), binder);
    const deviceFits = (expectedDevice ?? proof.devicePublic).equals(proof.devicePublic);
    const signatureFits = verifies(proof, signature, proof.signed(th3, binder));
    if (!(binderFits && deviceFits && signatureFits)) throw new Unauthentic("client authentication");
    const epochKeys = epochZero(mainSecret, th4, serverExchange, clientExchange);
    this.#verified = { suite, sessionId, th4, epochKeys };
    wipe(mainSecret);
    keys.erase();
    this.#auth = null;
  }

  /** The 32 bytes both sides may derive further secrets from; there once `verify` has passed. */
  get exporter() {
    if (this.#verified !== null) return this.#verified.epochKeys.exporter.slice();
    if (this.#session === null) throw new UsageError("the exporter is there after verify");
    return this.#session.exporter;
  }

  /** The suite that was taken; there once `verify` has passed. */
  get suite() {
    const taken = this.#verified ?? this.#session;
    if (taken === null) throw new UsageError("the suite is there after verify");
    return taken.suite;
  }

  /** AUTH_OK and the session; messageId is 16 fresh random bytes. Spec: 3.3 */
  async finish(tlvs, messageId, nowMs) {
    if (this.#verified === null) throw new UsageError("finish comes once, after verify");
    const { suite, sessionId, th4, epochKeys } = this.#verified;
    // Taken before the first wait: a second session with these keys would use their nonces again.
    this.#verified = null;
    const { maxFrameBytes, softLimits, hardLimits } = this.#parameters;
    const session = new Session(Role.SERVER, sessionId, epochKeys, maxFrameBytes, softLimits, hardLimits, suite);
    const payload = concat(finishedValue(epochKeys, th4), encodeTlvs(tlvs));
    epochKeys.erase();
    this.#session = session;
    return [await session.seal(MessageType.AUTH_OK, payload, messageId, nowMs), session];
  }
}

function verifies(proof, signature, message) {
  try {
    proof.devicePublic.verify(signature, message);
  } catch {
    return false;
  }
  return true;
}
