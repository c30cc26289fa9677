/**
 * The client's half of the handshake: H1 out, H2 in, H3 out, AUTH_OK in, session.
 *
 * Spec: 3.3
 */

import { concat, utf8 } from "../bytes.js";
import { wipe } from "./_secret_fields.js";
import { parseTlvs } from "./encoding.js";
import { Unauthentic, UsageError } from "./errors.js";
import { closeHello } from "./gate.js";
import {
  CLIENT_AUTH,
  ClientHello,
  ClientProof,
  encodeRecord,
  PROTOCOL_VERSION,
  ServerHello,
  ServerProof,
} from "./handshake_messages.js";
import { epochZero, finishedValue, HandshakeKeys, pskBinder } from "./key_schedule.js";
import { DecapsulationKey, ExchangeSecret } from "./keys.js";
import { CLIENT_NAME_MAX_BYTES } from "./limits.js";
import { encodeClientName, ServerParameters } from "./parameters.js";
import { aeadKey, aeadOpen, aeadSeal, constantTimeEqual, randomBytes, sha256 } from "./primitives.js";
import { Role, Session } from "./session.js";
import { SUITE_X25519_MLKEM768, SUITES } from "./suites.js";

const HYBRID_ONLY = Object.freeze([SUITE_X25519_MLKEM768]);

/**
 * One attempt to reach one server; after any error it is thrown away and the connection closed.
 *
 * Call `hello`, `receiveServerHello`, `receiveFinished`, in this order, each once. `sign` signs with the device's key,
 * wherever that is kept. `suites` are those to offer, the preferred one first (`suitesToOffer`); whichever of them the
 * server takes is taken.
 */
export class ClientHandshake {
  #serverPublic;
  #gateKey;
  #pskId;
  #psk;
  #devicePublic;
  #sign;
  #clientName;
  #suites;
  #started = false;
  /** What H1 leaves behind until H2 comes: its record and the ephemeral secrets, that of ML-KEM only when offered. */
  #helloSent = null;
  /** What H3 leaves behind until AUTH_OK comes: suite, session id, transcript hash and keys. */
  #authSent = null;
  #session = null;

  /** Known once H2 was believed: what the server asks, its name, and its clock less ours. */
  serverParameters = new ServerParameters();
  serverId = "";
  clockOffsetMs = 0;
  /** Known once AUTH_OK was believed. @type {Map<number, Uint8Array>} */
  finishedTlvs = new Map();

  /**
   * @param {import("./keys.js").IdentityPublic} serverPublic the pin
   * @param {import("./keys.js").GateKey} gateKey
   * @param {Uint8Array} pskId 16 bytes
   * @param {import("./keys.js").PreSharedKey} psk
   * @param {import("./keys.js").DevicePublic} devicePublic
   * @param {(message: Uint8Array) => Uint8Array | Promise<Uint8Array>} sign
   * @param {string} [clientName] @param {number[]} [suites]
   */
  constructor(serverPublic, gateKey, pskId, psk, devicePublic, sign, clientName = "", suites = HYBRID_ONLY) {
    if (pskId.length !== 16 || utf8(clientName).length > CLIENT_NAME_MAX_BYTES) {
      throw new UsageError(`PSK id of 16 bytes, client name up to ${CLIENT_NAME_MAX_BYTES}`);
    }
    if (suites.length === 0 || !suites.every((suite) => SUITES.includes(suite))) {
      throw new UsageError(`suites to offer: ${suites}`);
    }
    this.#serverPublic = serverPublic;
    this.#gateKey = gateKey;
    this.#pskId = pskId.slice();
    this.#psk = psk;
    this.#devicePublic = devicePublic;
    this.#sign = sign;
    this.#clientName = clientName;
    this.#suites = [...suites];
  }

  /** H1. @returns {Uint8Array} */
  hello() {
    const isHybrid = this.#suites.includes(SUITE_X25519_MLKEM768);
    return this._hello(randomBytes(32), ExchangeSecret.generate(), isHybrid ? DecapsulationKey.generate() : null);
  }

