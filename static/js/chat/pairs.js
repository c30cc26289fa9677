// How this device proves itself to its server: the pair in use, and the one that follows until it has opened a session.
//
// Spec: 3.2, 3.14

import { toHex } from "../bytes.js";
import { deviceCredentials } from "../protocol/key_schedule.js";

const DAY_SECONDS = 86_400;
const LASTS_SECONDS = 30 * DAY_SECONDS;

/**
 * A PSK id of 16 bytes, the PSK's 32, and when it was made, in seconds since 1970 by the server's clock.
 * @typedef {{id: Uint8Array, key: Uint8Array, made?: number}} Pair
 */

export class Pairs {
  #row;
  #save;
  #devicePublic;

  /**
   * @param {() => {psk: Pair | null, next_psk?: Pair | null}} row what is kept now
   * @param {(changes: object) => Promise<void>} save keeps other values, of these two or of `invite`
   * @param {() => import("../protocol/keys.js").DevicePublic} devicePublic
   */
  constructor(row, save, devicePublic) {
    this.#row = row;
    this.#save = save;
    this.#devicePublic = devicePublic;
  }

  /** @returns {Pair | null} until the device is enrolled */
  get inUse() {
    return this.#row().psk;
  }

  /** @returns {Pair | null} that the next handshake is tried with first */
  get following() {
    return this.#row().next_psk ?? null;
  }

  get newest() {
    return this.following ?? this.inUse;
  }

  /** A session under the invitation gave this device its first pair. @param {ClientHandshake} handshake */
  enrolled({ exporter, clockOffsetMs }) {
    const now = Math.floor((Date.now() + clockOffsetMs) / 1000);
    return this.#save({ psk: this.#pair(exporter, now), next_psk: null });
  }

  /**
   * The server has another pair for this device.
   * @param {Uint8Array} exporter of the epoch in which the request was sealed @param {number} now seconds
   */
  renewed(exporter, now) {
    return this.#save({ next_psk: this.#pair(exporter, now) });
  }

  /** This pair has opened a session: the one before is erased, and the invitation that led to it. */
  async confirmed(pair) {
    const { psk, next_psk: next, invite } = this.#row();
    const changes = {
      ...(invite && { invite: null }),
      ...(!isSame(pair, psk) && { psk: pair }),
      ...(next && isSame(pair, next) && { next_psk: null }),
    };
    if (Object.keys(changes).length > 0) await this.#save(changes);
  }

  /** The one in use has opened a session and this one has not: the server does not have it. */
  async refused(pair) {
    if (this.following && isSame(pair, this.following)) await this.#save({ next_psk: null });
  }

  /**
   * Whether another pair is to be asked for. One from before its time was written down is within a day, not
   * everybody's at once. @param {number} now seconds @param {() => number} random from 0 up to 1
   */
  async isDue(now, random) {
    const { newest } = this;
    if (newest.made === undefined) {
      const made = now - LASTS_SECONDS + Math.floor(random() * DAY_SECONDS);
      await this.#save({ psk: { ...newest, made } });
      return false;
    }
    return now - newest.made >= LASTS_SECONDS;
  }

  #pair(exporter, made) {
    const [id, psk] = deviceCredentials(exporter, this.#devicePublic());
    return { id, key: psk.bytes, made };
  }
}

function isSame(one, other) {
  return toHex(one.id) === toHex(other.id);
}
