/**
 * The server's machine of a rekey.
 *
 * No browser is a server; this half is here so that the two machines can be run back to back in one language too.
 * Spec: 3.6
 */

import { concat } from "../bytes.js";
import { wipe } from "./_secret_fields.js";
import { parseRekey, RekeyDone, RekeyInit, RekeyRequest, RekeyResponse } from "./_rekey_messages.js";
import { _Rekey } from "./_rekey_machine.js";
import { OutOfOrder, TooFast, Unauthentic } from "./errors.js";
import { ExchangeSecret } from "./keys.js";
import { REKEY_INTERVAL_SECONDS } from "./limits.js";
import { constantTimeEqual, sha256 } from "./primitives.js";
import { Role } from "./session.js";

/** The server's half of every rekey of one session; `sign` signs with the identity of its handshake. */
export class ServerRekey extends _Rekey {
  #devicePublic;
  #sign;
  #askedFor = 0;
  /** What DONE must carry, and since when it is awaited. */
  #finished = null;
  #answeredAt = null;

  /**
   * @param {import("./session.js").Session} session @param {import("./keys.js").DevicePublic} devicePublic
   * @param {(message: Uint8Array) => Uint8Array} sign
   */
  constructor(session, devicePublic, sign, now) {
    super(session, Role.SERVER, now);
    this.#devicePublic = devicePublic;
    this.#sign = sign;
  }

  /** Whether to send REQUEST now: a soft limit is reached, and the client was not asked in this epoch. Spec: 3.6 */
  isDue(now) {
    const isAsked = this.#askedFor > this._session.sendingEpoch;
    return !(isAsked || this._isSoon(now) || this.#finished !== null) && this._isWorn(now);
  }

  /** Whether to close: a hard limit is reached, or DONE is missing. Spec: 3.6 */
  isOverdue(now) {
    return this._isOver(now, this.#answeredAt);
  }

  /** REQUEST; null while a rekey is under way. Spec: 3.6 */
  request() {
    if (this.#finished !== null) return null;
    this.#askedFor = this._session.sendingEpoch + 1;
    return new RekeyRequest().encode();
  }

  /**
   * RESP for an INIT; null for a DONE, after which the session receives in the new epoch.
   *
   * Raises: malformed; out_of_order (a second INIT, a DONE without one, another epoch, a message for clients); too_fast
   * (the epoch began less than 10 s ago); unauthentic.
   * Spec: 3.6
   */
  receive(payload, now) {
    const exchange = ExchangeSecret.generate();
    try {
      return this._receive(payload, now, exchange, (key) => key.encapsulate());
    } finally {
      exchange.erase();
    }
  }

  /** RESP from given random values, for the vectors. */
  _receive(payload, now, exchange, encapsulate) {
    const message = parseRekey(payload, this._session.suite);
    if (message instanceof RekeyDone && this.#finished !== null) return this.#takeDone(message);
    if (!(message instanceof RekeyInit) || this.#finished !== null) {
      throw new OutOfOrder("a rekey message that is not due");
    }
    this.#check(message, now);
    // Nothing of ML-KEM in suite 1.
    const none = [new Uint8Array(), new Uint8Array()];
    const [kemSecret, ciphertext] = message.encapsulation === null ? none : encapsulate(message.encapsulation);
    const shared = concat(kemSecret, exchange.exchange(message.exchange));
    const response = new RekeyResponse(message.epoch, exchange.public, ciphertext);
    const answer = concat(response.encode(), this.#sign(response.signed(this._session.sessionId, payload)));
    const transcript = sha256(payload, answer);
    this.#finished = this._session.prepareEpoch(shared, transcript, exchange.public, message.exchange);
    wipe(shared, kemSecret);
    this.#answeredAt = now;
    this._begins(now);
    return answer;
  }

  /** Nothing, when this INIT may begin; before any costly work. */
  #check(init, now) {
    if (this._isSoon(now)) throw new TooFast(`an epoch lasts at least ${REKEY_INTERVAL_SECONDS} s`);
    if (init.epoch !== this._session.epoch + 1) throw new OutOfOrder(`INIT for epoch ${init.epoch}`);
    this.#devicePublic.verify(init.signature, init.signed(this._session.sessionId));
  }

  #takeDone({ finished }) {
    if (!constantTimeEqual(this.#finished, finished)) throw new Unauthentic("finished value");
    this._session.switchReceiving();
    [this.#finished, this.#answeredAt] = [null, null];
    return null;
  }
}
