/**
 * The two directions of a session, and their way from one epoch's keys to the next one's.
 *
 * Spec: 3.6
 */

import { _Lane } from "./_lane.js";
import { wipe } from "./_secret_fields.js";
import { UsageError } from "./errors.js";
import { Direction } from "./frame.js";
import { clientFinishedValue, nextEpoch } from "./key_schedule.js";

export class _Epochs {
  #isClient;
  #exporter;
  #nextKeySeed;
  /** The next epoch's keys, until both directions use them. */
  #next = null;

  constructor(isClient, sessionId, epochKeys, epoch = 0) {
    this.#isClient = isClient;
    this.#exporter = epochKeys.exporter.slice();
    this.#nextKeySeed = epochKeys.nextKeySeed.slice();
    const c2s = new _Lane(sessionId, Direction.CLIENT_TO_SERVER, epochKeys, epoch);
    const s2c = new _Lane(sessionId, Direction.SERVER_TO_CLIENT, epochKeys, epoch);
    [this.sending, this.receiving] = isClient ? [c2s, s2c] : [s2c, c2s];
  }

  /** The one that both directions have reached. */
  get reached() {
    return Math.min(this.sending.epoch, this.receiving.epoch);
  }

  /** The keys that were made and are not used in both directions yet, or null. */
  get next() {
    return this.#next;
  }

  /** Of the epoch in which the client sends. */
  get exporter() {
    if (this.#exporter === null) throw new UsageError("the session has ended");
    return this.#exporter;
  }

  /** Make the next epoch's keys. @returns {Uint8Array} what DONE must carry. Raises: usage (also after the end). */
  prepare(sharedSecret, transcript, serverPublic, clientPublic) {
    // A frame that was being opened when the session ended would bring keys back that nobody erases.
    if (this.#exporter === null) throw new UsageError("the session has ended");
    if (this.#next !== null) throw new UsageError("one epoch after the other");
    const publics = [serverPublic, clientPublic];
    const keys = nextEpoch(this.#nextKeySeed, sharedSecret, transcript, this.reached + 1, ...publics);
    // Who finds the new one cannot go back.
    wipe(this.#nextKeySeed);
    [this.#next, this.#nextKeySeed] = [keys, keys.nextKeySeed.slice()];
    return clientFinishedValue(keys, transcript);
  }

  /** The peer's last frame of its epoch has opened. Raises: usage. */
  switchReceiving() {
    const { sending, receiving } = this;
    if (this.#next === null || receiving.epoch > sending.epoch) throw new UsageError("no epoch to receive in");
    receiving.turn(this.#next);
    this.#finish(!this.#isClient);
  }

  /** A frame of type KEY_ROTATION was sealed: our last one of its epoch, when there is a next. */
  switchSending() {
    if (this.#next === null || this.sending.epoch > this.receiving.epoch) return;
    this.sending.turn(this.#next);
    this.#finish(this.#isClient);
  }

  #finish(clientSends) {
    if (clientSends) {
      wipe(this.#exporter);
      this.#exporter = this.#next.exporter.slice();
    }
    if (this.sending.epoch === this.receiving.epoch) this.#drop();
  }

  /** Overwrite every key: nothing is sealed or opened from here on. */
  end() {
    if (this.#exporter === null) return;
    wipe(this.#exporter, this.#nextKeySeed);
    this.#exporter = null;
    this.#drop();
    this.sending.end();
    this.receiving.end();
  }

  #drop() {
    this.#next?.erase();
    this.#next = null;
  }
}
