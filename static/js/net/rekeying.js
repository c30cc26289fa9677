// Fresh keys for a session in time: begins a rekey when the present ones have done enough or the server asks, and ends
// the session when they may do no more.
//
// Spec: 3.6

import { RekeyOverdue } from "../protocol/errors.js";
import { ClientRekey } from "../protocol/rekey.js";

const LOOK_EVERY_MS = 1000;

/** Steady, unlike the time of day. */
const steadySeconds = () => performance.now() / 1000;

export class Rekeying {
  #rekey;
  #send;
  #fail;
  #now;
  #timer;

  /**
   * @param {object} parts
   * @param {import("../protocol/session.js").Session} parts.session
   * @param {import("../protocol/keys.js").IdentityPublic} parts.serverPublic
   * @param {(message: Uint8Array) => Uint8Array | Promise<Uint8Array>} parts.sign by the device key
   * @param {(payload: Uint8Array) => void} parts.send seals it at once, as a frame of type 0x04
   * @param {(cause: Error) => void} parts.fail
   * @param {() => number} [parts.now] seconds
   */
  constructor({ session, serverPublic, sign, send, fail, now = steadySeconds }) {
    this.#send = send;
    this.#fail = fail;
    this.#now = now;
    this.#rekey = new ClientRekey(session, serverPublic, sign, now());
    session.handRekeyTo((payload) => this.#take(payload));
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  /** Begin or end what is due; called after every frame, for bytes and frames do not wait for a clock. */
  look() {
    const now = this.#now();
    if (this.#rekey.isOverdue(now)) this.#fail(new RekeyOverdue("new keys did not come in time"));
    else if (this.#rekey.isDue(now)) this.#begin(now);
  }

  stop() {
    clearInterval(this.#timer);
    this.#rekey.end();
  }

  async #begin(now) {
    try {
      this.#send(await this.#rekey.init(now));
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** Called between one frame and the next: DONE is sealed before anything can come in between. */
  #take(payload) {
    const answer = this.#rekey.receive(payload, this.#now());
    if (answer) this.#send(answer);
  }
}
