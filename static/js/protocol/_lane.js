/**
 * One direction of a session: the keys of its epoch, and what they have carried.
 *
 * Spec: 3.5, 3.6
 */

import { UsageError } from "./errors.js";
import { Direction, FrameKeys } from "./frame.js";

export class _Lane {
  #sessionId;
  #direction;
  #keys = null;
  #epoch;
  #frames;
  #bytes;

  /** @param {Uint8Array} sessionId @param {number} direction one of Direction @param {EpochKeys} epochKeys of epoch */
  constructor(sessionId, direction, epochKeys, epoch) {
    this.#sessionId = sessionId;
    this.#direction = direction;
    this.#begin(epochKeys, epoch);
  }

  /** Raises: usage (the session has ended). */
  get keys() {
    if (this.#keys === null) throw new UsageError("the session has ended");
    return this.#keys;
  }

  get epoch() {
    return this.#epoch;
  }

  /** Frames under these keys; also the counter of the next one. */
  get frames() {
    return this.#frames;
  }

  get bytes() {
    return this.#bytes;
  }

  /** Whether nothing was carried yet, by any keys. */
  get isFresh() {
    return this.#epoch === 0 && this.#frames === 0;
  }

  count(size) {
    this.#frames += 1;
    this.#bytes += size;
  }

  /** From here on under the next epoch's keys; the counter begins anew. */
  turn(epochKeys) {
    this.#begin(epochKeys, this.#epoch + 1);
  }

  end() {
    this.#keys?.erase();
    this.#keys = null;
  }

  #begin({ clientKey, clientIv, serverKey, serverIv }, epoch) {
    const [key, iv] = this.#direction === Direction.CLIENT_TO_SERVER ? [clientKey, clientIv] : [serverKey, serverIv];
    this.#keys?.erase();
    this.#keys = new FrameKeys(key, iv, this.#sessionId, this.#direction, epoch);
    this.#epoch = epoch;
    this.#frames = 0;
    this.#bytes = 0;
  }
}