  /** H1 from given random values, for the vectors. */
  _hello(clientRandom, exchange, decapsulation) {
    if (this.#started) throw new UsageError("H1 is sent once");
    this.#started = true;
    const hello = new ClientHello({
      minVersion: PROTOCOL_VERSION,
      maxVersion: PROTOCOL_VERSION,
      random: clientRandom,
      suites: this.#suites,
      exchange: exchange.public,
      encapsulation: decapsulation?.public ?? null,
    });
    const record = closeHello(this.#gateKey, this.#serverPublic, hello.encode());
    this.#gateKey = null;
    this.#helloSent = { record, exchange, decapsulation };
    return record.slice();
  }

  /**
   * H3, when H2 proves the pinned server.
   *
   * nowMs goes into H3 and gives `clockOffsetMs`; nothing is refused because of it.
   * Raises: too_large; malformed; unsupported_version; unauthentic.
   * Spec: 3.3
   * @param {Uint8Array} record @param {number} nowMs @returns {Promise<Uint8Array>}
   */
  async receiveServerHello(record, nowMs) {
    if (this.#helloSent === null) throw new UsageError("H2 comes once, after H1");
    const { record: first, exchange, decapsulation } = this.#helloSent;
    // Taken before the first wait; the ephemeral secrets go with it, nothing later needs them.
    this.#helloSent = null;
    const serverHello = ServerHello.parse(record, this.#suites);
    const [psk, ephemeral] = [this.#psk, exchange.public];
    const secrets = [mlkemSecret(decapsulation, serverHello), exchange.exchange(serverHello.exchange)];
    const shared = concat(...secrets);
    const th2 = sha256(first, serverHello.clearRecord);
    const keys = HandshakeKeys.derive(shared, th2);
    wipe(shared, ...secrets);
    exchange.erase();
    decapsulation?.erase();
    this.#psk = null;
    const proof = await this.#verifyServer(keys, serverHello.sealed, th2);
    const parameters = ServerParameters.parse(proof.params);

    const th3 = sha256(first, record);
    const mainSecret = keys.mainSecret(psk);
    const answer = encodeRecord(CLIENT_AUTH, await this.#sealProof(keys, mainSecret, th3, nowMs));
    const th4 = sha256(first, record, answer);
    const epochKeys = epochZero(mainSecret, th4, serverHello.exchange, ephemeral);
    wipe(mainSecret);
    keys.erase();
    this.#authSent = { suite: serverHello.suite, sessionId: serverHello.sessionId, th4, epochKeys };
    this.serverParameters = parameters;
    this.serverId = proof.serverId;
    this.clockOffsetMs = proof.serverTimeMs - nowMs;
    return answer;
  }

  /**
   * The session, when AUTH_OK proves that the server knows the PSK; `finishedTlvs` has what came with it.
   *
   * Raises: as `Session.open`; unauthentic; malformed.
   * Spec: 3.3
   * @param {Uint8Array} frame @returns {Promise<Session>}
   */
  async receiveFinished(frame) {
    if (this.#authSent === null) throw new UsageError("AUTH_OK comes once, after H3");
    const { suite, sessionId, th4, epochKeys } = this.#authSent;
    // Taken before the first wait: a second session with these keys would use their nonces again.
    this.#authSent = null;
    const { maxFrameBytes, softLimits, hardLimits } = this.serverParameters;
    const session = new Session(Role.CLIENT, sessionId, epochKeys, maxFrameBytes, softLimits, hardLimits, suite);
    const finished = finishedValue(epochKeys, th4);
    epochKeys.erase();
    const { payload } = await session.open(frame);
    if (!constantTimeEqual(finished, payload.subarray(0, 32))) throw new Unauthentic("finished value");
    this.finishedTlvs = parseTlvs(payload.subarray(32));
    this.#session = session;
    return session;
  }

  /** The 32 bytes both sides may derive further secrets from: the session's, once AUTH_OK was believed. */
  get exporter() {
    if (this.#session === null) throw new UsageError("the exporter is there after AUTH_OK");
    return this.#session.exporter;
  }

  async #verifyServer(keys, sealed, th2) {
    const plaintext = await aeadOpen(await aeadKey(keys.serverKey), keys.serverIv, sealed, th2);
    const [proof, signature] = ServerProof.parse(plaintext);
    if (!proof.serverPublic.equals(this.#serverPublic)) throw new Unauthentic("another server");
    proof.serverPublic.verify(signature, proof.signed(th2));
    return proof;
  }

  async #sealProof(keys, mainSecret, th3, nowMs) {
    const proof = new ClientProof(this.#pskId, this.#devicePublic, nowMs, encodeClientName(this.#clientName));
    const binder = pskBinder(mainSecret, th3, proof.encode());
    const signature = await this.#sign(proof.signed(th3, binder));
    const plaintext = concat(proof.encode(), binder, signature);
    return aeadSeal(await aeadKey(keys.clientKey), keys.clientIv, plaintext, th3);
  }
}

/** ML-KEM's half of the shared secret; suite 1 has none, even when the other suite was offered with it. */
function mlkemSecret(decapsulation, { suite, ciphertext }) {
  return suite === SUITE_X25519_MLKEM768 ? decapsulation.decapsulate(ciphertext) : new Uint8Array();
}
