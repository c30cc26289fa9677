// Notices when a connection has gone silent, which no browser tells.

import { parsePing } from "../protocol/bodies.js";
import { PING_AFTER_SECONDS, SILENCE_SECONDS } from "../protocol/limits.js";

const LOOK_EVERY_MS = 1000;
/** Of what a server asks for, nothing below this counts. */
const LEAST_IDLE_SECONDS = 10;

export class Keepalive {
  #ping;
  #giveUp;
  #timer;
  #silenceMs;
  #heard = Date.now();
  #pinged = Date.now();

  /** @param {{ping: () => void, giveUp: () => void, idleSeconds?: number}} parts idleSeconds: what the server says */
  constructor({ ping, giveUp, idleSeconds = SILENCE_SECONDS }) {
    this.#ping = ping;
    this.#giveUp = giveUp;
    this.#silenceMs = Math.min(Math.max(idleSeconds, LEAST_IDLE_SECONDS), SILENCE_SECONDS) * 1000;
    this.#timer = setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS);
  }

  /** Something came from the other side. */
  heard() {
    this.#heard = Date.now();
  }

  /** What a ping is answered with. Raises: too_large. @param {Uint8Array} payload */
  echo(payload) {
    return parsePing(payload);
  }

  stop() {
    clearInterval(this.#timer);
  }

  #look(now) {
    const silence = now - Math.max(this.#heard, this.#pinged);
    if (now - this.#heard >= this.#silenceMs) return this.#giveUp();
    if (silence < (this.#silenceMs * PING_AFTER_SECONDS) / SILENCE_SECONDS) return undefined;
    this.#pinged = now;
    return this.#ping();
  }
}
