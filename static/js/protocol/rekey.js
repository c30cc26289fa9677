/**
 * New keys inside a session: fresh X25519, and ML-KEM in a session of its suite, signed by both ends; frames go on.
 *
 *     client                                server
 *                                <-REQUEST-  ServerRekey.request()       "please", may be left out
 *     ClientRekey.init()           -INIT->   .receive()
 *     .receive()                  <-RESP-                                server's last frame of the epoch
 *                                  -DONE->   .receive()                  client's last frame of the epoch
 *
 * What these machines return is sealed at once as the next frame of type KEY_ROTATION; `receive` is called by
 * `Session.handRekeyTo`, before the next frame is opened; the session switches its keys by itself. Times are seconds of
 * any steady clock. After any error the connection is closed.
 * Spec: 3.6
 */

import { concat } from "../bytes.js";
import { wipe } from "./_secret_fields.js";
import { _Rekey } from "./_rekey_machine.js";
import { parseRekey, RekeyDone, RekeyInit, RekeyRequest, RekeyResponse } from "./_rekey_messages.js";
import { OutOfOrder, UsageError } from "./errors.js";
import { DecapsulationKey, ExchangeSecret } from "./keys.js";
import { REKEY_INTERVAL_SECONDS } from "./limits.js";
import { sha256 } from "./primitives.js";
import { Role } from "./session.js";
import { SUITE_X25519_MLKEM768 } from "./suites.js";

export {
  parseRekey,
  RekeyDone,
  RekeyInit,
  RekeyKind,
  RekeyRequest,
  RekeyResponse,
} from "./_rekey_messages.js";
export { ServerRekey } from "./_server_rekey.js";

/** A client waits this much longer than it must: two clocks do not run alike. */
const MARGIN_SECONDS = 1;

/** The client's half of every rekey of one session; `sign` signs with the device's key, wherever that is kept. */
export class ClientRekey extends _Rekey {
  #serverPublic;
  #sign;
  #isAsked = false;
  /** The epoch that RESP has begun: until DONE is sealed we send in the one before. */
  #answeredEpoch = 0;
  /** What INIT leaves behind until RESP is believed: when it began, and once it is signed its payload and secrets. */
  #begun = null;
  #hasEnded = false;

  /**
   * @param {import("./session.js").Session} session @param {import("./keys.js").IdentityPublic} serverPublic
   * @param {(message: Uint8Array) => Uint8Array | Promise<Uint8Array>} sign
   */
  constructor(session, serverPublic, sign, now) {
    super(session, Role.CLIENT, now);
    this.#serverPublic = serverPublic;
    this.#sign = sign;
  }

  /** Whether to send INIT now: a soft limit is reached or the server has asked, and it is not too soon. Spec: 3.6 */
  isDue(now) {
    if (this.#isUnderWay || this._isSoon(now, MARGIN_SECONDS)) return false;
    return this.#isAsked || this._isWorn(now);
  }

  /** Whether to close: a hard limit is reached, or RESP is missing. Spec: 3.6 */
  isOverdue(now) {
    return this._isOver(now, this.#begun?.sentAt ?? null);
  }

  /**
   * INIT. Frames go on in both directions until RESP comes.
   *
   * Raises: usage (RESP is awaited, or the server would take this for too soon).
   * Spec: 3.6
   * @returns {Promise<Uint8Array>}
   */
  async init(now) {
    if (this._isSoon(now)) throw new UsageError(`an epoch lasts at least ${REKEY_INTERVAL_SECONDS} s`);
    const isHybrid = this._session.suite === SUITE_X25519_MLKEM768;
    return this._init(now, ExchangeSecret.generate(), isHybrid ? DecapsulationKey.generate() : null);
  }

  /** INIT from given random values, for the vectors. */
  async _init(now, exchange, decapsulation) {
    if (this.#isUnderWay) throw new UsageError("one rekey after the other");
    // Taken before the first wait: a second call meanwhile is refused.
    this.#begun = { sentAt: now, payload: null };
    const unsigned = new RekeyInit(this._session.epoch + 1, exchange.public, decapsulation?.public ?? null);
    const payload = concat(unsigned.encode(), await this.#sign(unsigned.signed(this._session.sessionId)));
    if (this.#hasEnded) {
      erase({ exchange, decapsulation });
      throw new UsageError("the session has ended");
    }
    this.#begun = { sentAt: now, payload, exchange, decapsulation };
    return payload.slice();
  }

  /**
   * DONE for a RESP, null for a REQUEST. From here on the session receives in the new epoch.
   *
   * Raises: malformed; out_of_order (not asked for, another epoch, a message for servers); unauthentic.
   * Spec: 3.6
   * @param {Uint8Array} payload @param {number} now @returns {Uint8Array | null}
   */
  receive(payload, now) {
    const message = parseRekey(payload, this._session.suite);
    if (message instanceof RekeyRequest) {
      // While an INIT is under way it has its answer already.
      this.#isAsked = this.#begun === null;
      return null;
    }
    if (!(message instanceof RekeyResponse) || !this.#begun?.payload) {
      throw new OutOfOrder("a rekey message that nothing asked for");
    }
    return this.#finish(this.#begun, message, payload, now);
  }

  /** The session has ended: what INIT left behind goes now, for RESP will not come. Spec: 3.4 */
  end() {
    if (this.#begun) erase(this.#begun);
    [this.#begun, this.#hasEnded] = [null, true];
  }

  get #isUnderWay() {
    return this.#begun !== null || this._session.sendingEpoch < this.#answeredEpoch;
  }

  #finish({ payload: init, exchange, decapsulation }, response, payload, now) {
    const session = this._session;
    if (response.epoch !== session.epoch + 1) throw new OutOfOrder(`RESP for epoch ${response.epoch}`);
    this.#serverPublic.verify(response.signature, response.signed(session.sessionId, init));
    const kemSecret = decapsulation?.decapsulate(response.ciphertext) ?? new Uint8Array();
    const shared = concat(kemSecret, exchange.exchange(response.exchange));
    let finished;
    try {
      finished = session.prepareEpoch(shared, sha256(init, payload), response.exchange, exchange.public);
    } finally {
      wipe(shared, kemSecret);
    }
    session.switchReceiving();
    erase({ exchange, decapsulation });
    [this.#begun, this.#isAsked, this.#answeredEpoch] = [null, false, response.epoch];
    this._begins(now);
    return new RekeyDone(finished).encode();
  }
}

function erase({ exchange, decapsulation }) {
  exchange?.erase();
  decapsulation?.erase();
}
