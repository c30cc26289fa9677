// Notices when a connection has gone silent, which no browser tells.

import { PING_AFTER_SECONDS, SILENCE_SECONDS } from "../protocol/limits.js";

const LOOK_EVERY_MS = 5000;

export class Keepalive {
  #ping;
  #giveUp;
  #timer;
  #heard = Date.now();
  #pinged = Date.now();

  /** @param {{ping: () => void, giveUp: () => void}} actions */
  constructor({ ping, giveUp }) {
    this.#ping = ping;
    this.#giveUp = giveUp;
    this.#timer = setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS);
  }

  /** Something came from the other side. */
  heard() {
    this.#heard = Date.now();
  }

  stop() {
    clearInterval(this.#timer);
  }

  #look(now) {
    const silence = now - Math.max(this.#heard, this.#pinged);
    if (now - this.#heard >= SILENCE_SECONDS * 1000) return this.#giveUp();
    if (silence < PING_AFTER_SECONDS * 1000) return undefined;
    this.#pinged = now;
    return this.#ping();
  }
}
