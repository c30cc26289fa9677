// From an endpoint to an authenticated session.

import { ClientHandshake } from "../protocol/handshake.js";
import { PeerError } from "../protocol/errors.js";
import { HANDSHAKE_SECONDS } from "../protocol/limits.js";
import { SUITES, suitesToOffer } from "../protocol/suites.js";
import { Channel } from "./channel.js";
import { DialFailed } from "./failures.js";
import { openWire as openWebSocket } from "./wire.js";

/** Shown to the server's people in their list of devices. */
const CLIENT_NAME = "ClawChat web";

const HANDSHAKE_MS = HANDSHAKE_SECONDS * 1000;

/** This app never does without ML-KEM. Spec: 3.7 */
const PQ_REQUIRED = true;

/** A browser may not send 1008; this is its twin. Spec: 3.3 */
const CLOSE_HANDSHAKE_FAILED = 4008;

/** Which server is meant, and as whom to call it. */
export class Credentials {
  /**
   * @param {object} parts
   * @param {import("../protocol/keys.js").IdentityPublic} parts.serverPublic the pin
   * @param {import("../protocol/keys.js").GateKey} parts.gateKey
   * @param {Uint8Array} parts.pskId 16 bytes @param {import("../protocol/keys.js").PreSharedKey} parts.psk
   * @param {import("../protocol/keys.js").DevicePublic} parts.devicePublic
   * @param {(message: Uint8Array) => Promise<Uint8Array>} parts.sign by the device key
   */
  constructor({ serverPublic, gateKey, pskId, psk, devicePublic, sign }) {
    Object.assign(this, { serverPublic, gateKey, pskId, psk, devicePublic, sign });
    Object.freeze(this);
  }

  /** One attempt at the handshake. @param {number[]} suites to offer */
  begin(suites) {
    const { serverPublic, gateKey, pskId, psk, devicePublic, sign } = this;
    return new ClientHandshake(serverPublic, gateKey, pskId, psk, devicePublic, sign, CLIENT_NAME, suites);
  }
}

/**
 * Connect, prove who both sides are, and hand over the session.
 * @param {object} options
 * @param {string} options.url of the chat port with its path
 * @param {Credentials} options.credentials
 * @param {object} options.handlers what `Channel` takes
 * @param {number[]} [options.suites] those that the connection file in force lists; all when there is none
 * @param {typeof openWebSocket} [options.openWire]
 * @param {number} [options.timeoutMs] for all of it
 * @param {(handshake: ClientHandshake) => Promise<void>} [options.proven] awaited when the other side has proven to be
 *   our server and we not yet who we are; what it raises ends the dial
 * @returns {Promise<{channel: Channel, handshake: ClientHandshake}>} Raises: DialFailed.
 */
export async function dial(options) {
  const { url, credentials, handlers, openWire = openWebSocket, timeoutMs = HANDSHAKE_MS, proven } = options;
  const { suites = SUITES } = options;
  const records = new RecordQueue();
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), timeoutMs);
  timeout.signal.addEventListener("abort", () => records.end(null), { once: true });
  let wire = null;
  try {
    const handshake = credentials.begin(suitesToOffer(PQ_REQUIRED, suites));
    wire = await openWire(url, records.handlers, timeout.signal);
    return await shakeHands(wire, records, handshake, credentials, handlers, proven);
  } catch (cause) {
    wire?.close(CLOSE_HANDSHAKE_FAILED);
    throw Object.assign(failureOf(cause), { wasThere: wire !== null && !timeout.signal.aborted });
  } finally {
    clearTimeout(timer);
  }
}

function failureOf(cause) {
  if (cause instanceof DialFailed) return cause;
  return new DialFailed(cause instanceof PeerError ? cause.code : "internal", { cause });
}

async function shakeHands(wire, records, handshake, credentials, handlers, proven) {
  wire.send(handshake.hello());
  const answer = await handshake.receiveServerHello(await records.next(), Date.now());
  await proven?.(handshake);
  wire.send(answer);
  const session = await handshake.receiveFinished(await records.next());
  const { serverPublic, sign } = credentials;
  const { idleSeconds } = handshake.serverParameters;
  const channel = new Channel({ wire, session, serverPublic, sign, handlers, idleSeconds });
  records.handOver(channel);
  return { channel, handshake };
}

/** Messages in the order they came: first to the handshake, that asks for each, then to the channel. */
class RecordQueue {
  #waiting = [];
  #wanted = null;
  #taker = null;
  #endedWith;

  get handlers() {
    return { onMessage: (data) => this.#put(data), onEnd: (code) => this.end(code) };
  }

  /** The next message. Raises: DialFailed when the connection ended before. */
  next() {
    if (this.#waiting.length > 0) return Promise.resolve(this.#waiting.shift());
    if (this.#endedWith !== undefined) return Promise.reject(this.#failure());
    return new Promise((resolve, reject) => (this.#wanted = { resolve, reject }));
  }

  end(code) {
    if (this.#endedWith !== undefined) return;
    this.#endedWith = code;
    this.#wanted?.reject(this.#failure());
    this.#taker?.ended(code);
  }

  handOver(channel) {
    this.#taker = channel;
    for (const data of this.#waiting.splice(0)) channel.receive(data);
    if (this.#endedWith !== undefined) channel.ended(this.#endedWith);
  }

  #put(data) {
    if (this.#taker) return this.#taker.receive(data);
    if (!this.#wanted) return this.#waiting.push(data);
    const { resolve } = this.#wanted;
    this.#wanted = null;
    return resolve(data);
  }

  /** What a server may say before AUTH_OK: that it refuses us, or is a tripwire. Others say nothing. Spec: 3.7 */
  #failure() {
    return new DialFailed({ 1008: "refused", 4409: "rediscover" }[this.#endedWith] ?? "unavailable");
  }
}
